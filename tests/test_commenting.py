"""Who may comment: everyone, or subscribers whose plan says so; and whose replies people look at first."""

import json

import pytest

from moderation.db import db
from moderation.models import Audit, Comment, Decision, Event, Post, Reader, Site
from moderation.services import commenting
from tests.desk import appeal, flag, premoderating, submit
from tests.engagement import at, done, problem, sell, subscribe, turn
from tests.factories import comment


def only(app, who="subscribers", roles=None):
    """Say as an operator would who may comment on the site `demo`."""
    with app.app_context():
        site = db.session.query(Site).filter_by(name="demo").one()
        commenting.configure(db.session(), site, who=who, roles=roles, actor="test")
        db.session.commit()


def write(client, text="Good news for everyone who commutes.", **changes):
    return client.post("/v1/comments", json=comment(text, **changes))


def stored(app):
    with app.app_context():
        return [db.session.query(model).count() for model in (Comment, Decision, Event, Post, Reader, Audit)]


class TestWhoMayComment:
    def test_at_first_everyone_may(self, client):
        sell(client, may_comment=False)
        subscribe(client)

        assert write(client).status_code == 201
        assert write(client, reader={"name": "Ana"}).status_code == 201

    def test_where_comments_are_for_subscribers_nobody_else_may_and_nothing_is_stored(self, client, app):
        only(app)
        before = stored(app)

        for reader in ({"id": "u-77"}, {"name": "Ana"}, {"id": "u-77", "roles": ["member"]}):
            assert problem(write(client, reader=reader)) == (409, "subscribers_only")

        assert stored(app) == before

    def test_subscribers_may_as_long_as_their_access_lasts(self, client, app):
        only(app)
        sell(client, grace_days=5)
        with at():
            subscribe(client)
            first = write(client, "One calm text about bridges.")
        with at(days=32):
            in_grace = write(client, "Another calm text about rivers.")
        with at(days=33):
            after = write(client, "A third calm text about trains.")

        assert [first.status_code, in_grace.status_code, after.status_code] == [201, 201, 409]

    def test_a_plan_may_leave_commenting_out(self, client, app):
        only(app)
        sell(client, "reading-only", may_comment=False)
        subscribe(client, "reading-only")

        assert problem(write(client)) == (409, "subscribers_only")

    def test_a_reader_keeps_the_right_of_the_version_bought(self, client, app):
        only(app)
        sell(client)
        subscribe(client)
        sell(client, may_comment=False)

        assert write(client).status_code == 201
        subscribe(client, reader="u-78")
        assert write(client, "Later words of another reader.", reader={"id": "u-78"}).status_code == 409

    def test_a_subscription_that_ended_gives_no_right(self, client, app):
        only(app)
        sell(client)
        subscribe(client)
        turn(client, "cancel", at="now")

        assert write(client).status_code == 409

    def test_another_sites_subscription_gives_no_right(self, client, other, app):
        only(app)
        sell(other)
        subscribe(other)

        assert write(client).status_code == 409
        assert write(other).status_code == 201

    @pytest.mark.parametrize(
        ("reader", "status"),
        [
            ({"id": "u-1", "roles": ["staff"]}, 201),
            ({"id": "u-1", "roles": ["member", "staff"]}, 201),
            ({"name": "Desk", "roles": ["staff"]}, 201),
            ({"id": "u-1", "roles": ["Staff"]}, 409),
            ({"id": "staff", "name": "staff"}, 409),
        ],
    )
    def test_staff_may_by_the_role_that_the_site_sends_and_by_nothing_else(self, client, app, reader, status):
        only(app)

        assert write(client, reader=reader).status_code == status

    def test_other_roles_may_take_their_place(self, client, app):
        only(app, roles=["columnist"])

        assert write(client, reader={"id": "u-1", "roles": ["columnist"]}).status_code == 201
        assert write(client, "Other words.", reader={"id": "u-2", "roles": ["staff"]}).status_code == 409

    def test_in_a_batch_one_is_refused_alone(self, client, app):
        only(app)
        sell(client)
        subscribe(client)
        items = [comment("Words of a stranger.", reader={"id": "u-78"}), comment("Words of a subscriber.")]

        answered = done(client.post("/v1/comments/batch", json={"items": items}))["items"]

        assert [item["status"] for item in answered] == [409, 201]
        assert answered[0]["problem"]["code"] == "subscribers_only"
        with app.app_context():
            assert [row.id for row in db.session.query(Reader)] == ["u-77"]

    def test_an_edit_is_refused_and_the_text_stays_and_may_be_taken_down(self, client, app):
        id = write(client).json["id"]
        only(app)
        before = stored(app)

        refused = client.put(f"/v1/comments/{id}", json={"text": "Other words."})

        assert problem(refused) == (409, "subscribers_only")
        assert stored(app) == before
        assert client.get(f"/v1/comments/{id}").json["text"].startswith("Good news")
        flag(client, id)
        assert client.delete(f"/v1/comments/{id}").status_code == 204

    def test_who_was_rejected_before_may_still_appeal(self, client, app):
        id = write(client, "You idiot.").json["id"]
        only(app)

        assert appeal(client, id)

    def test_what_was_stored_before_is_answered_when_it_comes_again(self, client, app):
        first = write(client, external_id="wp-1").json
        only(app)

        again = write(client, external_id="wp-1")

        assert (again.status_code, again.json) == (200, first)
        assert write(client, external_id="wp-2").status_code == 409

    def test_a_refused_one_leaves_its_idempotency_key_free(self, client, app):
        only(app)
        headers = {"Idempotency-Key": "k-1"}
        refused = client.post("/v1/comments", json=comment(), headers=headers)
        sell(client)
        subscribe(client)

        assert refused.status_code == 409
        assert client.post("/v1/comments", json=comment(), headers=headers).status_code == 201

    def test_a_banned_subscriber_is_still_rejected_by_the_policy(self, client, app, jo):
        sell(client)
        subscribe(client)
        submit(client)
        jo.get("/demo/queues/pending")
        jo.post("/demo/standing/u-77", do="ban", days="7", reason="Threats.")
        only(app)

        response = write(client, "More words of the same reader.")

        assert (response.status_code, response.json["status"]) == (201, "rejected")


