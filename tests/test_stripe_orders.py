"""What Stripe's events do to a reader's subscription and unlocks: one end, whatever the order."""

import itertools
import json

import pytest

from moderation.db import db
from moderation.models import ProviderEvent, State
from moderation.services import ledger_check
from moderation.services.lifecycle import Happening
from tests import engagement
from tests.engagement import START, access, at, history, ledger, left, overview, sell, subscribe, subscription, travel
from tests.stripe_events import DAY, MONTH, NOW, bundle, checkout, event, send, set_up, told

ANA, YEAR = "u-77", NOW + 365 * DAY
LATER = NOW + MONTH
# One sign-up that is cancelled at the end of its period: who it is, is said by the checkout alone.
SIGN_UP = (
    told("created", "incomplete", created=NOW, reader=None, id="evt_a"),
    told("updated", "active", created=NOW + 1, previous={"status": "incomplete"}, reader=None, id="evt_b"),
    checkout(created=NOW + 1, id="evt_c"),
    event("invoice.paid", {"id": "in_1", "customer": "cus_1"}, created=NOW + 1, id="evt_d"),
    told("updated", "active", created=NOW + 60, cancel_at_period_end=True, reader=None, id="evt_e"),
)  # fmt: skip
# One that ends: the end comes as two events of the same second.
ENDED = (
    told("created", "active", created=NOW, id="evt_f"),
    checkout(created=NOW, id="evt_g"),
    told("updated", "past_due", created=NOW + 5, previous={"status": "active"}, id="evt_h"),
    told("updated", "canceled", created=NOW + 9, ended_at=NOW + 9, id="evt_i"),
    told("deleted", "canceled", created=NOW + 9, ended_at=NOW + 9, id="evt_j"),
)
# Three changes within one second, told apart by the values that each replaced.
ONE_SECOND = (
    told("created", "trialing", created=NOW, trial_end=NOW + 7 * DAY, id="evt_k"),
    told("updated", "active", created=NOW, previous={"status": "trialing"}, id="evt_z"),
    told("updated", "active", created=NOW, previous={"cancel_at_period_end": False}, cancel_at_period_end=True,
         id="evt_m"),
    told("updated", "past_due", created=NOW, previous={"status": "active"}, cancel_at_period_end=True, id="evt_l"),
    event("customer.subscription.trial_will_end", {"id": "sub_1", "customer": "cus_1"}, created=NOW, id="evt_n"),
)  # fmt: skip


@pytest.fixture
def shop(client, app):
    sell(client, "monthly", unlocks=5, opens={"all": True}, grace_days=5)
    sell(client, "yearly", unlocks=8, opens={"all": True})
    set_up(app, price_month="monthly", price_year="yearly", price_five=5)
    return client


def standing(client, reader=ANA):
    """All that a reader and the site can see of it, but the path by which it came there."""
    seen = overview(client, reader)
    kept = {name: value for name, value in (seen["subscription"] or {}).items() if name not in ("id", "version")}
    return seen["unlock_left"], kept, access(client, reader=reader)


def renamed(sent, number):
    """The same event of another reader."""
    text = json.dumps(sent)
    for old, new in (("u-77", "u-{}"), ("cus_1", "cus_{}"), ("sub_1", "sub_{}"), ("evt_", "evt_{}_")):
        text = text.replace(old, new.format(number))
    return json.loads(text)


def waiting(app):
    with app.app_context():
        rows = db.session.query(ProviderEvent).filter_by(state="quarantined").order_by(ProviderEvent.event_id)
        return [(row.event_id, row.reason) for row in rows]


@pytest.mark.parametrize(
    ("events", "state", "paid_until", "unlocks"),
    [(SIGN_UP, "canceling", "2031-02-28T10:00:00Z", 5), (ENDED, "ended", "2031-01-31T10:00:09Z", 0),
     (ONE_SECOND, "past_due", "2031-01-31T10:00:00Z", 5)],
    ids=["cancelled at the period's end", "ended", "within one second"],
)  # fmt: skip
def test_all_120_orders_of_five_events_each_told_twice_end_in_one_state(shop, app, events, state, paid_until, unlocks):
    ends = []
    with travel(START.replace(month=2, day=1)):
        for number, order in enumerate(itertools.permutations(events)):
            first, second, third, fourth, fifth = (renamed(sent, number) for sent in order)
            send(shop, first, second, first, third, second, fourth, fifth, fifth, third, fourth)
            ends.append(standing(shop, f"u-{number}"))

    left_over, kept, opened = ends[0]
    assert (kept["state"], kept["paid_until"], left_over) == (state, paid_until, unlocks)
    assert opened["allowed"] is (state != "ended")
    assert [end for end in ends if end != ends[0]] == []
    assert (len(ends), waiting(app)) == (120, [])
    with app.app_context():
        assert ledger_check.faults(db.session()) == []
    with travel(START.replace(month=2, day=2)):
        stored = engagement.rows(app)
        again = {outcome for n in range(120) for outcome in send(shop, *(renamed(sent, n) for sent in events))}
        assert (again, engagement.rows(app)) == ({"duplicate"}, stored)


