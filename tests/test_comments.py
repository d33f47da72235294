import pytest
from flask.testing import FlaskClient

from moderation.db import db
from moderation.models import Audit, Comment, Event
from tests.factories import comment


def submit(client: FlaskClient, text: str = "Good news for everyone who commutes.", **changes):
    response = client.post("/v1/comments", json=comment(text, **changes))
    assert response.status_code == 201, response.json
    return response.json


def count(app, model) -> int:
    with app.app_context():
        return db.session.query(model).count()


def test_a_polite_comment_is_published(client):
    response = client.post("/v1/comments", json=comment())

    assert response.status_code == 201
    assert response.json["status"] == "published"
    assert response.json["reasons"] == []
    assert response.json["model_version"] == "fake-1"
    assert response.headers["ETag"] == '"v1"'


@pytest.mark.parametrize(
    ("text", "status", "code", "words"),
    [
        ("You are an idiot.", "rejected", "abuse", "Toxicity 0.95 is above the site's reject line 0.90."),
        ("That is silly.", "pending", "abuse", "Insult 0.70 is above the site's publish line 0.50."),
        ("buypills now", "rejected", "spam", "Spam 0.97 is above the site's reject line 0.90."),
        ("\u200b \u3164", "rejected", "empty", "There is nothing to read in it."),
        ("x" * 10_001, "rejected", "too_long", "It has 10001 characters; this site allows 10000."),
        (
            "http://a.example http://b.example http://c.example http://d.example",
            "pending",
            "too_many_links",
            "It has 4 links; this site allows 3.",
        ),
    ],
)
def test_a_verdict_names_its_reason_in_words(client, text, status, code, words):
    stored = submit(client, text)

    assert stored["status"] == status
    assert [stored["reasons"][0][key] for key in ("code", "detail")] == [code, words]


def test_the_text_comes_back_exactly_as_sent(client):
    text = "  <b>Bridge</b>\r\n\u202e reopens \U0001f469\u200d\U0001f680 caf\u0065\u0301 "

    stored = submit(client, text)

    assert stored["text"] == text
    assert client.get(f"/v1/comments/{stored['id']}").json["text"] == text


def test_comment_audit_row_and_event_are_stored_together(client, app):
    before = [count(app, model) for model in (Comment, Audit, Event)]

    submit(client)

    assert [count(app, model) for model in (Comment, Audit, Event)] == [n + 1 for n in before]


def test_the_same_external_id_with_the_same_content_answers_the_stored_comment(client):
    first = submit(client, external_id="wp-1")

    again = client.post("/v1/comments", json=comment(external_id="wp-1"))

    assert (again.status_code, again.json["id"]) == (200, first["id"])


def test_the_same_external_id_with_other_content_is_a_conflict(client):
    submit(client, external_id="wp-1")

    again = client.post("/v1/comments", json=comment("Another text.", external_id="wp-1"))

    assert (again.status_code, again.json["code"]) == (409, "external_id_reused")


def test_the_same_text_by_the_same_reader_is_a_duplicate(client):
    submit(client)

    assert submit(client, "good news for everyone who commutes!")["status"] == "published"
    assert submit(client, "Good  news for everyone who commutes.\u200b")["reasons"][0]["code"] == "duplicate"


def test_a_copy_by_many_readers_goes_to_people(client):
    statuses = [submit(client, reader={"id": f"u-{n}"})["status"] for n in range(4)]

    assert statuses == ["published", "published", "published", "pending"]


def test_a_reply_belongs_to_its_parents_post(client):
    parent = submit(client)

    reply = submit(client, "I agree.", parent_id=parent["id"])
    wrong = client.post("/v1/comments", json=comment("No.", parent_id=parent["id"], post={"id": "other"}))

    assert reply["parent_id"] == parent["id"]
    assert wrong.status_code == 422
    assert wrong.json["errors"] == [{"pointer": "#/parent_id", "detail": "That comment belongs to another post."}]


def test_another_sites_comment_is_as_good_as_missing(client, other):
    id = submit(client)["id"]

    assert other.get(f"/v1/comments/{id}").status_code == 404
    assert other.put(f"/v1/comments/{id}", json={"text": "x"}).status_code == 404
    assert other.delete(f"/v1/comments/{id}").status_code == 404
    assert other.get(f"/v1/comments/{id}/history").status_code == 404
    assert other.post("/v1/comments", json=comment("Reply.", parent_id=id)).status_code == 422
    assert other.get("/v1/comments").json["items"] == []


def test_a_list_is_filtered_and_paged_newest_first(client):
    ids = [submit(client, f"Comment number {n}.")["id"] for n in range(5)]
    submit(client, "You idiot.")

    first = client.get("/v1/comments?status=published&limit=3").json
    second = client.get(f"/v1/comments?status=published&limit=3&cursor={first['next_cursor']}").json

    assert sorted(item["id"] for item in first["items"] + second["items"]) == sorted(ids)
    assert second["next_cursor"] is None


def test_an_edit_is_decided_again_and_the_old_text_is_kept(client):
    id = submit(client, "Fine words.")["id"]

    edited = client.put(f"/v1/comments/{id}", json={"text": "You idiot."}, headers={"If-Match": '"v1"'})
    history = client.get(f"/v1/comments/{id}/history").json["items"]

    assert (edited.status_code, edited.json["status"], edited.json["version"]) == (200, "rejected", 2)
    assert [item["kind"] for item in history] == ["submitted", "edited"]
    assert history[1]["text_before"] == "Fine words."


