from datetime import timedelta

import pytest

from tests.engagement import (
    START,
    at,
    events,
    give,
    ledger,
    left,
    problem,
    rows,
    the_worker_comes,
    url,
)

BUNDLE = {"unlocks": 5, "kind": "bundle", "reference": "order-991", "expires_at": None}


def test_a_grant_is_credited(client):
    response = client.post(url("/grants"), json=BUNDLE)

    assert response.status_code == 201
    assert response.json["id"].startswith("gra_")
    assert {name: response.json[name] for name in BUNDLE} == BUNDLE
    assert response.json["unlock_left"] == 5


def test_the_same_reference_credits_once(client):
    first = client.post(url("/grants"), json=BUNDLE)

    again = client.post(url("/grants"), json=BUNDLE)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    assert left(client) == 5


@pytest.mark.parametrize(
    ("reader", "changes"),
    [("u-77", {"unlocks": 6}), ("u-77", {"expires_at": "2040-01-01T00:00:00Z"}), ("u-78", {})],
)
def test_the_same_reference_with_another_content_is_a_conflict(client, reader, changes):
    first = client.post(url("/grants"), json=BUNDLE).json

    again = client.post(url("/grants", reader), json=BUNDLE | changes)

    assert problem(again) == (409, "conflict")
    assert again.json["id"] == first["id"]
    assert (left(client), left(client, "u-78")) == (5, 0)


def test_a_repeat_is_recognised_even_after_the_grant_ran_out(client):
    body = BUNDLE | {"expires_at": (START + timedelta(days=1)).isoformat()}
    with at():
        client.post(url("/grants"), json=body)

    with at(days=2):
        again = client.post(url("/grants"), json=body)

    assert (again.status_code, again.json["unlock_left"]) == (200, 0)


def test_another_kind_or_no_reference_is_another_grant(client):
    for body in (BUNDLE, BUNDLE | {"kind": "gift"}, BUNDLE | {"reference": None}, BUNDLE | {"reference": None}):
        assert client.post(url("/grants"), json=body).status_code == 201

    assert left(client) == 20


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"unlocks": 0}, "#/unlocks"),
        ({"unlocks": -3}, "#/unlocks"),
        ({"unlocks": 10**9}, "#/unlocks"),
        ({"unlocks": 10**40}, "#/unlocks"),
        ({"unlocks": 2.5}, "#/unlocks"),
        ({"unlocks": "5"}, "#/unlocks"),
        ({"unlocks": True}, "#/unlocks"),
        ({"unlocks": None}, "#/unlocks"),
        ({"kind": "plan"}, "#/kind"),
        ({"kind": "rollover"}, "#/kind"),
        ({"kind": 7}, "#/kind"),
        ({"reference": ""}, "#/reference"),
        ({"reference": "r" * 256}, "#/reference"),
        ({"reference": "a\x00"}, "#/reference"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
        ({"expires_at": "tomorrow"}, "#/expires_at"),
        ({"expires_at": 1_900_000_000}, "#/expires_at"),
        ({"reason": "x" * 201}, "#/reason"),
        ({"colour": "red"}, "#/colour"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(client, app, changes, pointer):
    before = rows(app)

    response = client.post(url("/grants"), json=BUNDLE | changes)

    assert problem(response) == (422, "validation_failed")
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]
    assert rows(app) == before


def test_a_grant_that_runs_out_is_told_and_does_not_count_whether_or_not_the_worker_came(client, app):
    with at():
        give(client, 3, expires_at=(START + timedelta(days=1)).isoformat())
        give(client, 2)

    with at(days=1):
        before = left(client), ledger(client)
        the_worker_comes(app)
        after = left(client), ledger(client)

    assert before == after
    assert before[0] == 2
    assert [(item["unlocks"], item["balance"]) for item in after[1]] == [(3, 3), (2, 5), (-3, 2)]
    told = events(app, "allowance.changed")
    assert [(data["kind"], data["unlock_left"]) for data in told] == [("grant", 3), ("grant", 5), ("expiry", 2)]
    versions = [data["version"] for data in told]
    assert versions == sorted(set(versions))
