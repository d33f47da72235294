import pytest

from moderation.db import db
from moderation.models import Allowance, Post, Reader
from tests.engagement import (
    START,
    access,
    at,
    done,
    give,
    problem,
    sell,
    subscribe,
    turn,
    unlock,
    url,
)

NOTHING = {"allowed": False, "because": "none", "unlock_left": 0, "meter_left": None, "until": None}


def tell(client, post_id, **about):
    return done(client.put(f"/v1/posts/{post_id}", json=about))


def test_who_and_what_was_never_named_has_no_access_and_leaves_no_row(client, app):
    assert access(client, "never", "nobody") == NOTHING

    with app.app_context():
        assert [db.session.query(model).count() for model in (Allowance, Post, Reader)] == [0, 0, 0]


def test_a_free_post_is_open_to_everybody(client):
    tell(client, "2041", free=True)

    assert access(client, reader="nobody") == NOTHING | {"allowed": True, "because": "free_post"}


def test_an_unlock_opens_one_post(client):
    give(client, 2)
    unlock(client, "2041")

    assert access(client) == NOTHING | {"allowed": True, "because": "unlocked", "unlock_left": 1}
    assert access(client, "2042") == NOTHING | {"unlock_left": 1}
    assert access(client, "2041", "u-78") == NOTHING


def test_a_subscription_opens_until_its_access_ends(client):
    sell(client, grace_days=5)
    with at():
        subscribe(client)
        opened = access(client)
    with at(days=32):
        in_grace = access(client)
    with at(days=33):
        after = access(client)

    assert opened == NOTHING | {"allowed": True, "because": "subscription", "until": "2031-03-05T10:00:00Z"}
    assert in_grace == opened
    assert after == NOTHING


@pytest.mark.parametrize(
    ("opens", "about", "allowed"),
    [
        ({"all": True}, None, True),
        ({"all": True}, {"section": "sport"}, True),
        ({"sections": ["sport"]}, None, False),
        ({"sections": ["sport"]}, {"section": "sport"}, True),
        ({"sections": ["sport"]}, {"section": "Sport"}, False),
        ({"sections": ["sport"]}, {"section": ""}, False),
        ({"tags": ["bridges"]}, {"tags": ["rivers", "bridges"]}, True),
        ({"tags": ["bridges"]}, {"section": "bridges"}, False),
        ({"sections": ["sport"], "tags": ["bridges"]}, {"section": "city", "tags": ["bridges"]}, True),
        ({"all": False}, {"section": "sport"}, False),
        ({}, {"section": "sport", "tags": ["bridges"]}, False),
    ],
)
def test_a_plan_opens_what_it_says(client, opens, about, allowed):
    sell(client, opens=opens)
    subscribe(client)
    if about is not None:
        tell(client, "2041", **about)

    assert access(client)["allowed"] is allowed


def test_a_plan_with_unlocks_opens_nothing_by_itself(client):
    sell(client, "five", unlocks=5)
    subscribe(client, "five")

    before = access(client)
    unlock(client)

    assert before == NOTHING | {"unlock_left": 5}
    assert access(client)["because"] == "unlocked"


def test_of_several_grounds_the_one_that_costs_least_is_named(client):
    sell(client)
    give(client, 1)
    named = []
    for step in (unlock, subscribe, lambda client: tell(client, "2041", free=True)):
        step(client)
        named.append(access(client)["because"])

    assert named == ["unlocked", "subscription", "free_post"]


def test_what_was_unlocked_stays_open_after_the_subscription(client):
    sell(client)
    give(client, 1)
    unlock(client)
    subscribe(client)
    turn(client, "cancel", at="now")

    assert access(client)["because"] == "unlocked"


@pytest.mark.parametrize("query", ["", "post_id=", "post_id=a%00", "post_id=1&colour=red", "post_id=" + "p" * 256])
def test_a_question_without_a_post_is_refused(client, query):
    assert problem(client.get(url(f"/access?{query}"))) == (422, "validation_failed")


def test_any_id_may_be_asked_for(client):
    for post_id in ("a/b", "ü ñ", "50%", "a&b=c", "https://news.example/a?b#c"):
        give(client, 1)
        unlock(client, post_id)

        assert access(client, post_id)["because"] == "unlocked"


def test_another_sites_unlock_and_subscription_open_nothing(client, other):
    sell(client)
    subscribe(client)
    give(client, 1)
    unlock(client)

    assert access(other) == NOTHING


def test_reading_the_clock_does_not_need_the_worker(client):
    give_until = START.replace(month=2, day=1).isoformat()
    with at():
        give(client, 3, expires_at=give_until)
    with at(days=1):
        assert access(client)["unlock_left"] == 0
