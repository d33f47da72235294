"""What a dialog is told before a yes, and that a yes to an older question is refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moderation.schemas.subscriptions import EFFECTS
from moderation.services import accounts, figures
from tests.engagement import (
    START,
    at,
    dry,
    give,
    left,
    problem,
    rows,
    sell,
    subscribe,
    subscription,
    tag,
    turn,
    unlock,
    until,
    url,
)


def codes(response):
    return [effect["code"] for effect in response.json["effects"]]


class TestTheFigures:
    def test_an_unlock_shows_what_is_left_before_and_after(self, client):
        give(client, 2)

        told = dry(client, "POST", "/unlocks", post_id="2041").json

        assert (told["before"]["unlock_left"], told["after"]["unlock_left"], told["unlock_left"]) == (2, 1, 1)
        assert told["effects"] == [{"code": "unlock_left", "before": 2, "after": 1, "until": None}]
        assert left(client) == 2

    def test_a_post_that_is_open_already_costs_nothing_and_says_so(self, client):
        give(client, 2)
        unlock(client)

        told = dry(client, "POST", "/unlocks", post_id="2041")

        assert (told.status_code, told.json["effects"], told.json["before"]) == (200, [], told.json["after"])

    def test_giving_back_shows_what_comes_back(self, client):
        give(client, 2)
        unlock(client)

        told = dry(client, "DELETE", "/unlocks/2041").json

        assert told["effects"] == [{"code": "unlock_left", "before": 1, "after": 2, "until": None}]

    def test_cancelling_keeps_access_until_the_paid_end_and_stops_the_renewal(self, client):
        with at():
            sell(client)
            subscribe(client)
            told = dry(client, "POST", "/subscription/cancel", at="period_end").json

        assert (told["before"]["state"], told["after"]["state"]) == ("active", "canceling")
        assert told["before"]["access_until"] == told["after"]["access_until"] == until((2, 28))
        assert told["effects"] == [
            {"code": "access_kept", "before": None, "after": None, "until": until((2, 28))},
            {"code": "renewal_stops", "before": None, "after": None, "until": None},
        ]

    def test_cancelling_now_ends_access_and_the_plans_unlocks(self, client):
        with at():
            sell(client, unlocks=5)
            subscribe(client)
            told = dry(client, "POST", "/subscription/cancel", at="now")

        assert codes(told) == ["unlock_left", "access_ends", "renewal_stops"]
        assert told.json["effects"][0] == {"code": "unlock_left", "before": 5, "after": 0, "until": None}
        assert told.json["effects"][1]["until"] == told.json["after"]["access_until"] == until((1, 31))

    def test_a_trial_a_start_and_a_change_of_plan_are_told_apart(self, client):
        with at():
            sell(client, trial_days=14)
            sell(client, "five", unlocks=5)
            trial = dry(client, "PUT", "/subscription", plan="monthly")
            bought = dry(client, "PUT", "/subscription", plan="five")
            subscribe(client, "five")
            changed = dry(client, "POST", "/subscription/change", plan="monthly")

        assert codes(trial) == ["trial", "access_begins", "renewal_expected"]
        assert codes(bought) == ["unlock_left", "access_begins", "renewal_expected"]
        assert trial.json["before"] == {
            "unlock_left": 0, "plan": None, "state": None, "paid_until": None, "access_until": None,
        }  # fmt: skip
        assert codes(changed) == ["access_kept"]
        assert (changed.json["before"]["plan"], changed.json["after"]["plan"]) == ("five", "monthly")

    def test_a_pause_stops_the_renewal_and_a_resumption_brings_it_back(self, client):
        sell(client)
        subscribe(client)
        pause = codes(dry(client, "POST", "/subscription/pause"))
        turn(client, "pause")

        assert pause == ["access_kept", "renewal_stops"]
        assert codes(dry(client, "POST", "/subscription/resume")) == ["access_kept", "renewal_expected"]

    def test_a_grant_and_a_renewal_are_told_too(self, client):
        sell(client, unlocks=5)
        subscribe(client)

        assert codes(dry(client, "POST", "/grants", unlocks=3, kind="gift")) == ["unlock_left"]
        assert codes(dry(client, "POST", "/subscription/renew")) == ["unlock_left", "access_kept", "renewal_expected"]

    def test_only_a_dry_run_says_so(self, client):
        answer = client.post(url("/grants"), json={"unlocks": 3, "kind": "gift"})

        assert {"before", "after", "effects"}.isdisjoint(answer.json)
        assert "ETag" not in answer.headers

    def test_every_effect_is_described(self):
        page = (Path(__file__).parent.parent / "docs" / "engagement.md").read_text()

        assert [code for code in EFFECTS if f"| `{code}` | " not in page] == []

    def test_a_plan_without_an_end_awaits_no_payment(self, client):
        sell(client, "forever", period=None)

        assert codes(dry(client, "PUT", "/subscription", plan="forever")) == ["access_begins"]

    def test_asking_changes_nothing(self, client, app):
        sell(client, unlocks=5)
        subscribe(client)
        unlock(client)
        before = rows(app)

        for method, rest, body in CHANGES:
            client.open(url(f"{rest}?dry_run=true"), method=method, json=body)

        assert rows(app) == before


CHANGES = [
    ("POST", "/unlocks", {"post_id": "9"}),
    ("DELETE", "/unlocks/2041", None),
    ("POST", "/grants", {"unlocks": 1, "kind": "gift"}),
    ("PUT", "/subscription", {"plan": "monthly"}),
    ("POST", "/subscription/renew", {}),
    ("POST", "/subscription/change", {"plan": "five"}),
    ("POST", "/subscription/pause", None),
    ("POST", "/subscription/cancel", {"at": "period_end"}),
    ("POST", "/subscription/cancel", {"at": "now"}),
    ("POST", "/subscription/resume", None),
]


class TestTheAnswer:
    @pytest.mark.parametrize(("method", "rest", "body"), CHANGES)
    def test_to_an_older_question_is_refused_and_says_how_it_is_now(self, client, app, method, rest, body):
        sell(client)
        sell(client, "five", unlocks=5)
        subscribe(client)
        give(client, 2)
        unlock(client)
        seen = tag(client)
        give(client, 3)
        before = rows(app)

        response = client.open(url(rest), method=method, json=body, headers={"If-Match": seen})

        assert problem(response) == (412, "stale_version")
        assert response.json["current"]["unlock_left"] == 4
        assert response.json["current"]["state"] == "active"
        assert response.headers["ETag"] == tag(client)
        assert rows(app) == before

    def test_to_the_question_of_now_is_taken(self, client):
        give(client, 2)
        question = dry(client, "POST", "/unlocks", post_id="2041")

        answer = client.post(url("/unlocks"), json={"post_id": "2041"}, headers={"If-Match": question.headers["ETag"]})

        assert (answer.status_code, answer.json["unlock_left"]) == (201, question.json["after"]["unlock_left"])

    def test_after_the_trial_ran_out_and_nobody_wrote_it_is_refused(self, client):
        with at():
            sell(client, trial_days=14)
            subscribe(client)
            seen = dry(client, "POST", "/subscription/cancel").headers["ETag"]

        with at(days=14):
            response = client.post(url("/subscription/cancel"), json={}, headers={"If-Match": seen})
            assert problem(response) == (412, "stale_version")
            assert response.json["current"]["state"] == "ended"
            assert subscription(client)["state"] == "ended"

    @pytest.mark.parametrize("header", ['"none"', "none", "", ",", '"', 'W/"none"', "v1", "\xff", "*, *", '"a" "b"'])
    def test_what_names_no_tag_fits_nothing(self, client, header):
        give(client, 2)

        response = client.post(url("/unlocks"), json={"post_id": "1"}, headers={"If-Match": header})

        assert problem(response) == (412, "stale_version")
        assert left(client) == 2

    def test_a_weak_tag_does_not_fit_and_a_list_and_a_star_do(self, client):
        give(client, 5)
        weak, listed = f"W/{tag(client)}", f'"x", {tag(client)},"y"'

        assert client.post(url("/unlocks"), json={"post_id": "1"}, headers={"If-Match": weak}).status_code == 412
        assert client.post(url("/unlocks"), json={"post_id": "1"}, headers={"If-Match": listed}).status_code == 201
        assert client.post(url("/unlocks"), json={"post_id": "2"}, headers={"If-Match": "*"}).status_code == 201

    def test_is_compared_when_the_account_is_held_and_what_fell_due_is_settled(self, client, monkeypatch):
        order, settle, begins = [], accounts.settle, figures.Watch.begins
        monkeypatch.setattr(accounts, "settle", lambda *args: (order.append("settled"), settle(*args)))
        monkeypatch.setattr(figures.Watch, "begins", lambda *args: (order.append("compared"), begins(*args)))

        give(client, 2)

        assert order == ["settled", "compared"]

    def test_a_dry_run_is_refused_as_the_change_would_be(self, client):
        give(client, 2)
        response = client.post(url("/unlocks?dry_run=true"), json={"post_id": "1"}, headers={"If-Match": '"x"'})

        assert problem(response) == (412, "stale_version")

    def test_a_repeated_key_gives_the_first_answer_although_the_account_is_another(self, client):
        give(client, 2)
        headers = {"If-Match": tag(client), "Idempotency-Key": "once"}
        first = client.post(url("/unlocks"), json={"post_id": "1"}, headers=headers)

        again = client.post(url("/unlocks"), json={"post_id": "1"}, headers=headers)

        assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)

    def test_one_question_answered_at_once_from_many_tabs_is_done_once(self, installation):
        client = installation.client
        give(client, 9)
        seen = tag(client)

        def answer(post_id):
            tab = installation.app.test_client()
            tab.environ_base.update(client.environ_base)
            return tab.post(url("/unlocks"), json={"post_id": str(post_id)}, headers={"If-Match": seen}).status_code

        with ThreadPoolExecutor(8) as tabs:
            answers = list(tabs.map(answer, range(8)))

        assert sorted(answers) == [201] + [412] * 7
        assert left(client) == 8


def test_effects_of_nothing_are_none():
    same = figures.Figures(2, None, None, None, None)

    assert figures.effects_of(same, same, START) == []


def test_every_change_of_an_account_can_be_asked_about(app):
    changing = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.split(".")[0] in ("unlocks", "subscriptions") and rule.methods & {"POST", "PUT", "DELETE"}
    }
    assert len(changing) >= 9

    assert {endpoint for endpoint in changing if not goes_through_asked(app.view_functions[endpoint])} == set()


def goes_through_asked(view):
    while view is not None:
        if view.__code__.co_filename.endswith("views/asked.py"):
            return True
        view = getattr(view, "__wrapped__", None)
    return False
