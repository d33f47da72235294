"""Under an article of the demo site: each state of a reply, to its author and to others, and leaving one."""

import re
import time

import pytest

from moderation.db import db
from moderation.errors import NotReady
from moderation.models import Comment
from tests.newspaper import CLOSED, FREE, IDIOT, LOCKED, PREMODERATED, SILLY, submitted


class TestEachState:
    def test_a_published_reply_is_seen_by_everybody(self, ana, bo):
        ana.reply("Fine words.")
        assert 'data-say="Your reply is published."' in ana.page

        bo.get(f"/posts/{FREE}")

        assert "1 reply" in bo.words
        assert "Ana" in bo.words
        assert "Fine words." in bo.words

    def test_a_waiting_one_is_seen_by_its_author_only(self, ana, bo):
        id = submitted(ana, SILLY)
        assert "Waiting for review" in ana.item(id)
        assert "Only you can see this" in ana.item(id)

        bo.get(f"/posts/{FREE}")

        assert id not in bo.page
        assert SILLY not in bo.words
        assert "0 replies" in bo.words

    def test_a_rejected_one_is_shown_to_its_author_with_the_reason_in_words(self, ana, bo):
        id = submitted(ana, IDIOT)

        assert "Not published" in ana.item(id)
        assert "It was read as an insult." in ana.item(id)
        assert "Toxicity 0.95 is above the site&#39;s reject line 0.90." in ana.item(id)
        bo.get(f"/posts/{FREE}")
        assert id not in bo.page

    def test_a_person_s_reason_and_note_are_the_words_then(self, ana, client):
        id = submitted(ana, SILLY)
        seen = {"If-Match": client.get(f"/v1/comments/{id}").headers["ETag"]}
        decision = {"status": "rejected", "reason": "off_topic", "note": "This is about bridges."}
        client.post(f"/v1/comments/{id}/decisions", json=decision, headers=seen)

        ana.get(f"/posts/{FREE}")

        assert "It does not belong to the article" in ana.item(id)
        assert "This is about bridges." in ana.item(id)

    def test_what_a_moderator_approves_appears_to_everybody(self, ana, bo, sam):
        id = submitted(ana, SILLY)
        sam.open(id)
        sam.decide(id, do="approve")

        bo.get(f"/posts/{FREE}")

        assert SILLY in bo.words

    def test_an_article_whose_replies_are_looked_at_first_says_so(self, ana):
        ana.reply("Fine words.", post=PREMODERATED)

        assert "A person looks at every reply to this article" in ana.words
        assert "Waiting for review" in ana.item(ana.replies()[-1])

    def test_a_closed_one_has_no_form(self, ana):
        ana.get(f"/posts/{CLOSED}")

        assert "Replies to this article are closed." in ana.words
        assert "Leave a Reply" not in ana.words

    def test_words_are_text_and_never_markup(self, ana, bo):
        hostile = "<script>alert(1)</script> <img src=x onerror=alert(2)> \u202edcba"
        ana.reply(hostile, name="<b>Ana</b>")

        bo.get(f"/posts/{FREE}")

        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in bo.page
        assert "&lt;b&gt;Ana&lt;/b&gt;" in bo.page
        assert "<img" not in bo.page
        assert '<span class="rd-char" title="A character that cannot be seen">RLO</span>' in bo.page


