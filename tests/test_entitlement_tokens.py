"""What stands in an entitlement token, and until when: never a thing that is not so."""

from datetime import timedelta

import pytest

from tests.edge import claims_of, edge, header_of, token_of
from tests.engagement import (
    READER,
    START,
    access,
    at,
    configure,
    give,
    problem,
    rows,
    sell,
    subscribe,
    travel,
    turn,
    unlock,
    url,
)

IAT = int(START.timestamp())


def test_who_was_never_named_gets_a_token_that_opens_nothing(client, app):
    before = rows(app)
    with at():
        token = token_of(client, "nobody")

    assert claims_of(token) == {
        "iss": "replydesk", "aud": "demo", "sub": "nobody", "iat": IAT, "exp": IAT + 600, "unlock_left": 0,
        "cut": False, "opens": {}, "unlocked": [],
    }  # fmt: skip
    assert rows(app) == before


def test_the_header_names_the_algorithm_the_type_and_the_key(client):
    header = header_of(token_of(client))

    assert header == {"alg": "EdDSA", "typ": "entitlement+jwt", "kid": header["kid"]}
    assert header["kid"].startswith("tky_")


def test_the_answer_says_when_it_expires_and_is_kept_by_no_cache(client):
    with at():
        answer = client.get(url("/entitlement-token"))

    assert answer.json["expires_at"] == "2031-01-31T10:10:00Z"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_same_second_gives_the_same_token(client):
    with at():
        assert token_of(client) == token_of(client)


def test_it_names_what_the_subscription_and_the_unlocks_open(client):
    sell(client, opens={"sections": ["sport"], "tags": ["bridges", "rivers"]})
    with at():
        subscribe(client)
        give(client, 3)
        unlock(client, "2041")
        unlock(client, "2042")
        claims = claims_of(token_of(client))

    assert claims["opens"] == {"sections": ["sport"], "tags": ["bridges", "rivers"]}
    assert set(claims["unlocked"]) == {"2041", "2042"}
    assert (claims["unlock_left"], claims["cut"]) == (1, False)


def test_a_plan_that_opens_everything_needs_no_list(client):
    sell(client)
    give(client, 1)
    unlock(client)
    subscribe(client)

    claims = claims_of(token_of(client))

    assert (claims["opens"], claims["unlocked"], claims["cut"]) == ({"all": True}, [], False)


def test_a_plan_of_unlocks_alone_opens_nothing(client):
    sell(client, "five", unlocks=5)
    subscribe(client, "five")

    assert claims_of(token_of(client))["opens"] == {}


def test_the_life_is_the_sites_to_choose(client, app):
    configure(app, token_seconds=90)
    with at():
        assert claims_of(token_of(client))["exp"] == IAT + 90


@pytest.mark.parametrize("left", [30, 1])
def test_it_ends_with_the_subscription(client, left):
    sell(client, period=1)
    with at():
        subscribe(client)
    with travel(START + timedelta(days=1, seconds=-left)):
        claims = claims_of(token_of(client))

    assert claims["opens"] == {"all": True}
    assert claims["exp"] - claims["iat"] == left


def test_what_ends_within_this_second_is_not_in_it(client):
    sell(client, period=1)
    with travel(START + timedelta(milliseconds=900)):
        subscribe(client)
    with travel(START + timedelta(days=1, milliseconds=500)):
        allowed = access(client)["allowed"]
        claims = claims_of(token_of(client))

    assert allowed is True
    assert (claims["opens"], claims["exp"] - claims["iat"]) == ({}, 600)


def test_it_ends_where_time_changes_the_subscription_even_if_grace_follows(client):
    sell(client, period=1, grace_days=5)
    with at():
        subscribe(client)
    with travel(START + timedelta(days=1, seconds=-30)):
        paid = claims_of(token_of(client))
    with travel(START + timedelta(days=1, seconds=30)):
        in_grace = claims_of(token_of(client))

    assert (paid["exp"] - paid["iat"], in_grace["exp"] - in_grace["iat"]) == (30, 600)
    assert in_grace["opens"] == {"all": True}


