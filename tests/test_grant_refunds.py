"""Orders that are paid back: what leaves, what closes, once, in any order."""

import itertools
from datetime import timedelta

import pytest

from moderation.db import db
from moderation.models import Audit, GrantRefund
from moderation.services import ledger_check
from tests.engagement import (
    START,
    access,
    at,
    configure,
    done,
    events,
    give,
    ledger,
    left,
    problem,
    rows,
    sell,
    subscribe,
    unlock,
    url,
)

ORDER = {"kind": "bundle", "reference": "order-991", "unlocks": 5, "expires_at": None}


def buy(client, **changes):
    return give(client, **(ORDER | changes))


def pay_back(client, refund="refund-1", reader="u-77", **changes):
    body = {"kind": "bundle", "reference": "order-991", "refund_reference": refund} | changes
    return client.post(url("/grants/refunds", reader), json=body)


def opened(client):
    return [item["post_id"] for item in done(client.get(url("/unlocks?limit=200")))["items"]]


def standing(client):
    return left(client), sorted(opened(client))


@pytest.fixture(autouse=True)
def books(request, app):
    """Whatever a test does, the books are right after it."""
    yield
    if "client" in request.fixturenames:
        with app.app_context():
            assert ledger_check.faults(db.session()) == []


class TestWhole:
    def test_unspent_units_leave_the_balance(self, client, app):
        buy(client)
        give(client, 2)

        response = pay_back(client)

        assert response.status_code == 201
        assert (response.json["state"], response.json["taken"], response.json["unlock_left"]) == ("applied", 5, 2)
        entry = ledger(client)[-1]
        assert (entry["unlocks"], entry["kind"], entry["reference"]) == (-5, "expiry", "refund-1")
        told = events(app, "allowance.changed")[-1]
        assert (told["unlocks"], told["kind"], told["reference"], told["unlock_left"]) == (-5, "expiry", "refund-1", 2)

    def test_the_posts_that_it_opened_close_and_no_others(self, client):
        with at():
            buy(client)
            unlock(client, "of-the-order")
            give(client, 1, expires_at=(START + timedelta(days=30)).isoformat())
        with at(hours=1):
            unlock(client, "of-the-gift")
            give(client, 3)

            refunded = done(pay_back(client))

            assert (refunded["closed_posts"], refunded["unlock_left"]) == (["of-the-order"], 3)
            assert [access(client, post)["allowed"] for post in ("of-the-gift", "of-the-order")] == [True, False]
            assert [(item["unlocks"], item["kind"], item["reference"]) for item in ledger(client)][-2:] == [
                (1, "refund", ledger(client)[1]["reference"]), (-5, "expiry", "refund-1"),
            ]  # fmt: skip

    def test_what_ran_out_before_is_not_taken_a_second_time(self, client):
        with at():
            buy(client, expires_at=(START + timedelta(days=1)).isoformat())
            unlock(client)
        with at(days=2):
            refunded = done(pay_back(client))

            assert (refunded["taken"], refunded["unlock_left"], opened(client)) == (5, 0, [])

    def test_a_post_whose_time_is_over_has_nothing_left_to_close(self, client, app):
        configure(app, unlock_days=1)
        with at():
            buy(client, unlocks=1)
            unlock(client)
        with at(days=2):
            refunded = done(pay_back(client))

        assert (refunded["taken"], refunded["closed_posts"], refunded["unlock_left"]) == (1, [], 0)

    def test_a_subscription_still_opens_what_the_order_had_opened(self, client):
        sell(client)
        subscribe(client)
        buy(client)
        unlock(client)

        done(pay_back(client))

        assert access(client)["because"] == "subscription"

    def test_it_is_audited(self, client, app):
        buy(client)
        done(pay_back(client))

        with app.app_context():
            [row] = db.session.query(Audit).filter_by(action="grant.refunded")
            assert (row.data["taken"], row.data["closed"]) == (5, 0)


class TestPart:
    def test_unspent_ones_go_first_and_then_the_posts_opened_last(self, client):
        buy(client)
        for hours, post in enumerate(("first", "second", "third")):
            with at(hours=hours):
                unlock(client, post)

        some = done(pay_back(client, "refund-1", unlocks=2))
        more = done(pay_back(client, "refund-2", unlocks=2))

        assert (some["taken"], some["closed_posts"], some["unlock_left"]) == (2, [], 0)
        assert (more["taken"], more["closed_posts"], more["unlock_left"]) == (2, ["third", "second"], 0)
        assert opened(client) == ["first"]

    def test_more_than_the_order_gave_is_never_taken(self, client):
        buy(client)
        give(client, 2)

        taken = [done(pay_back(client, f"refund-{n}", unlocks=3))["taken"] for n in range(3)]

        assert (taken, left(client)) == ([3, 2, 0], 2)

    def test_what_a_reader_gives_back_after_a_partial_refund_is_the_readers(self, client):
        buy(client)
        unlock(client)
        done(pay_back(client, unlocks=4))

        client.delete(url("/unlocks/2041"))

        assert left(client) == 1


