"""What readers of the demo site do about replies that are there, and what they may not do to one another's."""

import re

import pytest

from tests.newspaper import FREE, IDIOT, SILLY, submitted


class TestAfterwards:
    def test_a_reply_can_be_edited_and_is_decided_again(self, ana):
        ana.reply("Fine words.")
        id = ana.replies()[0]
        ana.get(f"/posts/{FREE}/replies/{id}/edit")
        assert ana.field("text") == "Fine words."

        ana.post(f"/posts/{FREE}/replies/{id}/edit", text=SILLY, do="save")
        assert "This may be read as an insult" in ana.words
        assert ana.field("text") == SILLY
        ana.post(f"/posts/{FREE}/replies/{id}/edit", text=SILLY, do="anyway")

        assert "Waiting for review" in ana.item(id)

    @pytest.mark.parametrize(("text", "sentence"), [(" ", "Please write"), ("a\x00b", "Holds a NUL")])
    def test_an_edit_that_does_not_fit_keeps_what_was_typed(self, ana, text, sentence):
        ana.reply("Fine words.")
        id = ana.replies()[0]

        response = ana.post(f"/posts/{FREE}/replies/{id}/edit", text=text, do="save")

        assert response.status_code == 422
        assert sentence in ana.words
        assert ana.field("text") == text

    def test_it_can_be_taken_back_after_the_question(self, ana, bo):
        ana.reply("Fine words.")
        id = ana.replies()[0]
        ana.get(f"/posts/{FREE}/replies/{id}/removal")
        assert "Are you sure you want to take this reply back?" in ana.words

        ana.post(f"/posts/{FREE}/replies/{id}/removal")

        assert "Your reply is taken down." in ana.words
        bo.get(f"/posts/{FREE}")
        assert "Fine words." not in bo.words

    def test_a_removed_one_keeps_its_place_over_what_was_answered(self, ana, bo):
        ana.reply("Fine words.")
        id = ana.replies()[0]
        bo.reply("An answer.", parent_id=id)
        ana.post(f"/posts/{FREE}/replies/{id}/removal")

        bo.get(f"/posts/{FREE}")

        assert "A reply stood here." in bo.item(id)
        assert "An answer." in bo.words

    def test_others_replies_can_be_reported_with_a_reason(self, ana, bo, client):
        ana.reply("Fine words.")
        id = ana.replies()[0]
        bo.get(f"/posts/{FREE}/replies/{id}/report")
        assert "Fine words." in bo.words

        bare = bo.post(f"/posts/{FREE}/replies/{id}/report", note="Look here.")
        assert (bare.status_code, bo.field("note")) == (422, "Look here.")
        bo.post(f"/posts/{FREE}/replies/{id}/report", reason="off_topic", note="Look here.")

        assert "Thank you. A person will look at that reply." in bo.words
        assert client.get(f"/v1/comments/{id}").json["flag_count"] == 1

    def test_a_rejection_can_be_appealed_once(self, ana, client):
        id = submitted(ana, IDIOT)
        assert "Ask for another look" in ana.item(id)

        ana.post(f"/posts/{FREE}/replies/{id}/appeal", note="It was a quote.")

        assert "You asked for another look." in ana.item(id)
        assert "Ask for another look" not in ana.item(id)
        known = client.post(f"/v1/comments/{id}/appeals", json={"reader": {"id": ana.reader_id}})
        assert (known.status_code, known.json["text"]) == (200, "It was a quote.")

    def test_an_appeal_that_was_answered_says_so(self, ana, sam):
        id = submitted(ana, IDIOT)
        ana.post(f"/posts/{FREE}/replies/{id}/appeal", note="")
        sam.open(id, queue="appeals")
        sam.decide(id, do="uphold", queue="appeals")

        ana.get(f"/posts/{FREE}")

        assert "A second person has looked at it, and it stays as it is." in ana.item(id)
        assert "Ask for another look" not in ana.item(id)

    @pytest.mark.parametrize("what", ["edit", "removal", "report"])
    def test_nobody_sees_or_touches_what_waits_of_another(self, ana, bo, client, what):
        id = submitted(ana, SILLY)
        bo.get(f"/posts/{FREE}")

        seen = bo.get(f"/posts/{FREE}/replies/{id}/{what}")
        bo.get(f"/posts/{FREE}")
        sent = bo.post(f"/posts/{FREE}/replies/{id}/{what}", text="Mine now.", reason="abuse", do="save")

        assert (seen.status_code, sent.status_code) == (404, 404)
        assert SILLY not in bo.words
        stored = client.get(f"/v1/comments/{id}").json
        assert (stored["text"], stored["flag_count"]) == (SILLY, 0)

    def test_nobody_answers_or_appeals_what_waits_of_another(self, ana, bo, client):
        id = submitted(ana, SILLY)

        answered = bo.reply("I see you.", parent_id=id)
        assert answered.status_code == 422
        assert "is gone. Nothing was posted" in bo.words
        assert bo.field("text") == "I see you."

        rejected = submitted(ana, IDIOT)
        bo.get(f"/posts/{FREE}")
        assert bo.post(f"/posts/{FREE}/replies/{rejected}/appeal").status_code == 404
        assert appeal_is_new(client, rejected, ana.reader_id)

    def test_a_published_one_of_another_can_be_reported_and_nothing_else(self, ana, bo):
        ana.reply("Fine words.")
        id = ana.replies()[0]
        bo.get(f"/posts/{FREE}")

        assert "Report" in bo.item(id)
        assert not {"Edit", "Take it back"} & set(re.findall(r">([A-Z][\w ]+)<", bo.item(id)))
        assert bo.post(f"/posts/{FREE}/replies/{id}/edit", text="Mine now.").status_code == 404


def appeal_is_new(client, id, reader):
    body = {"reader": {"id": reader}}
    return client.post(f"/v1/comments/{id}/appeals?dry_run=true", json=body).status_code == 201
