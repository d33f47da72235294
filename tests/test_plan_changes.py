"""Another plan: now with the unused share, or from the end of the paid time on."""

import itertools

import pytest

from moderation.db import db
from moderation.services import ledger_check
from tests.engagement import (
    START,
    access,
    at,
    history,
    left,
    problem,
    sell,
    subscribe,
    subscription,
    the_worker_comes,
    travel,
    turn,
    url,
)
from tests.stripe_events import NOW, send, set_up, told

PAID_END = "2031-02-28T10:00:00Z"


@pytest.fixture
def shop(client):
    sell(client, "sport", opens={"sections": ["sport"]}, grace_days=2)
    sell(client, "city", opens={"sections": ["city"]}, grace_days=5)
    sell(client, "forever", period=None)
    client.put("/v1/posts/sport", json={"section": "sport"})
    client.put("/v1/posts/city", json={"section": "city"})
    return client


def change(client, plan, at="period_end"):
    return turn(client, "change", plan=plan, at=at)


def opened(client):
    return [post for post in ("sport", "city") if access(client, post)["allowed"]]


def asked(client, **body):
    return client.post(url("/subscription/change"), json=body)


class TestLater:
    def test_it_waits_and_can_be_seen_and_holds_from_the_renewal_on(self, shop):
        with at():
            subscribe(shop, "sport")
            waiting = change(shop, "city")
            seen = subscription(shop), opened(shop)
        with at(days=29):
            late = subscription(shop), opened(shop)
            turn(shop, "renew")
            after = subscription(shop), opened(shop)

        assert (waiting["plan"], waiting["pending_change"]) == ("sport", {"plan": "city", "at": PAID_END})
        assert waiting["proration"] is None
        assert (seen[0]["pending_change"]["plan"], seen[1]) == ("city", ["sport"])
        assert (late[0]["state"], late[0]["plan"], late[1]) == ("past_due", "sport", ["sport"])
        assert (after[0]["plan"], after[0]["pending_change"], after[1]) == ("city", None, ["city"])
        assert [(item["event"], item["plan"], item["next_plan"]) for item in history(shop)] == [
            ("start", "sport", None), ("change_later", "sport", "city"), ("lapse", "sport", "city"),
            ("renew", "city", None),
        ]  # fmt: skip

    @pytest.mark.parametrize("worker", [False, True])
    def test_paid_ahead_it_holds_to_the_second_from_the_end_of_the_old_period(self, shop, app, worker):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
        with at(days=20):
            renewed = turn(shop, "renew")
        with travel(START.replace(month=2, day=28, hour=9, minute=59, second=59)):
            before = subscription(shop)["plan"], opened(shop)
        with at(days=28):
            if worker:
                the_worker_comes(app)
            after = subscription(shop), opened(shop), history(shop)[-1]

        assert (renewed["plan"], renewed["paid_until"]) == ("sport", "2031-03-31T10:00:00Z")
        assert renewed["access_until"] == "2031-04-05T10:00:00Z"
        assert before == ("sport", ["sport"])
        assert (after[0]["plan"], after[0]["pending_change"], after[1]) == ("city", None, ["city"])
        assert {name: after[2][name] for name in ("event", "cause", "plan", "effective_at")} == {
            "event": "switch", "cause": "clock", "plan": "city", "effective_at": PAID_END,
        }  # fmt: skip

    @pytest.mark.parametrize("ahead", [True, False])
    def test_the_worker_writes_what_reading_has_said_before(self, shop, app, ahead):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
            if ahead:
                turn(shop, "renew")
        for days in (28, 59, 61, 64, 65):
            with at(days=days):
                before = subscription(shop), history(shop), opened(shop)
                the_worker_comes(app)

                assert (subscription(shop), history(shop), opened(shop)) == before
        by_clock = ["switch", "lapse", "end"] if ahead else ["lapse", "end"]
        assert [item["event"] for item in history(shop) if item["cause"] == "clock"] == by_clock

    def test_another_one_goes_over_it_and_the_present_plan_takes_it_back(self, shop):
        sell(shop, "third")
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
            second = change(shop, "third")
            back = change(shop, "sport")
            again = asked(shop, plan="sport", at="period_end")

        assert second["pending_change"]["plan"] == "third"
        assert (back["plan"], back["pending_change"], problem(again)) == ("sport", None, (409, "state_forbids"))
        assert [item["next_plan"] for item in history(shop)] == [None, "city", "third", None]

    def test_now_can_take_it_back_too(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")

            assert change(shop, "sport", "now")["pending_change"] is None
            assert change(shop, "city", "now")["pending_change"] is None

    def test_what_was_paid_on_the_next_plan_is_not_taken_back(self, shop):
        sell(shop, "third")
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
            turn(shop, "renew")

            assert problem(asked(shop, plan="sport", at="period_end")) == (409, "state_forbids")
            assert problem(asked(shop, plan="sport", at="now")) == (409, "state_forbids")
            assert problem(asked(shop, plan="third", at="period_end")) == (409, "state_forbids")
            assert change(shop, "third", "now")["pending_change"] is None

    def test_the_plan_is_the_one_that_was_sold_when_it_was_chosen(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
            sell(shop, "city", opens={"sections": ["sport"]})
            shop.delete("/v1/plans/city")
        with at(days=28):
            turn(shop, "renew")

            assert opened(shop) == ["city"]

    def test_a_plan_that_is_sold_no_longer_can_still_be_kept(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
            shop.delete("/v1/plans/sport")

            assert change(shop, "sport")["pending_change"] is None

    def test_nobody_renews_and_it_ends_with_the_subscription(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
        with at(days=31):
            ended = subscription(shop)
            begun = subscribe(shop, "sport")

        assert (ended["state"], ended["plan"], ended["pending_change"]) == ("ended", "sport", None)
        assert (begun["plan"], begun["pending_change"]) == ("sport", None)


class TestWithOthers:
    def test_a_cancellation_keeps_it_waiting_and_resume_brings_it_back(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
            canceled, resumed = turn(shop, "cancel"), turn(shop, "resume")
        with at(days=28):
            turn(shop, "renew")
            assert opened(shop) == ["city"]

        assert canceled["pending_change"] == resumed["pending_change"] == {"plan": "city", "at": PAID_END}

    def test_canceled_now_it_is_gone(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")

            assert turn(shop, "cancel", at="now")["pending_change"] is None

    def test_after_a_pause_the_renewal_begins_on_the_new_plan(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
            turn(shop, "pause")
        with at(days=60):
            waits = subscription(shop)["pending_change"]
            renewed = turn(shop, "renew")

            assert (waits["plan"], renewed["plan"], opened(shop)) == ("city", "city", ["city"])

    def test_from_the_trial_it_holds_from_the_trials_end_on(self, shop):
        sell(shop, "tried", trial_days=10, opens={"sections": ["sport"]})
        with at():
            subscribe(shop, "tried")
            change(shop, "city")
            turn(shop, "renew")
        with at(days=9):
            during = opened(shop)
        with at(days=10):
            after = subscription(shop), opened(shop)

        assert during == ["sport"]
        assert (after[0]["plan"], after[0]["paid_until"], after[1]) == ("city", "2031-03-10T10:00:00Z", ["city"])

    def test_a_new_beginning_names_its_plan_itself(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "city")
            turn(shop, "cancel")

            assert subscribe(shop, "sport")["pending_change"] is None

    def test_the_word_of_a_provider_goes_over_it(self, shop, app):
        set_up(app, price_month="sport")
        with at():
            send(shop, told())
            waiting = change(shop, "city")["pending_change"]
            send(shop, told(created=NOW + 5))

            assert (waiting["plan"], subscription(shop)["pending_change"]) == ("city", None)

    def test_a_plan_without_end_follows_a_month(self, shop):
        with at():
            subscribe(shop, "sport")
            change(shop, "forever")
            turn(shop, "renew")
        with at(days=27):
            before = subscription(shop)["plan"]
        with at(days=28):
            after = subscription(shop)

        assert (before, after["plan"], after["paid_until"]) == ("sport", "forever", None)

    def test_the_new_plans_unlocks_come_with_its_period_and_the_old_ones_roll_over_into_it(self, shop, app):
        sell(shop, "three", unlocks=3)
        sell(shop, "five", unlocks=5, rollover_cap=2)
        with at():
            subscribe(shop, "three")
            change(shop, "five")
        with at(days=20):
            before = left(shop)
            turn(shop, "renew")
            paid = left(shop)
        with at(days=28):
            assert (before, paid, left(shop)) == (3, 8, 7)
        with app.app_context():
            assert ledger_check.faults(db.session()) == []


@pytest.mark.parametrize("first", ["now", "period_end"])
@pytest.mark.parametrize("what", ["pause", "cancel", "renew"])
def test_every_pair_of_changes_leaves_one_plan_and_at_most_one_that_waits(shop, what, first):
    for second, third in itertools.product(["now", "period_end"], repeat=2):
        reader = f"u-{second}-{third}"
        with at():
            subscribe(shop, "sport", reader)
            for at_word, plan in ((first, "city"), (second, "sport"), (third, "forever")):
                shop.post(url("/subscription/change", reader), json={"plan": plan, "at": at_word})
            turn(shop, what, reader)
            seen = subscription(shop, reader)

        assert seen["plan"] in ("sport", "city", "forever")
        assert (seen["pending_change"] or {"plan": None})["plan"] != seen["plan"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"plan": "city", "at": "later"}, "#/at"), ({"plan": "city", "at": None}, "#/at"), ({"at": "now"}, "#/plan"),
     ({"plan": "p" * 1_000, "at": "period_end"}, "#/plan"), ({"plan": "gold", "at": "period_end"}, "#/plan"),
     ({"plan": "city", "currency": "EUR"}, "#/currency"), ({"plan": "city", "amount": -5}, "#/amount")],
)  # fmt: skip
def test_a_wrong_field_is_named_and_nothing_changes(shop, body, pointer):
    subscribe(shop, "sport")

    response = asked(shop, **body)

    assert problem(response) == (422, "validation_failed")
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]
    assert len(history(shop)) == 1
