"""The desk: what waits, deciding, and two moderators at once."""

import pytest
import sqlalchemy as sa

from moderation import db as database
from moderation.db import db
from moderation.errors import StaleVersion
from moderation.models import Comment
from moderation.policy import Status
from moderation.services import comments
from tests.desk import premoderating, status_of, submit


class TestTheQueue:
    def test_the_desk_leads_to_the_pending_replies_of_the_first_site(self, jo, client):
        submit(client, "That is silly, Marta.")

        page = jo.get("/", follow_redirects=True)

        assert page.request.path == "/review/demo/queues/pending"
        assert "1 of 1" in page.text
        assert 'That is <mark class="is-insult">silly</mark>, Marta.' in page.text
        assert "Insult 0.70 is above the site&#39;s publish line 0.50." in page.text

    def test_the_greatest_expected_harm_comes_first(self, jo, client):
        submit(client, "That is silly.", reader={"id": "u-1"})
        client.put("/v1/policy", json=premoderating(client))
        submit(client, "Calm words.", reader={"id": "u-2"})

        jo.get("/demo/queues/pending")

        assert jo.page.index("That is") < jo.page.index("Calm words.")

    def test_an_empty_queue_says_so_and_where_to_go(self, jo):
        jo.get("/demo/queues/pending")

        assert "Nothing is waiting" in jo.page

    def test_an_unknown_queue_is_not_found(self, jo):
        assert jo.get("/demo/queues/nothing").status_code == 404

    def test_the_parent_and_the_readers_history_are_in_view(self, jo, client):
        parent = submit(client, "The first words.", reader={"id": "u-1", "name": "Marta"})
        submit(client, "Fine words.")
        submit(client, "That is silly.", parent_id=parent["id"])

        jo.get("/demo/queues/pending")

        assert "The first words." in jo.page
        assert "<dt>Published</dt><dd>1</dd>" in jo.page

    def test_a_skipped_reply_stays_and_the_next_one_comes(self, jo, client):
        first, second = (submit(client, f"That is silly {n}.")["id"] for n in (1, 2))
        jo.open(first)

        jo.decide(first, do="skip")
        jo.get("/demo/queues/pending")

        assert f'data-id="{second}"' in jo.page
        assert status_of(client, first) == "pending"


class TestDeciding:
    def test_approving_publishes_and_says_so(self, jo, client):
        id = submit(client)["id"]
        jo.open(id)

        jo.decide(id, do="approve")

        assert jo.notice == "Published Ana’s reply."
        assert status_of(client, id) == "published"

    def test_rejecting_with_a_reason_and_a_note_is_a_label_with_its_author(self, jo, client):
        id = submit(client)["id"]
        jo.open(id)

        jo.decide(id, reason="off_topic", note=" About another bridge. ")

        last = client.get(f"/v1/comments/{id}/history").json["items"][-1]
        assert (last["kind"], last["reason"], last["note"]) == (
            "decided",
            "off_topic",
            "About another bridge.",
        )
        assert last["actor"].startswith("moderator:mod_")

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"reason": "dislike"}, "That is not one of this site&#39;s reasons."),
            ({"do": "reject"}, "A rejection needs a reason."),
            ({"do": "explode"}, "The page asked for something that this desk does not do."),
            ({}, "The page did not say what to do."),
            ({"do": "approve", "version": "x"}, "Not a valid integer."),
            ({"reason": "abuse", "note": "n\x00"}, "Holds a NUL"),
            ({"do": "approve", "extra": "1"}, "Unknown key."),
        ],
    )
    def test_a_form_that_makes_no_sense_changes_nothing(self, jo, client, fields, sentence):
        id = submit(client)["id"]
        jo.open(id)

        response = jo.decide(id, **fields)

        assert response.status_code == 422
        assert sentence in jo.page
        assert status_of(client, id) == "pending"

    def test_the_next_reply_is_shown_after_a_decision(self, jo, client):
        ids = [submit(client, f"That is silly {n}.")["id"] for n in range(3)]
        jo.open(ids[1])

        jo.decide(ids[1], do="approve", next=ids[2])

        assert f'data-id="{ids[2]}"' in jo.page

    def test_a_forged_form_is_refused_on_a_page(self, jo, client):
        id = submit(client)["id"]
        jo.open(id)

        response = jo.post(
            f"/demo/comments/{id}/decision", token="forged", do="approve", version="1", note="Half a sentence"
        )

        assert (response.status_code, response.mimetype) == (400, "text/html")
        assert "Half a sentence</textarea>" in jo.page
        assert "could not be trusted" in jo.page
        assert status_of(client, id) == "pending"

    def test_another_sites_reply_is_not_found(self, jo, other):
        id = submit(other)["id"]

        assert jo.get("/other/queues/pending").status_code == 404
        assert jo.get(f"/demo/comments/{id}").status_code == 404
        jo.get("/demo/queues/pending")
        assert jo.post(f"/demo/comments/{id}/decision", do="approve", version="1").status_code == 404

    def test_a_viewer_looks_and_does_not_decide(self, vi, client):
        id = submit(client)["id"]

        vi.open(id)
        response = vi.decide(id, do="approve", version="1")

        assert (response.status_code, "Not with your role" in vi.page) == (403, True)
        assert status_of(client, id) == "pending"


