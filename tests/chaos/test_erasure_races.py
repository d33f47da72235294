"""A reader who is erased while others ask for them: the account that was there a moment ago is made anew."""

import pytest

from moderation.services import accounts, metering
from tests.engagement import done, left, problem, url
from tests.meter import set_meter, viewed


@pytest.fixture
def erasures(monkeypatch):
    """Let so many erasures take the account away each time just when it is there and not yet locked.

    On PostgreSQL that is another request's row, which makes this one's INSERT do nothing, and which is gone before
    the UPDATE that would lock it.
    """

    def plan(service, count):
        made, insert = [], service.insert_missing

        def taken_away(session, model, values):
            made.append(model)
            if made.count(model) > count:
                insert(session, model, values)

        monkeypatch.setattr(service, "insert_missing", taken_away)

    return plan


def ask_for_a_grant(client):
    return client.post(url("/grants"), json={"unlocks": 3, "kind": "gift"})


@pytest.mark.parametrize("count", [1, 3])
def test_an_account_that_an_erasure_took_away_is_made_again(client, erasures, count):
    erasures(accounts, count)

    done(ask_for_a_grant(client))

    assert left(client) == 3


def test_a_reader_who_is_erased_without_end_is_a_conflict_and_no_fault(client, erasures):
    erasures(accounts, 1_000)

    assert problem(ask_for_a_grant(client)) == (409, "conflict")


def test_the_meter_makes_its_account_again_too(client, erasures):
    set_meter(client)
    erasures(metering, 1)

    assert viewed(client)["meter_left"] == 4
