import pytest

from moderation import worker
from moderation.db import db
from moderation.models import Plan, Subscription
from tests.engagement import (
    access,
    at,
    give,
    history,
    ledger,
    overview,
    problem,
    sell,
    subscribe,
    subscription,
    the_worker_comes,
    turn,
    url,
)


def until(described):
    return described["paid_until"]


class TestBeginning:
    def test_a_subscription_has_the_shape_of_the_contract(self, client):
        sell(client)

        with at():
            response = client.put(url("/subscription"), json={"plan": "monthly"})

        assert response.status_code == 201
        assert response.json["id"].startswith("sub_")
        shape = {
            "plan": "monthly", "state": "active", "paid_until": "2031-02-28T10:00:00Z",
            "cancel_at_period_end": False, "trial_ends_at": None,
        }  # fmt: skip
        assert {name: response.json[name] for name in shape} == shape

    def test_a_first_subscription_begins_with_the_plans_trial(self, client):
        sell(client, trial_days=14, unlocks=5)

        with at():
            begun = subscribe(client)

        assert (begun["state"], until(begun)) == ("trialing", begun["trial_ends_at"])
        assert (begun["trial_ends_at"], begun["unlock_left"]) == ("2031-02-14T10:00:00Z", 5)

    def test_there_is_one_trial_a_reader(self, client):
        sell(client, trial_days=14)
        first = subscribe(client)
        turn(client, "cancel", at="now")

        second = subscribe(client)

        assert (first["state"], second["state"], second["trial_ends_at"]) == ("trialing", "active", None)

    def test_a_second_beginning_is_refused_with_the_state(self, client):
        sell(client)
        subscribe(client)

        response = client.put(url("/subscription"), json={"plan": "monthly"})

        assert problem(response) == (409, "state_forbids")
        assert response.json["state"] == "active"

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/plan"),
            ({"plan": ""}, "#/plan"),
            ({"plan": "gold"}, "#/plan"),
            ({"plan": 5}, "#/plan"),
            ({"plan": "p" * 101}, "#/plan"),
            ({"plan": "monthly", "trial": True}, "#/trial"),
        ],
    )
    def test_a_plan_that_is_not_sold_is_named(self, client, body, pointer):
        sell(client)

        response = client.put(url("/subscription"), json=body)

        assert response.status_code == 422
        assert [error["pointer"] for error in response.json["errors"]] == [pointer]

    def test_who_never_had_one_has_none(self, client):
        assert problem(client.get(url("/subscription"))) == (404, "not_found")
        assert overview(client)["subscription"] is None
        assert history(client) == []


class TestEnding:
    def test_cancelled_at_the_period_end_access_stays_until_then(self, client):
        sell(client, grace_days=5)
        with at():
            subscribe(client)
            canceled = turn(client, "cancel", at="period_end")
        with at(days=27):
            during = access(client)
        with at(days=28):
            after = access(client), subscription(client)

        assert (canceled["state"], canceled["cancel_at_period_end"]) == ("canceling", True)
        assert (during["because"], during["until"]) == ("subscription", "2031-02-28T10:00:00Z")
        assert (after[0]["allowed"], after[1]["state"]) == (False, "ended")

    def test_period_end_is_what_cancel_means(self, client):
        sell(client)
        subscribe(client)

        assert turn(client, "cancel")["state"] == "canceling"

    def test_cancelled_now_access_and_the_plans_unlocks_end(self, client):
        sell(client, unlocks=5, opens={"all": True})
        subscribe(client)
        give(client, 2)

        canceled = turn(client, "cancel", at="now")

        assert (canceled["state"], canceled["unlock_left"]) == ("ended", 2)
        assert access(client)["allowed"] is False

    def test_cancelled_in_the_trial_access_stays_until_the_trial_ends(self, client):
        sell(client, trial_days=14)
        with at():
            subscribe(client)
            canceled = turn(client, "cancel")
            resumed = turn(client, "resume")
            turn(client, "cancel")
        with at(days=13):
            during = access(client)["allowed"]
        with at(days=14):
            after = access(client)["allowed"]

        assert (canceled["state"], resumed["state"]) == ("canceling", "trialing")
        assert (during, after) == (True, False)

    def test_who_comes_back_in_the_paid_time_loses_nothing(self, client):
        sell(client, unlocks=5, opens={"all": True})
        with at():
            begun = subscribe(client)
            turn(client, "cancel")
        with at(days=10):
            again = subscribe(client)

        assert (again["id"], again["state"]) == (begun["id"], "active")
        assert (until(again), again["unlock_left"]) == ("2031-03-31T10:00:00Z", 10)

    def test_the_worker_writes_what_reading_has_said_before(self, client, app):
        sell(client, grace_days=5, unlocks=3, opens={"all": True})
        with at():
            subscribe(client)
        seen = []
        for days in (28, 32, 33):
            with at(days=days):
                asked = (overview, history, ledger, access)
                before = [ask(client) for ask in asked]
                the_worker_comes(app)
                assert [ask(client) for ask in asked] == before
                seen.append((before[0]["subscription"]["state"], before[0]["unlock_left"], before[3]["allowed"]))

        assert seen == [("past_due", 0, True), ("past_due", 0, True), ("ended", 0, False)]
        assert [(item["event"], item["cause"], item["effective_at"][:10]) for item in history(client)] == [
            ("start", "request", "2031-01-31"), ("lapse", "clock", "2031-02-28"), ("end", "clock", "2031-03-05"),
        ]  # fmt: skip
        with app.app_context():
            assert db.session.query(Subscription).one().state == "ended"

    def test_the_worker_comes_to_everybody_who_is_due(self, client, app, monkeypatch):
        monkeypatch.setattr(worker, "pace", worker.Pace(2))
        readers = [f"u-{n}" for n in range(5)]
        sell(client)
        with at():
            for reader in readers:
                subscribe(client, reader=reader)

        with at(days=28):
            the_worker_comes(app)

        with app.app_context():
            assert [row.state for row in db.session.query(Subscription)] == ["ended"] * 5

    @pytest.mark.parametrize("at_word", ["later", "", 5, None])
    def test_when_to_cancel_is_one_of_two_words(self, client, at_word):
        sell(client)
        subscribe(client)

        response = client.post(url("/subscription/cancel"), json={"at": at_word})

        assert response.status_code == 422
        assert subscription(client)["state"] == "active"


