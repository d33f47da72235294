"""The cards that come next, claims that are let go, and what an open page is told."""

import re

import pytest

from moderation.models import Comment
from moderation.views.review import live
from moderation.views.review.stylesheet import part
from tests.desk import status_of, submit

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
JSON = {"Accept": "application/json"}
MOST_PAGE_BYTES = 150_000


def queued(client, count):
    return [submit(client, f"That is silly, number {at}.", reader={"id": f"u-{at}"})["id"] for at in range(count)]


def ahead(desk, queue="pending", **fields):
    token = TOKEN.search(desk.page)[1]
    response = desk.client.post(f"/review/demo/queues/{queue}/ahead", data={"csrf_token": token, **fields})
    return response, re.findall(r'<section data-id="([^"]+)"', response.text)


def claims(desk, **fields):
    return desk.client.post("/review/demo/claims", data={"csrf_token": TOKEN.search(desk.page)[1], **fields})


def decide_behind(desk, id, version, **fields):
    data = {"csrf_token": TOKEN.search(desk.page)[1], "version": version, **fields}
    return desk.client.post(f"/review/demo/comments/{id}/decision", data=data, headers=JSON)


class TestWhatComesNext:
    def test_the_next_cards_come_in_order_each_whole_and_are_held(self, jo, sam, client):
        ids = queued(client, 12)
        jo.get("/demo/queues/pending")

        response, found = ahead(jo, after=ids[0])
        seen_by_sam = sam.get("/demo/queues/pending").text

        assert found == ids[1:3]
        assert response.text.count('id="decide"') == 2
        assert "<html" not in response.text
        assert f'data-id="{ids[3]}"' in seen_by_sam.split("<article")[1]
        assert seen_by_sam.count("is-held") == 0

    def test_what_the_page_has_is_not_sent_again_and_nobody_takes_more_than_a_share(self, jo, client):
        ids = queued(client, 10)
        jo.get("/demo/queues/pending")

        first = ahead(jo, after=ids[0], count="10")[1]
        second = ahead(jo, after=ids[0], have=",".join(first), count="10")[1]

        assert first == ids[1:3]
        assert second == ids[3:4]

    def test_one_card_as_it_is_now_where_it_still_waits(self, jo, client):
        ids = queued(client, 3)
        jo.get("/demo/queues/pending")

        assert ahead(jo, one=ids[2])[1] == [ids[2]]
        decide_behind(jo, ids[2], 1, do="approve")
        assert ahead(jo, one=ids[2])[1] == []

    @pytest.mark.parametrize("fields", [
        {"have": ",".join(["cmt_1"] * 50)}, {"have": "x" * 1_000}, {"after": "y" * 1_000}, {"count": "99"},
        {"count": "-1"}, {"have": "a b"}, {"have": "\x00"}, {"one": "\x00"}, {"more": "1"},
    ])  # fmt: skip
    def test_absurd_questions_are_refused_with_a_sentence(self, jo, client, fields):
        queued(client, 1)
        jo.get("/demo/queues/pending")

        response, found = ahead(jo, **fields)

        assert response.status_code == 422
        assert 'id="notice"' in response.text
        assert found == []

    def test_an_unknown_queue_another_site_a_viewer_and_a_forged_form_get_nothing(self, jo, vi, client):
        queued(client, 1)
        jo.get("/demo/queues/pending")
        vi.get("/demo/queues/pending")

        assert ahead(jo, queue="nosuch")[0].status_code == 404
        mine = {"csrf_token": TOKEN.search(jo.page)[1]}
        assert jo.client.post("/review/other/queues/pending/ahead", data=mine).status_code == 404
        assert jo.client.post("/review/demo/queues/pending/ahead").status_code == 400
        assert jo.client.post("/review/demo/claims").status_code == 400
        assert jo.client.get("/review/other/live/pending").status_code == 404
        theirs = {"csrf_token": TOKEN.search(vi.page)[1]}
        assert vi.client.post("/review/demo/claims", data=theirs).status_code == 403


class TestSavedBehind:
    def test_a_decision_that_is_saved_behind_is_answered_in_a_sentence(self, jo, client):
        id = queued(client, 1)[0]
        jo.get("/demo/queues/pending")

        answer = decide_behind(jo, id, 1, reason="spam")

        assert answer.json["said"].startswith("Rejected")
        assert answer.json["decision"].startswith("dec_")
        assert jo.get("/demo/queues/decided").text.count('id="notice"') == 0

    def test_the_same_decision_sent_again_is_the_same_answer_and_one_decision(self, jo, client):
        id = queued(client, 1)[0]
        jo.get("/demo/queues/pending")

        first, again = (decide_behind(jo, id, 1, reason="spam") for _ in range(2))

        assert again.json == first.json
        assert [row["kind"] for row in client.get(f"/v1/comments/{id}/history").json["items"]] == [
            "submitted",
            "decided",
        ]

    def test_another_decision_or_another_persons_is_no_repeat(self, jo, sam, client):
        id = queued(client, 1)[0]
        jo.get("/demo/queues/pending")
        sam.get("/demo/queues/pending")
        decide_behind(jo, id, 1, reason="spam")

        assert decide_behind(jo, id, 1, reason="abuse").status_code == 412
        assert decide_behind(jo, id, 1, do="approve").status_code == 412
        refused = decide_behind(sam, id, 1, reason="spam")
        assert refused.status_code == 412
        assert "Jo rejected it" in refused.text
        assert status_of(client, id) == "rejected"


