"""A change of plan now tells the unused share of what was paid, exactly."""

from fractions import Fraction

import pytest

from tests.engagement import START, at, configure, history, sell, subscribe, subscription, travel, turn, url

PAID_END = "2031-02-28T10:00:00Z"


@pytest.fixture
def shop(client):
    sell(client, "sport")
    sell(client, "city")
    sell(client, "forever", period=None)
    return client


def change(client, plan, at):
    return turn(client, "change", plan=plan, at=at)


class TestNow:
    def test_the_answer_tells_the_unused_share_exactly(self, shop):
        with at():
            subscribe(shop, "sport")
        with at(days=12):
            changed = change(shop, "city", "now")

        assert changed["proration"] == {
            "old_plan": "sport", "new_plan": "city", "trial": False, "period_start": "2031-01-31T10:00:00Z",
            "period_end": PAID_END, "seconds_used": 12 * 86_400, "seconds_left": 16 * 86_400,
            "unused": {"numerator": 4, "denominator": 7, "decimal": "0.571429"}, "whole_periods_left": 0,
        }  # fmt: skip
        assert (changed["plan"], changed["paid_until"], changed["pending_change"]) == ("city", PAID_END, None)

    def test_used_and_left_are_the_whole_over_a_change_of_clocks(self, shop, app):
        configure(app, time_zone="Europe/Berlin")
        with travel(START.replace(month=3, day=15)):
            subscribe(shop, "sport")
        with travel(START.replace(month=4, day=1, second=1)):
            told = change(shop, "city", "now")["proration"]

        whole = told["seconds_used"] + told["seconds_left"]
        assert whole == 31 * 86_400 - 3_600
        assert Fraction(told["unused"]["numerator"], told["unused"]["denominator"]) == Fraction(
            told["seconds_left"], whole
        )

    def test_periods_that_are_paid_ahead_are_counted(self, shop):
        with at():
            subscribe(shop, "sport")
            turn(shop, "renew")
            turn(shop, "renew")
        with at(days=14):
            told = change(shop, "city", "now")["proration"]

        assert (told["period_end"], told["unused"]["decimal"], told["whole_periods_left"]) == (PAID_END, "0.500000", 2)

    def test_after_a_change_the_period_is_still_the_one_that_was_bought(self, shop):
        with at():
            subscribe(shop, "sport")
        with at(days=7):
            change(shop, "city", "now")
        with at(days=21):
            told = change(shop, "sport", "now")["proration"]

        assert (told["period_start"], told["unused"]["decimal"]) == ("2031-01-31T10:00:00Z", "0.250000")

    def test_in_the_trial_nobody_has_paid(self, shop):
        sell(shop, "tried", trial_days=10)
        with at():
            subscribe(shop, "tried")
        with at(days=5):
            told = change(shop, "city", "now")["proration"]

        assert (told["trial"], told["unused"]["decimal"], told["whole_periods_left"]) == (True, "0.500000", 0)

    def test_who_has_paid_in_the_trial_has_a_whole_period_left(self, shop):
        sell(shop, "tried", trial_days=10)
        with at():
            subscribe(shop, "tried")
            turn(shop, "renew")
        with at(days=5):
            told = change(shop, "city", "now")["proration"]

        assert (told["trial"], told["period_end"], told["whole_periods_left"]) == (True, "2031-02-10T10:00:00Z", 1)

    def test_a_plan_without_end_has_no_share(self, shop):
        with at():
            subscribe(shop, "forever")

            assert change(shop, "city", "now")["proration"] is None
        with at(days=14):
            assert change(shop, "sport", "now")["proration"]["unused"]["decimal"] == "0.500000"

    def test_a_dry_run_tells_the_same_and_changes_nothing(self, shop):
        with at():
            subscribe(shop, "sport")
        with at(days=14):
            dry = shop.post(url("/subscription/change?dry_run=true"), json={"plan": "city"}).json

            assert dry["proration"]["unused"]["decimal"] == "0.500000"
            assert (subscription(shop)["plan"], len(history(shop))) == ("sport", 1)