class TestTwoModerators:
    def test_the_second_decision_is_told_kindly_and_changes_nothing(self, jo, sam, client):
        id = submit(client)["id"]
        jo.open(id)
        sam.open(id)
        sam.decide(id, do="approve")

        second = jo.decide(id, reason="abuse")

        assert second.status_code == 412
        assert jo.notice == "Sam published it just now. Yours was not needed; nothing changed."
        assert status_of(client, id) == "published"

    def test_of_two_who_read_the_same_version_the_database_lets_one_on(self, app, client):
        id = submit(client)["id"]
        with app.app_context():
            database.mark_reading(False)
            session = db.session()
            seen = session.get_one(Comment, id)
            session.connection().execute(sa.text("UPDATE comment SET version = 2 WHERE id = :id"), {"id": id})

            with pytest.raises(StaleVersion):
                comments.set_status(session, seen, Status.REJECTED, actor="moderator:late")
            session.rollback()

        assert status_of(client, id) == "pending"

    def test_an_opened_reply_is_held_and_passed_over_by_the_other(self, jo, sam, client):
        first, second = (submit(client, f"That is silly {n}.")["id"] for n in (1, 2))
        jo.open(first)

        sam.get("/demo/queues/pending")

        assert f'data-id="{second}"' in sam.page
        sam.open(first)
        assert "Jo is looking at this" in sam.page

    def test_a_reply_that_somebody_left_is_free_again(self, jo, sam, client):
        first, second = (submit(client, f"That is silly {n}.")["id"] for n in (1, 2))
        jo.open(first)
        jo.open(second)

        sam.get("/demo/queues/pending")

        assert f'data-id="{first}"' in sam.page

    def test_what_a_colleague_took_meanwhile_is_passed_over_after_a_decision(self, jo, sam, client):
        first, second, third = (submit(client, f"That is silly {n}.")["id"] for n in (1, 2, 3))
        jo.open(first)
        sam.open(second)

        jo.decide(first, do="approve", next=second)

        assert f'data-id="{third}"' in jo.page
        assert "not in this queue any more" not in jo.page

    def test_a_viewer_holds_nothing(self, vi, sam, client):
        id = submit(client)["id"]
        vi.open(id)

        sam.open(id)

        assert "is looking at this" not in sam.page

    def test_a_reply_that_its_author_changed_meanwhile_is_not_decided(self, jo, client):
        id = submit(client)["id"]
        jo.open(id)
        client.put(f"/v1/comments/{id}", json={"text": "Rather silly."})

        response = jo.decide(id, do="approve", version="1")

        assert response.status_code == 412
        assert "Its author edited it just now" in jo.notice
        assert status_of(client, id) == "pending"

    def test_a_reply_that_was_taken_down_meanwhile_is_not_decided(self, jo, client):
        id = submit(client)["id"]
        jo.open(id)
        client.delete(f"/v1/comments/{id}")

        response = jo.decide(id, do="approve", version="1")

        assert (response.status_code, jo.notice) == (409, "It was taken down just now. Nothing was decided.")


class TestTheQueueOfTheApi:
    def test_it_is_paged_by_expected_harm(self, client):
        client.put("/v1/policy", json=premoderating(client))
        texts = ["Calm words.", "That is silly.", "Also silly.", "More calm words."]
        for n, text in enumerate(texts):
            submit(client, text, reader={"id": f"u-{n}"})

        first = client.get("/v1/queue?limit=3").json
        second = client.get(f"/v1/queue?limit=3&cursor={first['next_cursor']}").json

        got = [item["text"] for item in first["items"] + second["items"]]
        assert got == ["That is silly.", "Also silly.", "Calm words.", "More calm words."]
        assert second["next_cursor"] is None

    def test_it_needs_the_scope_and_shows_one_site_only(self, client, other):
        submit(client)

        assert other.get("/v1/queue").json["items"] == []
        assert client.get("/v1/queue?cursor=zzz").status_code == 400