class TestWhoComesFirst:
    @pytest.fixture
    def waiting(self, client):
        """Three replies that wait: of a reader, of a subscriber, and of a supporter, less and less harmful."""
        sell(client)
        sell(client, "supporter", comments_first=True)
        subscribe(client, "monthly", "subscriber")
        subscribe(client, "supporter", "supporter")
        client.put("/v1/policy", json=premoderating(client))
        texts = {"reader": "That is silly.", "subscriber": "Calm words.", "supporter": "Other calm words."}
        return {id: submit(client, text, reader={"id": id, "name": id}) for id, text in texts.items()}

    def queue(self, client, limit=200):
        """The whole queue, page by page."""
        found, cursor = [], ""
        while cursor is not None:
            page = done(client.get(f"/v1/queue?limit={limit}{cursor and f'&cursor={cursor}'}"))
            found += page["items"]
            cursor = page["next_cursor"]
        return found

    @pytest.mark.usefixtures("waiting")
    def test_the_plan_puts_its_subscribers_first_and_harm_orders_the_rest(self, client):
        items = self.queue(client)

        assert [item["reader_id"] for item in items] == ["supporter", "reader", "subscriber"]
        assert [item["comes_first"] for item in items] == [True, False, False]

    @pytest.mark.usefixtures("waiting")
    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_page_by_page_each_comes_once(self, client, limit):
        for n in range(4):
            submit(client, f"Calm words {n}.", reader={"id": "supporter"})
            submit(client, f"That is silly {n}.", reader={"id": "supporter"})
            submit(client, f"That is silly {n} too.", reader={"id": "reader"})
        whole = [item["id"] for item in self.queue(client)]

        paged = [item["id"] for item in self.queue(client, limit)]

        assert paged == whole
        assert len(set(whole)) == 15
        assert [item["comes_first"] for item in self.queue(client)] == [True] * 9 + [False] * 6

    def test_the_desk_shows_them_first_and_says_why(self, jo, waiting):
        jo.get("/demo/queues/pending")

        assert f'data-id="{waiting["supporter"]["id"]}"' in jo.page
        assert "Subscriber, comes first" in jo.page
        assert "plans that come first" in jo.page

    def test_the_desk_says_nothing_of_it_where_no_plan_comes_first(self, jo, client):
        submit(client)

        jo.get("/demo/queues/pending")

        assert "comes first" not in jo.page
        assert "greatest expected harm first" in jo.page

    def test_a_reply_keeps_its_place_until_it_is_edited(self, client, waiting):
        turn(client, "cancel", "supporter", at="now")
        kept = [item["reader_id"] for item in self.queue(client)]

        client.put(f"/v1/comments/{waiting['supporter']['id']}", json={"text": "Edited calm words."})

        assert kept[0] == "supporter"
        assert [item["comes_first"] for item in self.queue(client)] == [False] * 3

    def test_an_edit_by_a_new_supporter_comes_first(self, client, waiting):
        subscribe(client, "supporter", "reader")

        client.put(f"/v1/comments/{waiting['reader']['id']}", json={"text": "That is silly, edited."})

        assert next(iter(self.queue(client)))["reader_id"] == "reader"

    @pytest.mark.usefixtures("waiting")
    def test_a_cursor_of_before_is_refused_in_words(self, client):
        # [0.5, "cmt_x"], as the queue gave them before there was an order of plans.
        response = client.get("/v1/queue?cursor=WzAuNSwgImNtdF94Il0")

        assert problem(response) == (400, "cursor_invalid")


class TestTheCommand:
    def test_it_sets_and_shows(self, installation):
        first = installation.run("commenting", "show")
        made = installation.run("commenting", "set", "--who", "subscribers")
        more = installation.run("commenting", "set", "--role", "staff", "--role", "columnist")

        assert json.loads(first.stdout) == {"who": "everyone", "roles": ["staff"]}
        assert json.loads(made.stdout) == {"who": "subscribers", "roles": ["staff"]}
        assert json.loads(more.stdout) == {"who": "subscribers", "roles": ["staff", "columnist"]}
        assert problem(installation.client.post("/v1/comments", json=comment())) == (409, "subscribers_only")
        assert installation.run("commenting", "set", "--who", "everyone").exit_code == 0
        assert installation.client.post("/v1/comments", json=comment()).status_code == 201

    def test_it_knows_no_other_word(self, installation):
        assert installation.run("commenting", "set", "--who", "friends").exit_code == 2


@pytest.mark.parametrize("field", ["may_comment", "comments_first"])
@pytest.mark.parametrize("value", ["yes", 2, None, []])
def test_a_plan_refuses_what_is_no_yes_or_no(client, field, value):
    response = client.put("/v1/plans/monthly", json={"period": "month", field: value})

    assert problem(response) == (422, "validation_failed")
    assert f"#/{field}" in [error["pointer"] for error in response.json["errors"]]


def test_a_change_of_the_rights_is_a_new_version(client, app):
    sell(client)
    sell(client, comments_first=True)

    with app.app_context():
        acts = [
            row.data["version"] for row in db.session.query(Audit).filter_by(action="plan.saved").order_by(Audit.id)
        ]
    assert acts == [1, 2]