def test_it_ends_with_the_first_unlock_that_ends_and_the_next_is_without_it(client, app):
    configure(app, unlock_days=7)
    give(client, 2)
    with at():
        unlock(client, "first")
    with at(days=1):
        unlock(client, "second")
    with travel(START + timedelta(days=7, seconds=-20)):
        before = claims_of(token_of(client))
    with at(days=7):
        after = claims_of(token_of(client))

    assert (before["exp"] - before["iat"], set(before["unlocked"])) == (20, {"first", "second"})
    assert (after["exp"] - after["iat"], after["unlocked"]) == (600, ["second"])


def test_after_the_end_nothing_of_it_is_left(client):
    sell(client, period=1)
    with at():
        subscribe(client)
    with at(days=1):
        claims = claims_of(token_of(client))

    assert (claims["opens"], claims["exp"] - claims["iat"]) == ({}, 600)


def test_a_cancellation_shows_in_the_next_token_and_the_old_one_ends_by_itself(client):
    sell(client)
    with at():
        subscribe(client)
        old = token_of(client)
        turn(client, "cancel", at="now")
        new = token_of(client)
        guard = edge(client)
        still, not_so = guard.check(old, "2041"), guard.check(new, "2041")
    with travel(START + timedelta(seconds=600)):
        over = guard.check(old, "2041")

    assert (still.yes, not_so, over) == (True, (False, "not_named"), (False, "expired"))


def test_of_many_posts_the_newest_hundred_are_named_and_it_says_so(client):
    give(client, 101)
    for number in range(101):
        unlock(client, f"post-{number}")

    claims = claims_of(token_of(client))

    assert claims["cut"] is True
    assert claims["unlocked"] == [f"post-{number}" for number in range(100, 0, -1)]


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f600", "\\", "\x01"])
def test_it_fits_into_a_cookie_whatever_the_names_are(client, letter):
    reader, names = letter * 255, [f"{n:03}{letter * 97}" for n in range(60)]
    sell(client, opens={"sections": names, "tags": names})
    subscribe(client, reader=reader)
    give(client, 20, reader)
    for number in range(20):
        unlock(client, f"{number:03}{letter * 252}", reader)

    token = token_of(client, reader)

    claims = claims_of(token)
    assert len(token) <= 3_800
    assert claims["cut"] is True
    assert claims["opens"]["sections"] == names[: len(claims["opens"]["sections"])]
    assert claims["sub"] == reader


def test_no_room_is_left_unused(client):
    give(client, 60)
    for number in range(60):
        unlock(client, f"{number:03}{'x' * 97}")

    token = token_of(client)

    assert 3_600 < len(token) <= 3_800


@pytest.mark.parametrize("reader", ["r" * 256, "r" * 1_000, "a%00b"])
def test_what_is_no_id_is_not_found(client, reader):
    assert problem(client.get(f"/v1/readers/{reader}/entitlement-token")) == (404, "not_found")


def test_another_sites_reader_of_the_same_id_has_nothing_of_it(client, other):
    sell(client)
    subscribe(client)

    claims = claims_of(token_of(other))

    assert (claims["aud"], claims["sub"], claims["opens"]) == ("other", READER, {})


def test_a_key_without_the_scope_gets_none(app, client, site_key):
    from moderation.db import db
    from moderation.models import Site
    from moderation.services import sites

    with app.app_context():
        site = db.session.query(Site).filter_by(name="demo").one()
        key = sites.create_key(db.session(), site, scopes=["comments"], actor="test")[1]
        db.session.commit()

    answer = app.test_client().get(url("/entitlement-token"), headers={"Authorization": f"Bearer {key}"})

    assert problem(answer) == (403, "forbidden")


def test_after_an_erasure_the_next_token_opens_nothing_and_none_is_exported(client):
    sell(client)
    subscribe(client)
    token = token_of(client)
    exported = client.get(url("/export")).text
    client.delete(url(""))

    claims = claims_of(token_of(client))

    assert (claims["opens"], claims["unlocked"], claims["unlock_left"]) == ({}, [], 0)
    assert token not in exported
