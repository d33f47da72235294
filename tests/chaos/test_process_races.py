"""Processes with connections of their own race for one reader's unlocks: exactly what was given is opened."""

from collections import Counter
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.models import Grant, LedgerEntry, Unlock
from moderation.services import ledger_check
from tests.chaos.racers import race
from tests.engagement import give, ledger, left, sell, subscribe, travel, turn

PROCESSES, TRIES, UNITS = 16, 400, 100
# That much is enough for a fault to show.
MUTANTS_TRIES = 20


def raced(installation, mutant=None):
    """Sixteen processes try four hundred posts each for a hundred unlocks."""
    give(installation.client, UNITS)
    tries = MUTANTS_TRIES if mutant else TRIES
    return sum(map(Counter, race(installation.app, "spend", PROCESSES, tries=tries, mutant=mutant)), Counter())


def overspent(installation):
    with installation.app.app_context():
        return db.session.query(Unlock).count() - UNITS


def verified(installation):
    ended = installation.run("ledger", "verify")
    return ended.exit_code, ended.stderr


@pytest.mark.slow
def test_exactly_what_was_given_is_opened(installation):
    counted = raced(installation)

    assert counted == {"granted": UNITS, "refused": PROCESSES * TRIES - UNITS}
    assert (overspent(installation), left(installation.client)) == (0, 0)
    assert verified(installation) == (0, "")
    assert [item["sequence"] for item in ledger(installation.client)] == [*range(1, UNITS + 2)]


@pytest.mark.slow
def test_the_same_race_catches_who_reads_first_and_writes_later(installation):
    counted = raced(installation, "without a ledger")

    assert overspent(installation) > 0
    assert counted["granted"] > UNITS
    assert verified(installation)[0] == 1


@pytest.mark.slow
def test_the_ledger_itself_refuses_what_such_a_one_would_spend_twice(installation):
    counted = raced(installation, "with a ledger")

    assert counted["violated"] > 0
    assert overspent(installation) <= 0


@pytest.mark.slow
@pytest.mark.parametrize("paid", [True, False], ids=["paid in advance", "paid by all of them at midnight"])
def test_across_a_month_nothing_counts_in_both_months_or_in_neither(installation, paid):
    """Eight processes, two of them workers too, whose clocks pass midnight of the month one after the other."""
    sell(installation.client, unlocks=20_000, rollover_cap=7, grace_days=1)
    with travel(datetime(2031, 2, 1, tzinfo=UTC)):
        subscribe(installation.client)
        if paid:
            turn(installation.client, "renew", reference="inv-2")
    midnight = datetime(2031, 3, 1, tzinfo=UTC)

    done = race(installation.app, "cross", 8, moment=midnight.isoformat(), seconds=1.0, paid=paid)

    answered = {post: datetime.fromisoformat(moment) for report in done for post, moment in report["opened"]}
    with installation.app.app_context():
        rows = db.session.query(LedgerEntry, Grant).join(Grant, Grant.id == LedgerEntry.grant_id)
        counted = [(entry.post_id, grant.period) for entry, grant in rows if entry.kind == "unlock"]
        shares = {
            period: [db.session.scalar(sa.select(sa.func.sum(column)).where(Grant.period == period)) for column in (
                Grant.unlocks, Grant.unlocks_left, Grant.unlocks_expired)]
            for period in (1, 2)
        }  # fmt: skip
        assert ledger_check.faults(db.session()) == []
        assert db.session.query(Grant).filter_by(kind="rollover").one().unlocks == 7
    months = Counter(period for _, period in counted)
    assert sorted(post for post, _ in counted) == sorted(answered)
    assert set(months) == {1, 2}
    assert {answered[post] < midnight for post, period in counted if period == 1} == {True}
    assert {period: given - kept - expired for period, (given, kept, expired) in shares.items()} == months
    assert [item["kind"] for item in ledger(installation.client)].count("expiry") <= 1
