"""A reader's account at the desk: ledger, unlocks, subscription, and unlocks given out of kindness."""

import re

import pytest
import sqlalchemy as sa

from moderation import db as database
from moderation.db import db
from moderation.models import Audit
from tests.desk import signed_in
from tests.engagement import (
    at,
    give,
    ledger,
    left,
    rows,
    sell,
    subscribe,
    turn,
    unlock,
    until,
    url,
)

PAGE, FORM = "/demo/readers/u-77", "/demo/goodwill/u-77"
_TICKET = re.compile(r'name="ticket" value="([0-9a-f]{24})"')


def words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def ticket(desk):
    return _TICKET.search(desk.page)[1]


def goodwill(desk, **changes):
    desk.get(PAGE)
    fields = {"unlocks": "3", "reason": "The page was down.", "ticket": ticket(desk)} | changes
    return desk.post(FORM, **fields)


class TestThePage:
    def test_it_shows_what_is_left_of_what_and_until_when(self, jo, client):
        with at():
            sell(client, unlocks=5)
            subscribe(client)
            give(client, 2, kind="gift")
            client.put("/v1/posts/2041", json={"title": "Bridge reopens"})
            unlock(client)
        with at(hours=1):
            # Her session has a clock of its own: she signs in when it is.
            page = signed_in(jo.client.application, "Ria", "viewer").get(PAGE).text

        said = words(page)
        assert "Unlock left: 6" in said
        assert "4 of plan, until 2031-02-28 10:00 UTC" in said
        assert "2 of gift, without end" in said
        assert "“Bridge reopens”, since 1 hour ago" in said
        assert re.search(r"Opened “Bridge reopens” −1 6 1 hour ago A gift \+2 7 1 hour ago From the plan \+5 5", said)

    def test_the_history_tells_every_transition_with_cause_and_who(self, jo, client):
        with at():
            sell(client, grace_days=3)
            subscribe(client)
            turn(client, "cancel")
        with at(days=40):
            said = words(signed_in(jo.client.application, "Ria", "viewer").get(PAGE).text)

        assert "Plan monthly State ended Paid until 2031-02-28 10:00 UTC" in said
        assert re.search(
            r"end : canceling → ended, monthly, .* its time came cancel : active → canceling,"
            r" .* asked for by the site start : none → active", said,
        )  # fmt: skip

    def test_the_ledger_is_paged_from_the_newest_to_the_oldest(self, jo, client):
        for number in range(60):
            give(client, 1, kind="gift", reference=f"g-{number}")
        found, address, pages = [], PAGE, 0
        while address:
            page = jo.get(address).text
            found += re.findall(r">g-(\d+)<", page)
            older = re.search(r'href="/review([^"]+)#ledger">Older', page)
            address, pages = older and older[1].replace("&amp;", "&"), pages + 1

        assert [int(number) for number in found] == list(range(59, -1, -1))
        assert pages == 3
        assert "Newest" in jo.page

    def test_what_fell_due_is_there_before_the_worker_writes_it(self, jo, client):
        with at():
            give(client, 2, kind="gift", expires_at=until((2, 1)))
        with at(days=2):
            said = words(signed_in(jo.client.application, "Ria", "viewer").get(PAGE).text)

        assert "Unlock left: 0" in said
        assert re.search(r"Ran out −2 0 .* A gift \+2 2", said)

    def test_units_of_an_order_that_was_paid_back_did_not_run_out(self, jo, client):
        give(client, 3, kind="bundle", reference="order-1")
        refund = {"kind": "bundle", "reference": "order-1", "refund_reference": "refund-1", "unlocks": 2}
        client.post(url("/grants/refunds"), json=refund)

        said = words(jo.get(PAGE).text)

        assert "Taken back, as it was paid back refund-1 −2 1" in said
        assert "Ran out" not in said

    def test_who_has_nothing_has_an_empty_account(self, jo, client):
        client.post("/v1/posts/1/comments")
        give(client, 1)
        client.delete(url("/unlocks/1"))

        assert "None, and there never was one." in words(jo.get(PAGE).text)

    @pytest.mark.parametrize("below", ["0", "-1", "x", "9" * 30, "%00"])
    def test_a_page_of_the_ledger_that_cannot_be_is_refused(self, jo, client, below):
        give(client, 1)

        assert jo.get(f"{PAGE}?below={below}").status_code in (404, 422)

    def test_beyond_the_first_row_there_is_nothing(self, jo, client):
        give(client, 1)

        assert "No unlock has come or gone before that." in jo.get(f"{PAGE}?below=1").text

    def test_an_erased_reader_and_another_sites_are_not_found(self, jo, client, other):
        give(client, 1)
        give(other, 1, reader="u-other")
        goodwill(jo)
        form = {"unlocks": "3", "reason": "x", "ticket": "a" * 24}
        assert client.delete(url()).status_code == 204

        assert jo.get(PAGE).status_code == 404
        assert jo.get("/demo/readers/u-other").status_code == 404
        jo.get("/demo/queues/pending")
        assert jo.post(FORM, **form).status_code == 404
        jo.get("/demo/queues/pending")
        assert jo.post("/demo/goodwill/u-other", **form).status_code == 404
        assert left(other, "u-other") == 1


