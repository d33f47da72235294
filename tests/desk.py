"""A moderator at the desk: a browser that sends forms with the token of the page it is on."""

import re
from html import unescape

from moderation import db as database
from moderation import passwords
from moderation.db import db
from moderation.services import moderators, sites
from moderation.views.review.session import limiter
from tests.factories import comment

PASSWORD = "correct horse battery"
PASSWORD_HASH = passwords.hash_of(PASSWORD)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_VERSION = re.compile(r'name="version" value="(\d+)"')
_NOTICE = re.compile(r'id="notice"[^>]*>([^<]*)<')


class Desk:
    def __init__(self, app):
        self.client = app.test_client()
        self.page = ""

    def get(self, path, **kwargs):
        return self._keep(self.client.get(f"/review{path}", **kwargs))

    def post(self, path, *, token=None, **fields):
        """Send a form of the page that is open; ``token`` replaces its own."""
        found = _TOKEN.search(self.page)
        fields["csrf_token"] = token if token is not None else found and found[1]
        return self._keep(self.client.post(f"/review{path}", data=fields, follow_redirects=True))

    def sign_in(self, email, password=PASSWORD, **more):
        self.get("/login")
        return self.post("/login", email=email, password=password, **more)

    def open(self, id, queue="pending"):
        return self.get(f"/demo/queues/{queue}?focus={id}")

    def decide(self, id, *, version=None, **fields):
        version = version or _VERSION.search(self.page)[1]
        return self.post(f"/demo/comments/{id}/decision", version=version, **fields)

    @property
    def notice(self):
        found = _NOTICE.search(self.page)
        return unescape(found[1]) if found else ""

    def _keep(self, response):
        if response.mimetype == "text/html":
            self.page = response.text
        return response


def signed_in(app, name, role):
    """Make a moderator of the site ``demo`` and sign in."""
    with app.app_context():
        database.mark_reading(False)
        session = db.session()
        moderators.create(
            session,
            sites.by_name(session, "demo"),
            email=f"{name.lower()}@example.org",
            name=name,
            role=role,
            password_hash=PASSWORD_HASH,
            actor="test",
        )
        session.commit()
    limiter.reset()
    desk = Desk(app)
    desk.sign_in(f"{name.lower()}@example.org")
    return desk


def submit(client, text="That is silly.", **changes):
    response = client.post("/v1/comments", json=comment(text, **changes))
    assert response.status_code == 201
    return response.json


def status_of(client, id):
    return client.get(f"/v1/comments/{id}").json["status"]


def flag(client, id, reader="u-9"):
    body = {"reader": {"id": reader}, "reason": "abuse", "note": "Look here."}
    assert client.post(f"/v1/comments/{id}/flags", json=body).status_code == 201


def appealed(client, text="You idiot.", **changes):
    id = submit(client, text, **changes)["id"]
    return id, appeal(client, id)


def appeal(client, id):
    body = {"reader": {"id": "u-77"}, "text": "It was a quote."}
    response = client.post(f"/v1/comments/{id}/appeals", json=body)
    assert response.status_code == 201
    return response.json["id"]


def premoderating(client):
    policy = client.get("/v1/policy").json
    rules = [rule | {"enabled": True} for rule in policy["rules"]]
    return {"thresholds": policy["thresholds"], "rules": rules}
