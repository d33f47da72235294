"""Taking a decision back, reports by readers, appeals by authors."""

import sqlalchemy as sa

from moderation.db import db
from moderation.models import Appeal, Decision, Event, Flag
from tests.desk import appeal, appealed, flag, status_of, submit


class TestTakingBack:
    def test_an_undo_leads_back_to_the_exact_state_before(self, jo, client, app):
        id = submit(client)["id"]
        jo.open(id)
        jo.decide(id, reason="spam")

        jo.post("/demo/undo")

        items = client.get(f"/v1/comments/{id}/history").json["items"]
        assert [item["kind"] for item in items] == ["submitted", "decided", "undone"]
        assert f'data-id="{id}"' in jo.page
        stored = client.get(f"/v1/comments/{id}").json
        assert (stored["status"], stored["decided_by"], stored["version"]) == ("pending", "policy", 3)
        with app.app_context():
            undone = db.session.scalar(sa.select(Decision).where(Decision.kind == "undone"))
            assert undone.undoes_id == items[1]["id"]

    def test_the_site_is_told_of_both(self, jo, client, app):
        id = submit(client)["id"]
        jo.open(id)
        jo.decide(id, do="approve")
        jo.post("/demo/undo")

        with app.app_context():
            told = db.session.scalars(sa.select(Event.type).order_by(Event.id)).all()

        assert told == ["comment.pending", "comment.published", "comment.pending"]

    def test_a_decision_is_taken_back_once(self, jo, client):
        id = submit(client)["id"]
        jo.open(id)
        jo.decide(id, do="approve")
        jo.post("/demo/undo")

        again = jo.post("/demo/undo")

        assert (again.status_code, jo.notice) == (409, "You have no decision here that could be taken back.")

    def test_what_a_colleague_decided_since_stays(self, jo, sam, client):
        id = submit(client)["id"]
        jo.open(id)
        jo.decide(id, do="approve")
        sam.get(f"/demo/comments/{id}")
        sam.decide(id, reason="abuse")

        response = jo.post("/demo/undo")

        assert response.status_code == 412
        assert jo.notice.startswith("Sam rejected it just now.")
        assert status_of(client, id) == "rejected"

    def test_a_colleagues_decision_is_not_mine_to_take_back(self, jo, sam, client):
        id = submit(client)["id"]
        sam.open(id)
        sam.decide(id, do="approve")
        theirs = client.get(f"/v1/comments/{id}/history").json["items"][-1]["id"]
        jo.get("/demo/queues/decided")

        response = jo.post("/demo/undo", decision=theirs)

        assert response.status_code == 409
        assert status_of(client, id) == "published"

    def test_reports_that_a_decision_handled_wait_again(self, jo, client, app):
        id = submit(client, "Fine words.")["id"]
        flag(client, id)
        jo.open(id, "reported")
        jo.decide(id, do="approve", queue="reported")

        jo.post("/demo/undo")

        with app.app_context():
            assert db.session.scalar(sa.select(Flag.handled_at)) is None


class TestReports:
    def test_keeping_a_reported_reply_handles_its_reports(self, jo, client):
        id = submit(client, "Fine words.")["id"]
        flag(client, id)
        jo.open(id, "reported")
        assert "Look here." in jo.page

        jo.decide(id, do="approve", queue="reported")

        assert jo.notice == "Kept: Ana’s reply stays published."
        assert "No open reports" in jo.page
        assert status_of(client, id) == "published"


class TestAppeals:
    def test_an_overturned_appeal_publishes(self, jo, client, app):
        id, appeal_id = appealed(client)
        jo.open(id, "appeals")
        assert "It was a quote." in jo.page

        jo.decide(id, do="overturn", queue="appeals")

        assert status_of(client, id) == "published"
        with app.app_context():
            assert db.session.get(Appeal, appeal_id).state == "overturned"

    def test_an_upheld_appeal_keeps_the_rejection_and_its_reason(self, jo, client, app):
        id, appeal_id = appealed(client)
        jo.open(id, "appeals")

        jo.decide(id, do="uphold", queue="appeals", note="A person is meant.")

        last = client.get(f"/v1/comments/{id}/history").json["items"][-1]
        assert (last["new_status"], last["reason"], last["note"]) == (
            "rejected",
            "abuse",
            "A person is meant.",
        )
        with app.app_context():
            assert db.session.get(Appeal, appeal_id).state == "upheld"

    def test_whoever_made_the_decision_leaves_the_appeal_to_a_colleague(self, jo, sam, client):
        id = submit(client)["id"]
        jo.open(id)
        jo.decide(id, reason="abuse")
        appeal(client, id)

        jo.open(id, "appeals")
        assert "a colleague looks at it" in jo.page
        own = jo.decide(id, do="overturn", version="2")
        sam.open(id, "appeals")
        sam.decide(id, do="overturn", queue="appeals")

        assert own.status_code == 409
        assert status_of(client, id) == "published"

    def test_an_undone_answer_opens_the_appeal_again(self, jo, client, app):
        id, appeal_id = appealed(client)
        jo.open(id, "appeals")
        jo.decide(id, do="overturn", queue="appeals")

        jo.post("/demo/undo")

        assert status_of(client, id) == "rejected"
        with app.app_context():
            assert db.session.get(Appeal, appeal_id).state == "open"

    def test_an_appeal_that_does_not_exist_is_not_answered(self, jo, client):
        id = submit(client)["id"]
        jo.open(id)

        assert jo.decide(id, do="uphold").status_code == 409
        assert status_of(client, id) == "pending"
