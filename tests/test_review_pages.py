"""What the desk's pages show: readers' words as written, readers, the policy, headers, errors."""

import re
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.models import Audit
from moderation.views.review.rendering import Piece, pieces
from tests.factories import comment


def submit(client, text="That is silly.", **changes):
    return client.post("/v1/comments", json=comment(text, **changes)).json


def span(start, end, label="insult", weight=1.0):
    return SimpleNamespace(start=start, end=end, label=label, weight=weight)


class TestWordsAsWritten:
    @pytest.mark.parametrize(
        ("text", "spans", "expected"),
        [
            ("", [], []),
            ("plain", [], [Piece("plain")]),
            ("a silly b", [span(2, 7)], [Piece("a "), Piece("silly", "insult"), Piece(" b")]),
            ("ab", [span(0, 99)], [Piece("ab", "insult")]),
            (
                "abcd",
                [span(0, 3, weight=0.2), span(1, 4, "spam")],
                [Piece("a", "insult"), Piece("bcd", "spam")],
            ),
            ("a\u202eb", [], [Piece("a"), Piece("", "", "RLO"), Piece("b")]),
            ("\u200b", [span(0, 1)], [Piece("", "insult", "zero-width space")]),
            (
                "si\u00adlly",
                [span(0, 6)],
                [Piece("si", "insult"), Piece("", "insult", "soft hyphen"), Piece("lly", "insult")],
            ),
            ("\u200b\u200b x", [], [Piece("", "", "zero-width space")] * 2 + [Piece(" x")]),
            ("\x07\U000e0041", [], [Piece("", "", "U+0007"), Piece("", "", "U+E0041")]),
            ("one\r\ntwo\tthree", [], [Piece("one\r\ntwo\tthree")]),
            ("\U0001f469\u200d\U0001f680", [], [Piece("\U0001f469\u200d\U0001f680")]),
            ("a\u200db", [], [Piece("a"), Piece("", "", "ZWJ"), Piece("b")]),
        ],
    )
    def test_a_text_is_cut_where_its_marking_changes(self, text, spans, expected):
        assert pieces(text, spans) == expected

    def test_a_reply_is_text_and_never_html(self, jo, client):
        submit(
            client,
            "silly <b>bold</b> <script>alert(1)</script>",
            reader={"id": "u-1", "name": "<i>Eve</i>\u202e"},
        )

        page = jo.get("/demo/queues/pending").text

        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script>alert" not in page
        assert "<i>Eve" not in page
        assert "\u202e" not in page

    def test_a_link_of_an_article_that_is_no_web_address_is_no_link(self, jo, client):
        submit(client, post={"id": "1", "title": "Bridge", "url": "javascript:alert(1)"})

        assert "javascript:" not in jo.get("/demo/queues/pending").text


class TestAReader:
    def test_the_page_shows_outcomes_and_that_it_was_opened_is_recorded(self, jo, client, app):
        submit(client, "You idiot.")

        page = jo.get("/demo/readers/u-77").text

        assert "You idiot." in page
        assert "<dt>Rejected</dt><dd>1</dd>" in page
        with app.app_context():
            opened = db.session.scalar(sa.select(Audit).where(Audit.action == "reader.opened"))
            assert (opened.subject, opened.actor.startswith("moderator:")) == ("u-77", True)

    def test_a_ban_refuses_the_next_reply_until_it_is_lifted(self, jo, client):
        submit(client)
        jo.get("/demo/readers/u-77")

        jo.post("/demo/standing/u-77", do="ban", days="7", reason="Insults again and again")
        during = submit(client, "Fine words.")
        jo.post("/demo/standing/u-77", do="unban")
        after = submit(client, "Other fine words.")

        assert (during["status"], during["reasons"][0]["code"]) == ("rejected", "banned_reader")
        assert after["status"] == "published"

    def test_a_reader_can_be_looked_at_first_and_no_longer(self, jo, client):
        submit(client)
        jo.get("/demo/readers/u-77")

        jo.post("/demo/standing/u-77", do="premoderate")
        during = submit(client, "Fine words.")
        jo.post("/demo/standing/u-77", do="trust")
        after = submit(client, "Other fine words.")

        assert [during["status"], after["status"]] == ["pending", "published"]

    def test_a_ban_needs_a_reason_and_is_in_the_audit_trail(self, jo, client, app):
        submit(client)
        jo.get("/demo/readers/u-77")

        bare = jo.post("/demo/standing/u-77", do="ban", days="lifted", reason=" ")
        jo.get("/demo/readers/u-77")
        jo.post("/demo/standing/u-77", do="ban", days="lifted", reason="Spam")

        assert bare.status_code == 422
        with app.app_context():
            row = db.session.scalar(sa.select(Audit).where(Audit.action == "reader.banned"))
            assert row.data == {"days": None, "reason": "Spam"}

    def test_a_moderator_looks_but_only_a_senior_bans(self, sam, client):
        submit(client)

        page = sam.get("/demo/readers/u-77").text
        sam.get("/demo/queues/pending")
        response = sam.post("/demo/standing/u-77", do="ban", reason="x")

        assert "Ban this reader" not in page
        assert response.status_code == 403

    def test_a_reader_of_another_site_is_not_found(self, jo, other):
        submit(other, reader={"id": "u-other"})

        assert jo.get("/demo/readers/u-other").status_code == 404
        assert jo.get("/demo/readers/%00").status_code == 404