class TestLeavingAReply:
    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"text": "  \n "}, "Please write something first."),
            ({"name": " "}, "Please give a name. It can be a made-up one."),
            ({"name": "A" * 101}, "Please give a shorter name"),
            ({"email": "ana at example"}, "That is not an e-mail address."),
            ({"text": "Long. " * 2_000}, "Please shorten it: it has 12,000 characters, and 10,000 fit."),
            ({"text": "Nul \x00 inside"}, "Holds a NUL"),
            ({"name": "Nul \x00 inside"}, "Holds a NUL"),
        ],
    )
    def test_what_does_not_fit_is_said_beside_its_field_and_every_word_stays(self, ana, fields, sentence):
        sent = {"text": "Fine words,\n\non two lines.", "name": "Ana", "email": "ana@example.org"} | fields

        response = ana.reply(**sent)

        assert response.status_code == 422
        assert sentence in ana.words
        assert 'aria-invalid="true"' in ana.page
        assert [ana.field(name) for name in ("text", "email")] == [sent["text"], sent["email"]]
        assert ana.field("name") == sent["name"].strip()
        assert ana.replies() == []

    def test_a_page_that_became_too_old_keeps_what_was_typed(self, ana):
        response = ana.reply("Fine words.", token="forged")
        assert response.status_code == 400
        assert "had become too old" in ana.words
        assert (ana.field("text"), ana.replies()) == ("Fine words.", [])

        ana.post(f"/posts/{FREE}/replies", text=ana.field("text"), name="Ana", do="post")

        assert "Your reply is published." in ana.page

    def test_the_nudge_keeps_the_words_and_gives_both_ways(self, ana):
        ana.reply(SILLY)

        assert "This may be read as an insult" in ana.words
        assert "a person will look at it before others see it" in ana.words
        assert ana.field("text") == SILLY
        assert ana.replies() == []
        assert re.findall(r'name="do" value="(edit|anyway)"', ana.page.split('id="nudge"')[1]) == ["edit", "anyway"]

        ana.post(f"/posts/{FREE}/replies", text=SILLY, name="Ana", do="edit")
        assert (ana.field("text"), "may be read as" in ana.words) == (SILLY, False)

    def test_the_nudge_before_a_rejection_says_what_will_happen(self, ana):
        ana.reply("buypills here")

        assert "This may be read as advertising" in ana.words
        assert "it will not be published" in ana.words

    def test_posting_anyway_posts_it(self, ana):
        ana.reply(SILLY)

        ana.post(f"/posts/{FREE}/replies", text=ana.field("text"), name="Ana", do="anyway")

        assert "It waits for review" in ana.page
        assert len(ana.replies()) == 1

    def test_a_second_click_posts_it_once(self, ana):
        ana.get(f"/posts/{FREE}")
        fields = {"text": "Fine words.", "name": "Ana", "do": "post", "ticket": ana.field("ticket")}

        ana.post(f"/posts/{FREE}/replies", **fields)
        ana.post(f"/posts/{FREE}/replies", **fields)
        assert len(ana.replies()) == 1

        ana.post(f"/posts/{FREE}/replies", **(fields | {"text": "Other fine words, after Back."}))
        assert len(ana.replies()) == 2

    def test_without_a_model_nothing_is_lost(self, ana, app, monkeypatch):
        def refuse(_):
            raise NotReady("No model can score just now, so nothing can be decided.")

        monkeypatch.setattr(app.extensions["scoring"], "score", refuse)
        response = ana.reply("Fine words.")

        assert response.status_code == 503
        assert "No model can score just now, so nothing can be decided. Nothing was posted." in ana.words
        assert ana.field("text") == "Fine words."

    def test_the_name_is_remembered_in_this_browser(self, ana):
        ana.reply("Fine words.", name="Ana of the Quay")

        ana.get(f"/posts/{LOCKED}")

        assert ana.field("name") == "Ana of the Quay"

    def test_a_reply_to_a_reply_keeps_what_was_typed_and_hangs_under_it(self, ana, bo):
        ana.reply("Fine words.")
        parent = ana.replies()[0]

        bo.reply("More fine words.", name="Bo", do=f"answer:{parent}")
        assert "In reply to Ana" in bo.words
        assert (bo.field("text"), bo.field("parent_id")) == ("More fine words.", parent)
        bo.post(f"/posts/{FREE}/replies", text="More fine words.", name="Bo", do="post", parent_id=parent)

        under = bo.page.split(f'id="{parent}"')[1].split("<ol>")[1]
        assert "More fine words." in under

    def test_signals_tell_a_filled_trap_and_the_time_it_took(self, ana, app):
        now = str(int(time.time()) - 41)
        ana.reply("Fine words.", website="http://spam.example", started_at=now)
        id = ana.replies()[-1]

        assert "A field that people do not see was filled in." in ana.item(id)
        with app.app_context():
            signals = db.session.get_one(Comment, id).signals
        assert signals["honeypot_filled"] is True
        assert 40 <= signals["seconds_to_submit"] <= 50

    def test_a_time_that_is_none_is_no_signal(self, ana, app):
        for written in ("yesterday", "", "99999999999999999999", "²"):
            ana.reply(f"Fine words {written}.", started_at=written)
            with app.app_context():
                assert db.session.get_one(Comment, ana.replies()[-1]).signals == {"honeypot_filled": False}