class TestOnce:
    def test_the_same_refund_again_takes_nothing_more(self, client):
        buy(client)
        first, again = (pay_back(client, unlocks=2) for _ in range(2))

        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json == first.json
        assert left(client) == 3

    @pytest.mark.parametrize(
        ("reader", "changes"), [("u-77", {"unlocks": 1}), ("u-77", {"reference": "order-992"}), ("u-78", {})]
    )
    def test_the_same_refund_with_another_content_is_a_conflict(self, client, reader, changes):
        buy(client)
        done(pay_back(client, unlocks=2))

        response = pay_back(client, **({"reader": reader, "unlocks": 2} | changes))

        assert problem(response) == (409, "conflict")
        assert left(client) == 3

    def test_an_order_that_is_paid_again_after_its_refund_credits_nothing_ever(self, client):
        first = client.post(url("/grants"), json=ORDER)
        done(pay_back(client))

        again = client.post(url("/grants"), json=ORDER)

        assert (again.status_code, again.json["id"], again.json["unlock_left"]) == (200, first.json["id"], 0)
        assert done(pay_back(client, "refund-2"))["taken"] == 0

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
    def test_all_orders_of_an_order_and_its_refunds_each_told_twice_end_in_one_state(self, client, order):
        give(client, 1)
        steps = [
            lambda: client.post(url("/grants"), json=ORDER),
            lambda: pay_back(client, "refund-1", unlocks=2),
            lambda: pay_back(client, "refund-2", unlocks=1),
            lambda: unlock(client, "of-the-gift"),
        ]

        for step in order:
            done(steps[step]()) if step < 3 else steps[step]()
            steps[order[0]]()

        assert left(client) + len(opened(client)) == 1 + 5 - 3
        assert opened(client) == ["of-the-gift"]

    def test_a_refund_that_was_told_of_the_wrong_reader_is_put_right(self, client):
        assert done(pay_back(client, reader="u-78"))["state"] == "waiting"
        buy(client)

        assert (done(pay_back(client))["taken"], left(client)) == (5, 0)

    def test_a_refund_waits_for_its_order_and_says_so(self, client):
        waiting = done(pay_back(client))
        bought = buy(client)
        again = pay_back(client)

        assert (waiting["state"], waiting["taken"]) == ("waiting", 0)
        assert bought["unlock_left"] == 0
        assert (again.status_code, again.json["state"], again.json["taken"]) == (200, "applied", 5)

    def test_a_dry_run_and_an_idempotency_key_are_understood(self, client):
        buy(client)
        body = {"kind": "bundle", "reference": "order-991", "refund_reference": "refund-1", "unlocks": 2}

        dry = client.post(url("/grants/refunds?dry_run=true"), json=body)
        before = left(client)
        both = [client.post(url("/grants/refunds"), json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]

        assert (dry.json["unlock_left"], before) == (3, 5)
        assert [answer.status_code for answer in both] == [201, 201]
        assert both[1].headers["Idempotent-Replayed"] == "true"


def test_another_sites_order_is_another_order(client, other):
    buy(client)

    assert done(pay_back(other))["state"] == "waiting"
    assert left(client) == 5


def test_a_refund_is_in_the_export_and_stays_without_the_person(client, app):
    buy(client)
    done(pay_back(client))

    exported = client.get(url("/export")).json["grant_refunds"]
    client.delete(url())

    assert [row["refund_reference"] for row in exported] == ["refund-1"]
    with app.app_context():
        assert db.session.query(GrantRefund).count() == 1
    assert client.get(url("/export")).json["grant_refunds"] == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"unlocks": 0}, "#/unlocks"), ({"unlocks": -3}, "#/unlocks"), ({"unlocks": 10**40}, "#/unlocks"),
        ({"unlocks": "2"}, "#/unlocks"), ({"unlocks": True}, "#/unlocks"), ({"kind": "plan"}, "#/kind"),
        ({"reference": ""}, "#/reference"), ({"reference": "r" * 1_000}, "#/reference"),
        ({"refund_reference": None}, "#/refund_reference"), ({"refund_reference": "a\x00"}, "#/refund_reference"),
        ({"currency": "EUR"}, "#/currency"), ({"amount": 500}, "#/amount"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_and_nothing_is_taken(client, app, changes, pointer):
    buy(client)
    before = rows(app)

    response = pay_back(client, **changes)

    assert problem(response) == (422, "validation_failed")
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]
    assert rows(app) == before


@pytest.mark.parametrize("reader", ["u" * 1_000, "u\x00"])
def test_a_readers_id_that_nobody_has_is_a_problem_document(client, app, reader):
    before = rows(app)

    answers = [pay_back(client, reader=reader)] + [
        client.post(url(f"/subscription/{what}", reader), json={"plan": "monthly"}) for what in ("change", "renew")
    ]

    assert [answer.status_code in (404, 409, 422) for answer in answers] == [True] * 3
    assert [answer.content_type for answer in answers] == ["application/problem+json"] * 3
    assert rows(app) == before


@pytest.mark.parametrize("body", ["[" * 10_000, '{"a":' * 10_000, "", "NaN"])
def test_a_body_that_is_none_is_a_problem_document(client, app, body):
    response = client.post(url("/grants/refunds"), data=body, content_type="application/json")

    assert problem(response) == (400, "malformed_json")
    assert rows(app) == [0, 0, 0, rows(app)[3], 0]
