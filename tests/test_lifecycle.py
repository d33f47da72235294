"""The state machine against its table: every happening in every state, and every row of the table."""

from datetime import timedelta

import pytest

from moderation.services.lifecycle import TRANSITIONS, Happening
from tests.engagement import READER, START, at, history, problem, sell, subscribe, the_worker_comes, turn, url

MONTH, GRACE = 28, 5
# How a reader comes into a state: the plan, what happens at once, and how many days then go by.
WAYS = {
    "none": (None, [], 0),
    "trialing": ("trial", [], 0),
    "trialing, over without grace": ("short trial", [], 0),
    "active": ("monthly", [], 0),
    "active, without grace": ("strict", [], 0),
    "active, without end": ("forever", [], 0),
    "active, paid ahead on another plan": ("monthly", ["change to strict", "renew"], 0),
    "canceling, paid ahead on another plan": ("monthly", ["change to strict", "renew", "cancel"], 0),
    "paused, paid ahead on another plan": ("monthly", ["change to strict", "renew", "pause"], 0),
    "past_due": ("monthly", [], MONTH),
    "paused": ("monthly", ["pause"], 0),
    "paused, paid time over": ("monthly", ["pause"], MONTH + 20),
    "paused, without end": ("forever", ["pause"], 0),
    "canceling": ("monthly", ["cancel"], 0),
    "canceling, in the trial": ("trial", ["cancel"], 0),
    "ended": ("monthly", ["cancel now"], 1),
}
ASKED = {
    Happening.START: ("put", "", {"plan": "monthly"}),
    Happening.RENEW: ("post", "/renew", {}),
    Happening.CANCEL: ("post", "/cancel", {"at": "period_end"}),
    Happening.CANCEL_NOW: ("post", "/cancel", {"at": "now"}),
    Happening.RESUME: ("post", "/resume", {}),
    Happening.PAUSE: ("post", "/pause", {}),
    Happening.CHANGE: ("post", "/change", {"plan": "other"}),
    Happening.CHANGE_LATER: ("post", "/change", {"plan": "other", "at": "period_end"}),
}
POSSIBLE = {(row.happening, row.old) for row in TRANSITIONS}
# Conditions that forbid: no paid time is left to resume, no end can be awaited, the next plan is paid already.
FORBIDDEN = {
    ("paused, paid time over", Happening.RESUME), ("active, without end", Happening.CHANGE_LATER),
    ("active, paid ahead on another plan", Happening.CHANGE_LATER),
}  # fmt: skip
ROWS = {(row.happening, row.old, row.new) for row in TRANSITIONS}


@pytest.fixture
def shop(client):
    """A client of a site that sells plans of every kind."""
    sell(client, "monthly", grace_days=GRACE)
    sell(client, "other", grace_days=GRACE)
    sell(client, "strict")
    sell(client, "forever", period=None)
    sell(client, "trial", trial_days=7, grace_days=GRACE)
    sell(client, "short trial", trial_days=7)
    return client


def bring(client, way):
    """Bring a reader into a state; return the state and the days that have gone by."""
    plan, turns, days = WAYS[way]
    with at():
        begin(client, READER, plan, turns)
    return None if plan is None else way.partition(",")[0], days


@pytest.mark.parametrize("happening", ASKED)
@pytest.mark.parametrize("way", WAYS)
def test_each_happening_does_in_each_state_what_the_table_says(shop, way, happening):
    old, days = bring(shop, way)
    method, rest, body = ASKED[happening]
    with at(days=days):
        before = history(shop)

        response = getattr(shop, method)(url(f"/subscription{rest}"), json=body)

        after = history(shop)
    if response.status_code == 409:
        assert problem(response) == (409, "state_forbids")
        assert response.json["state"] == (old or "none")
        assert after == before
        assert (happening, old) not in POSSIBLE or (way, happening) in FORBIDDEN
        return
    assert response.status_code in (200, 201)
    last = after[-1]
    assert (last["event"], last["old_state"]) == (happening, old)
    assert (happening, last["old_state"], last["new_state"]) in ROWS
    assert response.json["state"] == last["new_state"]
    assert len(after) == len(before) + 1


def test_every_row_of_the_table_can_come_about(shop, app):
    reached = set()
    for number, way in enumerate(WAYS):
        for happening, (method, rest, body) in ASKED.items():
            reached |= walk(shop, f"{number}-{happening}", way, method, rest, body)
        reached |= wait(shop, app, f"{number}-clock", way)

    assert reached == ROWS


def walk(client, reader, way, method, rest, body):
    plan, turns, days = WAYS[way]
    with at():
        begin(client, reader, plan, turns)
    with at(days=days):
        getattr(client, method)(url(f"/subscription{rest}", reader), json=body)
        return passed(client, reader)


def wait(client, app, reader, way):
    plan, turns, _ = WAYS[way]
    with at():
        begin(client, reader, plan, turns)
    with at(days=MONTH + 30):
        the_worker_comes(app)
        return passed(client, reader)


def begin(client, reader, plan, turns):
    if plan:
        subscribe(client, plan, reader)
    for word in turns:
        name, _, rest = word.partition(" ")
        later = {"at": "period_end", "plan": rest.removeprefix("to ")}
        turn(client, name, reader, **(later if name == "change" else {"at": "now"} if rest else {}))


def passed(client, reader):
    return {(item["event"], item["old_state"], item["new_state"]) for item in history(client, reader)}


@pytest.mark.parametrize("way", WAYS)
def test_no_state_outlives_its_time_and_the_worker_comes_to_an_end(shop, app, way):
    bring(shop, way)
    for days in (1, 7, 12, MONTH, MONTH + GRACE, 400):
        with at(days=days):
            the_worker_comes(app)
            seen = history(shop)
            the_worker_comes(app)

            assert history(shop) == seen
            late = (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")
            assert all(item["effective_at"] <= late for item in seen)