def form_of(page):
    """The policy page's fields, as a browser would send them."""
    fields = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name = re.search(r'name="([^"]+)"', tag)
        checked = "checkbox" not in tag or " checked" in tag
        if name and checked and name[1] not in ("csrf_token", "next"):
            fields[name[1]] = re.search(r'value="([^"]*)"', tag)[1]
    for name, inner in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        fields[name] = re.search(r"<option selected>(\w+)", inner)[1]
    fields.update(re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>([^<]*)</textarea>', page))
    return fields


class TestThePolicy:
    def test_an_admin_saves_a_new_version_with_a_note(self, jo, client):
        before = client.get("/v1/policy").json
        fields = form_of(jo.get("/demo/policy").text)

        jo.post("/demo/policy", **(fields | {"insult.publish_below": "0.8", "note": "Too strict."}))

        after = client.get("/v1/policy").json
        assert (after["version"], jo.notice) == (2, "Saved as version 2. It decides from now on.")
        assert after["thresholds"]["insult"] == {"publish_below": 0.8, "reject_above": 0.9}
        assert after["rules"] == before["rules"]
        assert submit(client)["status"] == "published"

    def test_words_are_blocked_one_a_line(self, jo, client):
        fields = form_of(jo.get("/demo/policy").text)
        words = next(name for name in fields if name.endswith(".words"))

        jo.post("/demo/policy", **(fields | {words: "Kohlrabi\r\n\r\n two words ", "note": "A fashion."}))

        assert submit(client, "More kohlrabi!")["status"] == "rejected"
        assert submit(client, "These two words.")["status"] == "rejected"

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"insult.publish_below": "0.95"}, "The publish line must not lie above the reject line."),
            ({"insult.publish_below": "high"}, "Not a valid number."),
            ({"insult.publish_below": "nan"}, "Special numeric values"),
            ({"0.action": "explode"}, "Must be one of"),
            ({"4.max_characters": "0"}, "Must be a whole number from 1 to 50000."),
            ({"5.patterns": "(a"}, "Not a pattern that RE2 understands"),
            ({"note": " "}, "Say why"),
        ],
    )
    def test_what_does_not_fit_is_said_beside_its_field_and_nothing_is_saved(self, jo, client, changes, sentence):
        fields = form_of(jo.get("/demo/policy").text) | {"note": "Because."}

        response = jo.post("/demo/policy", **(fields | changes))

        assert response.status_code == 422
        assert sentence in jo.page
        assert client.get("/v1/policy").json["version"] == 1

    def test_of_two_admins_the_second_is_told(self, jo, client):
        fields = form_of(jo.get("/demo/policy").text) | {"note": "Because."}
        client.put("/v1/policy", json={k: client.get("/v1/policy").json[k] for k in ("thresholds", "rules")})

        response = jo.post("/demo/policy", **fields)

        assert (response.status_code, client.get("/v1/policy").json["version"]) == (412, 2)

    def test_a_moderator_reads_it_only(self, sam):
        page = sam.get("/demo/policy").text

        assert "Admins can change this." in page
        assert sam.post("/demo/policy", **form_of(page)).status_code == 403


class TestPagesAreOurs:
    def test_no_page_runs_or_loads_anything_from_elsewhere(self, jo, client):
        submit(client)

        for path in (
            "/demo/queues/pending",
            "/demo/queues/decided",
            "/demo/readers/u-77",
            "/demo/policy",
            "/demo/webhooks",
            "/nowhere/",
        ):
            response = jo.get(path)
            policy = response.headers["Content-Security-Policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert not re.search(r' style="|<style|<script(?![^>]*src=)| on\w+="', response.text)
            assert not re.search(r'(?:src|href)="(?:https?:)?//', response.text)

    def test_the_api_keeps_its_problem_documents_and_its_own_policy(self, client):
        response = client.get("/v1/comments/cmt_none")

        assert response.mimetype == "application/problem+json"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"

    @pytest.mark.parametrize(
        "path", ["/nowhere/", "/a/b/c", "/demo/nowhere", "/demo/comments/cmt_none", "/demo/queues/%00"]
    )
    def test_a_missing_page_is_a_page(self, jo, path):
        response = jo.get(path)

        assert (response.status_code, response.mimetype) == (404, "text/html")
        assert "There is nothing here" in response.text or "There is no such thing here" in response.text

    def test_the_colours_are_remembered_and_written_by_the_server(self, jo):
        jo.get("/demo/queues/pending")

        jo.post("/theme", theme="dark", next="/review/demo/queues/pending")

        assert '<html lang="en" data-bs-theme="dark">' in jo.page

    def test_a_database_that_is_busy_is_said_on_a_page(self, jo, monkeypatch):
        jo.get("/demo/queues/pending")
        fault = sa.exc.OperationalError("SELECT secret", {}, Exception("database is locked"))
        monkeypatch.setattr("moderation.services.review.queues.line", lambda *_: (_ for _ in ()).throw(fault))

        response = jo.get("/demo/queues/pending")

        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert "try again in a moment" in response.text
        assert "secret" not in response.text

    def test_a_fault_of_ours_is_a_page_with_the_request_id(self, jo, monkeypatch):
        jo.get("/demo/queues/pending")
        monkeypatch.setattr("moderation.services.review.queues.line", lambda *_: 1 / 0)

        response = jo.get("/demo/queues/pending")

        assert response.status_code == 500
        assert response.headers["X-Request-ID"] in response.text
        assert "ZeroDivision" not in response.text