class TestStates:
    @pytest.mark.parametrize(
        ("sent", "state", "paid_until", "allowed"),
        [
            ({"status": "active"}, "active", "2031-02-28", True),
            ({"status": "trialing", "trial_end": NOW + 7 * DAY, "end": NOW + 7 * DAY}, "trialing", "2031-02-07", True),
            ({"cancel_at_period_end": True}, "canceling", "2031-02-28", True),
            ({"cancel_at": NOW + 3 * DAY}, "canceling", "2031-02-03", True),
            ({"cancel_at": YEAR}, "active", "2031-02-28", True),
            ({"status": "past_due"}, "past_due", "2031-01-31", True),
            ({"status": "past_due", "price": "price_year"}, "ended", "2031-01-31", False),
            ({"pause_collection": {"behavior": "keep_as_draft"}}, "paused", "2031-02-28", True),
            ({"status": "unpaid"}, "paused", "2031-01-31", False),
            ({"status": "paused"}, "paused", "2031-01-31", False),
            ({"status": "quite_new"}, "paused", "2031-01-31", False),
            ({"status": "canceled", "ended_at": NOW}, "ended", "2031-01-31", False),
            ({"status": "incomplete_expired"}, "ended", "2031-01-31", False),
        ],
    )
    @pytest.mark.parametrize("before", [None, "active"])
    def test_the_status_says_what_becomes_of_it(self, shop, before, sent, state, paid_until, allowed):
        with at():
            if before:
                send(shop, told(created=NOW - 1))
            assert send(shop, told(**sent)) == "applied"
        with travel(START.replace(second=1)):
            seen = subscription(shop)
            opened = access(shop)["allowed"]

        assert (seen["state"], seen["paid_until"][:10], opened) == (state, paid_until, allowed)

    def test_older_api_versions_have_the_period_on_the_subscription(self, shop):
        old = told(current_period_start=NOW, current_period_end=NOW + MONTH, items={"data": [{"price": "price_month"}]})

        with at():
            send(shop, old)

            assert subscription(shop)["paid_until"] == "2031-02-28T10:00:00Z"

    def test_a_sign_up_that_is_never_paid_opens_nothing(self, shop):
        with at():
            send(shop, told("created", "incomplete"), checkout(payment_status="unpaid"))

            assert overview(shop)["subscription"] is None
            assert access(shop)["allowed"] is False

    def test_under_void_no_time_that_begins_in_the_pause_is_given(self, shop):
        void = {"pause_collection": {"behavior": "void"}}
        with travel(START.replace(month=3, day=1)):
            second = told(created=LATER, start=LATER, end=LATER + MONTH, **void)
            send(shop, second, told(created=NOW, **void), told(created=NOW - 1))

            assert subscription(shop)["paid_until"] == "2031-02-28T10:00:00Z"

    def test_every_living_state_follows_every_other(self, shop):
        words = {
            State.TRIALING: {"status": "trialing", "trial_end": NOW + MONTH}, State.ACTIVE: {"status": "active"},
            State.PAST_DUE: {"status": "past_due"}, State.PAUSED: {"status": "unpaid"},
            State.CANCELING: {"cancel_at_period_end": True},
        }  # fmt: skip
        with at():
            for number, (old, new) in enumerate(itertools.product(words, words)):
                first, second = told(created=NOW, **words[old]), told(created=NOW + 1, **words[new])
                send(shop, renamed(first, number), renamed(second, number))
                seen = history(shop, f"u-{number}")
                assert [item["new_state"] for item in seen] == [old] + [new] * (old != new)
                assert {(item["event"], item["cause"], item["actor"]) for item in seen} == {
                    (Happening.FOLLOW, "provider", "stripe")
                }

    def test_history_shows_the_events_and_a_late_payment_revives_what_time_had_ended(self, shop):
        with at():
            send(shop, told("created", price="price_year", id="evt_first"))
        with at(days=29):
            over = subscription(shop)["state"], access(shop)["allowed"]
            send(shop, told(created=LATER + 3600, price="price_year", start=LATER, end=LATER + MONTH, id="evt_paid"))
            again = subscription(shop)

        assert over == ("ended", False)
        assert (again["state"], again["paid_until"]) == ("active", "2031-03-28T10:00:00Z")
        assert [(item["event"], item["cause"], item["reference"]) for item in history(shop)] == [
            ("follow", "provider", "evt_first"), ("end", "clock", None), ("follow", "provider", "evt_paid"),
        ]  # fmt: skip

    def test_what_is_over_at_stripe_never_comes_back_to_life(self, shop):
        with at():
            send(shop, told("deleted", "canceled", ended_at=NOW), told("updated", created=NOW + 60))

            assert (subscription(shop)["state"], access(shop)["allowed"]) == ("ended", False)

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_within_one_second_a_change_is_newer_than_the_beginning(self, shop, order):
        events = told("updated", cancel_at_period_end=True, id="evt_1"), told("created", id="evt_2")
        with at():
            send(shop, *(events[place] for place in order))

            assert subscription(shop)["state"] == "canceling"

    def test_who_comes_back_has_a_new_subscription(self, shop):
        again = told("created", created=NOW + 9)
        again["data"]["object"]["id"] = "sub_2"
        with at():
            send(shop, told("created"), told("deleted", "canceled", created=NOW + 5, ended_at=NOW + 5))
            ended = subscription(shop)
            send(shop, again)
            living = subscription(shop)

        assert (ended["state"], living["state"]) == ("ended", "active")
        assert ended["id"] != living["id"]

    def test_of_several_subscriptions_of_a_reader_the_best_counts_in_any_order(self, shop):
        seen = []
        for number, order in enumerate(itertools.permutations(range(4))):
            events = [
                told("created", created=NOW),
                told("created", created=NOW + 5, price="price_year", end=YEAR) ,
                told("deleted", "canceled", created=NOW + 9, ended_at=NOW + 9),
                told("updated", created=NOW + 9, price="price_year", end=YEAR, cancel_at_period_end=True),
            ]  # fmt: skip
            for second in (events[1], events[3]):
                second["data"]["object"]["id"] = "sub_1second"
            with at():
                send(shop, *(renamed(events[place], number) for place in order))
                seen.append(standing(shop, f"u-{number}"))

        assert (seen[0][1]["plan"], seen[0][1]["state"], seen[0][0]) == ("yearly", "canceling", 8)
        assert [item for item in seen if item != seen[0]] == []

    def test_what_the_site_itself_began_is_left_alone(self, shop, app):
        with at():
            subscribe(shop)
            before = subscription(shop)

            assert send(shop, told(id="evt_1")) == "quarantined"
            assert (subscription(shop), waiting(app)) == (before, [("evt_1", "kept_by_site")])

    def test_a_change_of_plan_keeps_the_plan_as_it_was_bought(self, shop):
        with at():
            send(shop, told())
            sell(shop, "monthly", grace_days=0)
            send(shop, told(created=NOW + 5, end=NOW + 2 * MONTH))
            kept = subscription(shop)["access_until"]
            send(shop, told(created=NOW + 9, price="price_year", end=YEAR))

        assert kept == "2031-04-02T10:00:00Z"
        assert subscription(shop)["plan"] == "yearly"