def test_an_edit_of_a_stale_version_is_refused(client):
    id = submit(client, "Fine words.")["id"]
    client.put(f"/v1/comments/{id}", json={"text": "Other words."})

    stale = client.put(f"/v1/comments/{id}", json={"text": "Third words."}, headers={"If-Match": '"v1"'})

    assert (stale.status_code, stale.json["code"], stale.headers["ETag"]) == (412, "stale_version", '"v2"')
    assert stale.json["current"]["text"] == "Other words."


def test_what_a_person_rejected_is_not_published_by_an_edit(client):
    stored = submit(client)
    decision = {"status": "rejected", "reason": "off_topic"}
    client.post(f"/v1/comments/{stored['id']}/decisions", json=decision, headers={"If-Match": '"v1"'})

    edited = client.put(f"/v1/comments/{stored['id']}", json={"text": "Very polite words."})

    assert edited.json["status"] == "pending"
    assert edited.json["reasons"][0]["code"] == "edited_after_rejection"


def test_a_deleted_comment_is_gone_with_its_text(client, app):
    id = submit(client, "My street is Marker Lane.")["id"]
    client.put(f"/v1/comments/{id}", json={"text": "My street is a secret."})

    assert client.delete(f"/v1/comments/{id}").status_code == 204

    assert client.get(f"/v1/comments/{id}").status_code == 404
    assert client.delete(f"/v1/comments/{id}").status_code == 404
    with app.app_context():
        assert db.session.get(Comment, id).text == ""


class TestDecisions:
    def test_if_match_is_needed(self, client):
        id = submit(client, "That is silly.")["id"]

        response = client.post(f"/v1/comments/{id}/decisions", json={"status": "published"})

        assert (response.status_code, response.json["code"]) == (428, "precondition_required")

    def test_a_decision_changes_the_status_and_the_history(self, client):
        id = submit(client, "That is silly.")["id"]

        decided = client.post(
            f"/v1/comments/{id}/decisions",
            json={"status": "rejected", "reason": "abuse", "note": "Aimed at a person."},
            headers={"If-Match": '"v1"'},
        )

        assert (decided.status_code, decided.json["status"]) == (201, "rejected")
        assert decided.json["decided_by"] == "moderator"
        last = client.get(f"/v1/comments/{id}/history").json["items"][-1]
        assert (last["reason"], last["note"]) == ("abuse", "Aimed at a person.")

    def test_of_two_decisions_the_second_is_told_what_it_is_now(self, client):
        id = submit(client, "That is silly.")["id"]
        url, seen = f"/v1/comments/{id}/decisions", {"If-Match": '"v1"'}
        client.post(url, json={"status": "published"}, headers=seen)

        second = client.post(url, json={"status": "rejected", "reason": "abuse"}, headers=seen)

        assert second.status_code == 412
        assert second.json["current"]["status"] == "published"

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"status": "rejected"}, "#/reason"),
            ({"status": "pending"}, "#/status"),
            ({"status": "rejected", "reason": "dislike"}, "#/reason"),
            ({"status": "gone"}, "#/status"),
        ],
    )
    def test_a_decision_that_is_none_names_the_field(self, client, body, pointer):
        id = submit(client, "That is silly.")["id"]

        response = client.post(f"/v1/comments/{id}/decisions", json=body, headers={"If-Match": '"v1"'})

        assert response.status_code == 422
        assert response.json["errors"][0]["pointer"] == pointer


def test_a_report_counts_once_a_reader(client):
    id = submit(client)["id"]
    report = {"reader": {"id": "u-9"}, "reason": "abuse"}

    first = client.post(f"/v1/comments/{id}/flags", json=report)
    second = client.post(f"/v1/comments/{id}/flags", json=report)

    assert (first.status_code, second.status_code) == (201, 200)
    assert client.get(f"/v1/comments/{id}").json["flag_count"] == 1


def test_a_rejection_has_a_statement_and_can_be_appealed_by_its_author_once(client):
    id = submit(client, "You idiot.")["id"]

    statement = client.get(f"/v1/comments/{id}/statement").json
    first = client.post(f"/v1/comments/{id}/appeals", json={"reader": {"id": "u-77"}, "text": "It was a quote."})
    second = client.post(f"/v1/comments/{id}/appeals", json={"reader": {"id": "u-77"}})
    stranger = client.post(f"/v1/comments/{id}/appeals", json={"reader": {"id": "u-1"}})

    assert statement["automated_decision"] is True
    assert statement["facts"] == ["Toxicity 0.95 is above the site's reject line 0.90."]
    assert (first.status_code, second.status_code, stranger.status_code) == (201, 200, 409)


def test_a_published_comment_has_no_statement(client):
    id = submit(client)["id"]

    response = client.get(f"/v1/comments/{id}/statement")

    assert (response.status_code, response.json["code"]) == (409, "state_forbids")


def test_in_a_batch_one_bad_submission_fails_alone(client):
    items = [
        comment("First."),
        {"text": "no post"},
        comment("You idiot."),
        comment("Reply.", parent_id="cmt_none"),
        7,
    ]

    response = client.post("/v1/comments/batch", json={"items": items})

    assert [item["status"] for item in response.json["items"]] == [201, 422, 201, 422, 422]
    assert response.json["items"][2]["comment"]["status"] == "rejected"
    assert response.json["items"][3]["problem"]["errors"][0]["pointer"] == "#/parent_id"


def test_a_dry_run_answers_the_truth_and_stores_nothing(client, app):
    before = count(app, Comment)

    response = client.post("/v1/comments?dry_run=true", json=comment("You idiot."))

    assert (response.status_code, response.json["status"]) == (201, "rejected")
    assert count(app, Comment) == before


def test_without_a_model_a_comment_waits_for_people(client, app, monkeypatch):
    monkeypatch.setattr(app.extensions["scoring"], "scores_nothing", True)

    stored = submit(client)

    assert (stored["status"], stored["reasons"][0]["code"]) == ("pending", "not_scored")