class TestGoodwill:
    def test_is_given_once_with_a_reason_by_name_and_said(self, jo, client, app):
        give(client, 1)

        goodwill(jo)

        assert jo.notice == "Gave 3. Unlock left: 4."
        assert (left(client), ledger(client)[-1]["unlocks"]) == (4, 3)
        assert "Goodwill" in jo.page
        with app.app_context():
            row = db.session.scalars(sa.select(Audit).where(Audit.action == "grant.created").order_by(Audit.id)).all()[
                -1
            ]
            assert row.actor.startswith("moderator:")
            assert (row.data["reason"], row.data["unlocks"], row.data["kind"]) == ("The page was down.", 3, "goodwill")

    def test_sent_twice_it_gives_once(self, jo, client):
        give(client, 1)
        goodwill(jo)
        jo.get(PAGE)
        again = ticket(jo)
        jo.post(FORM, unlocks="2", reason="Twice", ticket=again)

        jo.post(FORM, unlocks="2", reason="Twice", ticket=again)

        assert jo.notice == "They were given already, and nothing was given twice. Unlock left: 6."
        assert left(client) == 6

    def test_an_old_form_with_another_number_gives_nothing_and_says_so(self, jo, client):
        give(client, 1)
        jo.get(PAGE)
        used = ticket(jo)
        jo.post(FORM, unlocks="2", reason="One", ticket=used)

        response = jo.post(FORM, unlocks="5", reason="Two", ticket=used)

        assert response.status_code == 409
        assert "This form gave unlocks before, and nothing was given now." in jo.page
        assert ticket(jo) != used
        assert left(client) == 3

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"unlocks": "0"}, "Give 1 to 50 unlocks."),
            ({"unlocks": "51"}, "Give 1 to 50 unlocks."),
            ({"unlocks": "-3"}, "Give 1 to 50 unlocks."),
            ({"unlocks": "9" * 400}, "Give 1 to 50 unlocks."),
            ({"unlocks": "9" * 9000}, "Say how many, as a whole number."),
            ({"unlocks": "1.5"}, "Say how many, as a whole number."),
            ({"unlocks": ""}, "Say how many, as a whole number."),
            ({"reason": "  "}, "Say why, so that your colleagues know."),
            ({"reason": "x" * 201}, "between 0 and 200"),
            ({"reason": "a\x00b"}, "Holds a NUL"),
            ({"ticket": "../x"}, "The page was not whole; send it again."),
            ({"kind": "bundle"}, "Unknown key."),
        ],
    )
    def test_what_does_not_fit_is_said_in_the_page_and_kept(self, jo, client, app, changes, sentence):
        give(client, 1)
        before = rows(app)

        response = goodwill(jo, **changes)

        assert response.status_code == 422
        assert sentence in jo.page
        if "unlocks" not in changes:
            assert 'name="unlocks" type="number" min="1" max="50" inputmode="numeric" value="3"' in jo.page
        # That the page was opened is all that was written.
        assert [now - then for now, then in zip(rows(app), before, strict=True)] == [0, 0, 0, 1, 0]

    @pytest.mark.parametrize("role", ["viewer", "moderator"])
    def test_is_for_seniors_and_admins(self, app, client, role):
        give(client, 1)
        desk = signed_in(app, "Uma", role)
        page = desk.get(PAGE).text
        desk.get("/demo/queues/pending")

        response = desk.post(FORM, unlocks="3", reason="x", ticket="a" * 24)

        assert "Give goodwill unlocks" not in page
        assert response.status_code == 403
        assert left(client) == 1

    def test_a_senior_may(self, app, client):
        give(client, 1)
        desk = signed_in(app, "Uma", "senior")

        assert goodwill(desk).status_code == 200
        assert left(client) == 4

    def test_a_form_from_elsewhere_gives_nothing(self, jo, client):
        give(client, 1)
        jo.get(PAGE)

        response = jo.post(FORM, token="forged", unlocks="3", reason="x", ticket=ticket(jo))

        assert response.status_code == 400
        assert left(client) == 1

    def test_nobody_who_is_not_signed_in_gives_anything(self, app, client):
        database.mark_reading(False)
        give(client, 1)

        response = app.test_client().post(f"/review{FORM}", data={"unlocks": "3", "reason": "x"})

        assert response.status_code in (401, 403)
        assert left(client) == 1
