"""The meter, views and tokens, as the tests of metering speak of them."""

from moderation.db import db
from moderation.models import Audit, Event, MeterAccount, MeteredPost
from tests.engagement import READER, done, url

DENIED = {"allowed": False, "because": "none", "unlock_left": 0, "meter_left": 0, "until": None}


def set_meter(client, posts=5, window="month", **sections):
    return done(client.put("/v1/meter", json={"window": window, "posts": posts, "sections": sections}))


def view(client, post_id="2041", reader=READER, **more):
    """The answer of a counted view, whatever it is."""
    return client.post(url("/views", reader), json={"post_id": post_id}, **more)


def viewed(client, post_id="2041", reader=READER):
    return done(view(client, post_id, reader))


def new_token(client):
    return done(client.post("/v1/anonymous-readers"))["token"]


def anonymous_view(client, token, post_id="2041", **more):
    return client.post(f"/v1/anonymous-readers/{token}/views", json={"post_id": post_id}, **more)


def anonymous_access(client, token, post_id="2041"):
    return done(client.get(f"/v1/anonymous-readers/{token}/access?post_id={post_id}"))


def merge(client, token, reader=READER, **more):
    return client.post(url("/merge", reader), json={"anonymous": token}, **more)


def tell(client, post_id, **about):
    return done(client.put(f"/v1/posts/{post_id}", json=about))


def counted(app):
    """How many counted posts, readers of the meter, events and acts there are."""
    with app.app_context():
        return [db.session.query(model).count() for model in (MeteredPost, MeterAccount, Event, Audit)]


def posts_of(client, reader=READER):
    """What is held on a reader: the posts that were counted."""
    return sorted(row["post_id"] for row in client.get(url("/export", reader)).json["metered_posts"])


def read(client, token, *posts):
    for post in posts:
        assert anonymous_view(client, token, post).status_code == 201
