"""How often a key may call, as the answers say it."""

import re

import pytest
import time_machine

from moderation.rate_limits import Windows

NOON = "2026-11-25T12:00:00Z"


@pytest.fixture
def three_a_minute(app, monkeypatch):
    """A fresh count, and a quota that is soon used up."""
    monkeypatch.setitem(app.config, "RATE_LIMIT", 3)
    app.extensions["rate_limiter"].reset()
    yield
    app.extensions["rate_limiter"].reset()


def test_answers_say_the_quota_and_what_is_left(three_a_minute, client):
    answers = [client.get("/v1/readers/u-77") for _ in range(2)]

    assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=60'
    assert [re.fullmatch(r'"key";r=(\d);t=\d+', answer.headers["RateLimit"])[1] for answer in answers] == ["2", "1"]


def test_past_the_quota_it_says_when_to_go_on_and_does_nothing(three_a_minute, client):
    for _ in range(3):
        client.get("/v1/readers/u-77")

    refused = client.post("/v1/readers/u-77/grants", json={"unlocks": 5, "kind": "gift"})

    assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"].startswith('"key";r=0;t=')
    assert refused.json["violated_policies"] == ["key"]


def test_after_the_minute_it_goes_on(three_a_minute, client):
    with time_machine.travel(NOON, tick=False) as clock:
        statuses = [client.get("/v1/readers/u-77").status_code for _ in range(4)]
        clock.shift(61)
        later = client.get("/v1/readers/u-77").status_code

    assert (statuses, later) == ([200, 200, 200, 429], 200)


def test_another_key_has_its_own_quota(three_a_minute, client, other):
    for _ in range(4):
        client.get("/v1/readers/u-77")

    assert other.get("/v1/readers/u-77").status_code == 200


def test_zero_is_no_limit_and_announces_none(app, monkeypatch, client):
    monkeypatch.setitem(app.config, "RATE_LIMIT", 0)

    assert "RateLimit" not in client.get("/v1/readers/u-77").headers


def test_who_has_no_key_is_told_so_and_counts_for_nobody(app, three_a_minute):
    answers = [app.test_client().get("/v1/readers/u-77") for _ in range(5)]

    assert {answer.status_code for answer in answers} == {401}


def test_a_clock_that_is_put_back_shuts_no_key_out():
    windows = Windows()
    with time_machine.travel(NOON, tick=False) as clock:
        counted = [windows.count("key")[0] for _ in range(3)]
        clock.shift(-3_600)
        after = windows.count("key")[0]

    assert (counted, after) == ([1, 2, 3], 1)