class TestUnlocks:
    def test_a_period_gives_its_unlocks_once_however_often_it_is_told(self, shop):
        with at():
            send(shop, told("created"), told(created=NOW + 1), told(created=NOW + 2, cancel_at_period_end=True))
            first = left(shop)
        with at(days=28):
            send(shop, told(created=LATER, start=LATER, end=LATER + MONTH))
            second = left(shop)

        assert (first, second) == (5, 5)

    def test_a_better_plan_in_the_same_period_gives_what_it_gives_more(self, shop):
        five, eight = told("created"), told(created=NOW + 1, price="price_year")
        with at():
            send(shop, renamed(five, 1), renamed(eight, 1), renamed(eight, 2), renamed(five, 2))

            assert (left(shop, "u-1"), left(shop, "u-2")) == (8, 8)

    def test_what_a_period_left_over_is_carried_on(self, shop, app):
        sell(shop, "rolling", unlocks=5, rollover_cap=2)
        set_up(app, price_roll="rolling")
        with at():
            send(shop, told("created", price="price_roll"))
        with at(days=28):
            send(shop, told(created=LATER, price="price_roll", start=LATER, end=LATER + MONTH))

            assert left(shop) == 7

    def test_a_bundle_credits_once_under_the_payments_id(self, shop):
        with at():
            send(shop, bundle(id="evt_1"), bundle(what="async_payment_succeeded", id="evt_2"))

            assert [(item["unlocks"], item["reference"]) for item in ledger(shop)] == [(5, "pi_1")]

    def test_lines_of_a_checkout_count_with_their_quantities(self, shop):
        lines = {"data": [{"price": {"id": "price_five"}, "quantity": 3}, {"price": "price_five", "quantity": 1}]}
        with at():
            send(shop, bundle(line_items=lines))

            assert left(shop) == 20

    def test_what_is_not_paid_yet_gives_nothing_yet(self, shop):
        with at():
            became = send(shop, bundle(payment_status="unpaid"), bundle(what="async_payment_succeeded"))

            assert (became, left(shop)) == (["noted", "applied"], 5)

    def test_a_product_can_be_listed_in_the_place_of_its_prices(self, shop, app):
        set_up(app, prod_1="monthly")
        with at():
            assert send(shop, told(price="price_unlisted")) == "applied"