class TestClaims:
    def holder_of(self, app, id):
        with app.app_context():
            return live.db.session.get(Comment, id).claimed_by

    def test_what_a_page_leaves_is_free_again_but_not_what_a_newer_page_holds(self, jo, app, client):
        ids = queued(client, 6)
        jo.get(f"/demo/queues/pending?focus={ids[0]}")
        lease = re.search(r'data-lease="([^"]+)"', jo.page)[1]
        claims(jo, hold=",".join(ids[:3]))

        claims(jo, release=",".join(ids[:3]), lease=lease)
        assert self.holder_of(app, ids[1]) is not None

        later = claims(jo, hold=ids[1]).json
        assert later["held"] == [ids[1]]
        claims(jo, release=ids[1], lease=later["lease"])
        assert self.holder_of(app, ids[1]) is None

    def test_a_colleagues_claim_is_neither_taken_nor_let_go(self, jo, sam, app, client):
        ids = queued(client, 2)
        sam.get(f"/demo/queues/pending?focus={ids[0]}")
        jo.get(f"/demo/queues/pending?focus={ids[1]}")
        before = self.holder_of(app, ids[0])

        assert claims(jo, hold=ids[0]).json["held"] == []
        claims(jo, release=ids[0])

        assert self.holder_of(app, ids[0]) == before
        assert claims(jo, hold=ids[0], lease="no moment").status_code == 422


class TestLive:
    @pytest.fixture(autouse=True)
    def _counts_are_fresh(self, monkeypatch):
        monkeypatch.setattr(live, "COUNTED_SECONDS", 0.0)

    def test_nothing_new_is_told_in_304_without_a_body(self, jo, client):
        ids = queued(client, 2)
        jo.get("/demo/queues/pending")
        address = f"/review/demo/live/pending?ids={ids[1]}&focus={ids[0]}&version=1"

        first = jo.client.get(address)
        second = jo.client.get(address, headers={"If-None-Match": first.headers["ETag"]})

        assert first.json["counts"]["pending"] == 2
        assert (first.json["held"], first.json["gone"], first.json["changed"]) == ({}, [], "")
        assert second.status_code == 304
        assert second.data == b""

    def test_what_colleagues_hold_and_decide_is_told(self, jo, sam, client):
        ids = queued(client, 3)
        jo.get(f"/demo/queues/pending?focus={ids[0]}")
        sam.get(f"/demo/queues/pending?focus={ids[1]}")
        decide_behind(sam, ids[0], 1, do="approve")
        decide_behind(sam, ids[2], 1, do="approve")

        told = jo.client.get(f"/review/demo/live/pending?ids={ids[1]},{ids[2]}&focus={ids[0]}&version=1").json

        assert told["held"] == {ids[1]: "Sam"}
        assert told["gone"] == [ids[2]]
        assert told["changed"].startswith("Sam published it")
        assert told["counts"]["pending"] == 1

    @pytest.mark.parametrize("query", ["ids=" + "x" * 1_000, "version=0", "version=one", "nosuch=1"])
    def test_absurd_questions_are_refused(self, jo, query):
        assert jo.client.get(f"/review/demo/live/pending?{query}").status_code == 422


def test_a_page_with_its_style_and_scripts_weighs_less_than_it_may(jo, client):
    queued(client, 12)
    page = jo.get("/demo/queues/pending").text
    first = re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js|svg)[^"]*)"', page)
    weights = {address: fetched(jo, address) for address in {*first, *_imported(jo, first)}}

    total = len(page.encode()) + sum(len(body) for body in weights.values())

    assert any("bootstrap" in address for address in weights)
    assert any(address.endswith("ahead.js") for address in weights)
    assert total <= MOST_PAGE_BYTES, {name: len(body) for name, body in weights.items()}


def fetched(desk, address):
    with desk.client.get(address) as response:
        return response.get_data()


def _imported(desk, addresses):
    """What style and scripts import, and what those import."""
    found, left = set(), list(addresses)
    while left:
        address = left.pop()
        folder = address.split("?")[0].rsplit("/", 1)[0]
        text = fetched(desk, address).decode()
        names = re.findall(r'(?:from "\./|@import url\(")([\w.-]+)"', text)
        fresh = {f"{folder}/{name}" for name in names} - found
        found |= fresh
        left += fresh
    return found


def test_of_bootstrap_the_rules_that_pages_name_are_served_and_no_others():
    css = ".a:not(.b,.c){x:y}.a,.d{z:1}@media (q){.d{e:f}.a{g:h}}p{i:j}@keyframes k{0%{l:m}}"

    assert part(css, frozenset({"a"})) == ".a{z:1}@media (q){.a{g:h}}p{i:j}@keyframes k{0%{l:m}}"
    assert part(css, frozenset({"d"})) == ".d{z:1}@media (q){.d{e:f}}p{i:j}@keyframes k{0%{l:m}}"