class TestPausing:
    def test_a_pause_keeps_the_paid_time_and_then_waits(self, client):
        sell(client)
        with at():
            subscribe(client)
            paused = turn(client, "pause")
        with at(days=20):
            during = access(client)["allowed"]
        with at(days=60):
            after = access(client)["allowed"], subscription(client)["state"]
            renewed = turn(client, "renew")

        assert (paused["state"], during, after) == ("paused", True, (False, "paused"))
        assert (renewed["state"], until(renewed)) == ("active", "2031-05-01T10:00:00Z")

    def test_a_pause_is_taken_back_while_paid_time_is_left(self, client):
        sell(client)
        with at():
            subscribe(client)
            turn(client, "pause")
        with at(days=20):
            resumed = turn(client, "resume")
            turn(client, "pause")
        with at(days=29):
            too_late = client.post(url("/subscription/resume"))

        assert (resumed["state"], until(resumed)) == ("active", "2031-02-28T10:00:00Z")
        assert problem(too_late) == (409, "state_forbids")
        assert too_late.json["state"] == "paused"


class TestChanging:
    def test_another_plan_keeps_the_paid_time_and_tops_the_unlocks_up(self, client):
        sell(client, "five", unlocks=5)
        sell(client, "eight", unlocks=8)
        with at():
            subscribe(client, "five")
            changed = turn(client, "change", plan="eight")
            back = turn(client, "change", plan="five")

        assert (changed["plan"], until(changed), changed["unlock_left"]) == ("eight", "2031-02-28T10:00:00Z", 8)
        assert (back["plan"], back["unlock_left"]) == ("five", 8)

    def test_the_same_plan_is_no_change(self, client):
        sell(client)
        subscribe(client)

        assert problem(client.post(url("/subscription/change"), json={"plan": "monthly"})) == (409, "state_forbids")

    def test_an_unknown_plan_is_named(self, client):
        sell(client)
        subscribe(client)

        response = client.post(url("/subscription/change"), json={"plan": "gold"})

        assert problem(response) == (422, "validation_failed")
        assert response.json["errors"][0]["pointer"] == "#/plan"

    def test_a_reader_keeps_the_plan_that_was_bought(self, client):
        sell(client, grace_days=5)
        with at():
            subscribe(client)
            sell(client, grace_days=0, opens={"sections": ["sport"]})
            client.delete("/v1/plans/monthly")
            renewed = turn(client, "renew")

        assert renewed["access_until"] == "2031-04-05T10:00:00Z"
        assert access(client, "any")["because"] == "subscription"


def test_a_retired_plan_cannot_be_begun_but_is_kept(client, app):
    sell(client)
    with at():
        subscribe(client)
        client.delete("/v1/plans/monthly")

        assert problem(client.put(url("/subscription", "u-2"), json={"plan": "monthly"})) == (422, "validation_failed")
        assert turn(client, "renew")["state"] == "active"
    with app.app_context():
        assert db.session.query(Plan).one().retired_at is not None
