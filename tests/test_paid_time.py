from datetime import UTC, datetime

import pytest

from moderation.db import db
from moderation.models import Subscription
from tests.engagement import (
    access,
    at,
    configure,
    ledger,
    left,
    sell,
    subscribe,
    subscription,
    the_worker_comes,
    travel,
    turn,
    url,
)


def until(described):
    return described["paid_until"]


class TestPaidTime:
    def test_month_ends_come_back_after_a_short_month(self, client):
        sell(client)
        with at():
            ends = [until(subscribe(client))]
            ends += [until(turn(client, "renew")) for _ in range(3)]

        assert [end[5:10] for end in ends] == ["02-28", "03-31", "04-30", "05-31"]

    def test_the_sites_clock_is_kept_over_summer_time(self, client, app):
        configure(app, time_zone="Europe/Berlin")
        sell(client)
        with travel(datetime(2031, 3, 15, 9, 0, tzinfo=UTC)):
            begun = subscribe(client)

        assert until(begun) == "2031-04-15T08:00:00Z"

    def test_days_are_counted_in_hours(self, client):
        sell(client, "weekly", period=7)
        with at():
            begun = subscribe(client, "weekly")

        assert until(begun) == "2031-02-07T10:00:00Z"

    def test_a_plan_without_a_period_has_no_end(self, client):
        sell(client, "forever", period=None)
        begun = subscribe(client, "forever")

        assert (until(begun), begun["access_until"]) == (None, None)
        got = access(client)
        assert (got["allowed"], got["because"], got["until"], got["unlock_left"]) == (True, "subscription", None, 0)

    def test_the_same_payment_adds_one_period(self, client):
        sell(client)
        with at():
            subscribe(client)
            first = client.post(url("/subscription/renew"), json={"reference": "inv-1"})

            again = client.post(url("/subscription/renew"), json={"reference": "inv-1"})

        assert (first.status_code, again.status_code) == (201, 200)
        assert until(again.json) == until(first.json) == "2031-03-31T10:00:00Z"

    def test_an_old_payment_told_again_adds_nothing_to_a_new_subscription(self, client):
        sell(client)
        with at():
            subscribe(client)
            turn(client, "renew", reference="inv-1")
            turn(client, "cancel", at="now")
        with at(days=1):
            begun = subscribe(client)

            again = client.post(url("/subscription/renew"), json={"reference": "inv-1"})

        assert (again.status_code, until(again.json)) == (200, until(begun))

    def test_a_renewal_in_the_trial_follows_the_trial(self, client):
        sell(client, trial_days=14)
        with at():
            subscribe(client)
            renewed = turn(client, "renew")

        assert (renewed["state"], until(renewed)) == ("active", "2031-03-14T10:00:00Z")

    def test_a_late_renewal_follows_the_last_period(self, client):
        sell(client, grace_days=5)
        with at():
            subscribe(client)
        with at(days=30):
            late = subscription(client)
            renewed = turn(client, "renew")

        assert (late["state"], until(late)) == ("past_due", "2031-02-28T10:00:00Z")
        assert (renewed["state"], until(renewed)) == ("active", "2031-03-31T10:00:00Z")

    def test_a_period_that_would_be_over_already_begins_now(self, client):
        sell(client, "daily", period=1, grace_days=10)
        with at():
            subscribe(client, "daily")
        with at(days=8):
            renewed = turn(client, "renew")
            again = turn(client, "renew")

        assert [until(renewed), until(again)] == ["2031-02-09T10:00:00Z", "2031-02-10T10:00:00Z"]

    def test_no_calendar_ends_before_the_paid_time(self, client, app):
        sell(client, "decade", period=3_660)
        subscribe(client, "decade")
        with app.app_context():
            paid = db.session.query(Subscription).one()
            paid.period, paid.anchor_period = 900, 0
            db.session.commit()

        renewed = [turn(client, "renew") for _ in range(3)]

        assert all(until(described) <= "9000-01-01T00:00:00Z" for described in renewed)
        assert renewed[-1]["state"] == "active"

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"reference": ""}, "#/reference"),
            ({"reference": 7}, "#/reference"),
            ({"reference": "r" * 256}, "#/reference"),
            ({"amount": 5}, "#/amount"),
            ([], "#"),
        ],
    )
    def test_a_wrong_field_of_a_renewal_is_named(self, client, body, pointer):
        response = client.post(url("/subscription/renew"), json=body)

        assert response.status_code == 422
        assert [error["pointer"] for error in response.json["errors"]] == [pointer]


class TestUnlocksOfPlans:
    def test_each_paid_period_gives_its_unlocks_until_it_ends(self, client):
        sell(client, unlocks=5)
        with at():
            subscribe(client)
        with at(days=27):
            before = left(client)
            both = turn(client, "renew")["unlock_left"]
        with at(days=29):
            after = left(client)

        assert (before, both, after) == (5, 10, 5)

    @pytest.mark.parametrize(("cap", "expected"), [(0, 5), (2, 7), (4, 9), (50, 9)])
    def test_up_to_the_cap_what_is_left_rolls_over(self, client, app, cap, expected):
        sell(client, unlocks=5, rollover_cap=cap)
        with at():
            subscribe(client)
            client.post(url("/unlocks"), json={"post_id": "1"})
            turn(client, "renew")
        with at(days=29):
            before = left(client), ledger(client)
            the_worker_comes(app)
            after = left(client), ledger(client)

        assert before == after
        assert after[0] == expected

    def test_what_rolled_over_rolls_on_within_the_cap(self, client):
        sell(client, unlocks=5, rollover_cap=3)
        with at():
            subscribe(client)
            turn(client, "renew")
            turn(client, "renew")
        with at(days=70):
            assert left(client) == 8

    def test_after_the_end_nothing_rolls_over(self, client):
        sell(client, unlocks=5, rollover_cap=3)
        with at():
            subscribe(client)
        with at(days=40):
            ended = left(client)
            begun = subscribe(client)["unlock_left"]

        assert (ended, begun) == (0, 5)

    def test_what_comes_back_to_an_ended_plan_runs_out_at_once(self, client):
        """Also where all of it was spent before: nothing of a plan outlives a cancellation at once."""
        sell(client, unlocks=1)
        with at():
            subscribe(client)
            client.post(url("/unlocks"), json={"post_id": "1"})
            turn(client, "cancel", at="now")
        with at(hours=1):
            returned = client.delete(url("/unlocks/1"))

            assert (returned.status_code, returned.json["unlock_left"], left(client)) == (200, 0, 0)
