"""Many readers at once: as one by one, and without one who cannot be settled holding up the others."""

import pytest
import sqlalchemy as sa

from moderation import worker
from moderation.db import db
from moderation.models import Allowance, Audit, Event, Subscription
from moderation.services import doctor, expiry, ledger_check, lifecycle
from tests.engagement import (
    START,
    access,
    at,
    give,
    history,
    ledger,
    left,
    sell,
    subscribe,
    subscription,
    the_worker_comes,
    turn,
    unlock,
)

READERS = [f"u-{number}" for number in range(6)]
TWINS = [f"v-{number}" for number in range(6)]
NAMES = {"id", "created_at", "reader_id"}


def is_id(value):
    return str(value).startswith(("sub_", "unl_"))


def engage(client, readers):
    """Three kinds of reader: one who cancelled, one who paid ahead, one who does nothing more; a gift that runs out."""
    with at():
        for number, reader in enumerate(readers):
            subscribe(client, ("graced", "five", "five")[number % 3], reader)
            give(client, 3, reader, kind="gift", expires_at=START.replace(month=2, day=5).isoformat())
            unlock(client, "2041", reader)
        turn(client, "cancel", readers[0], at="period_end")
        turn(client, "renew", readers[3])


@pytest.fixture
def due(client):
    sell(client, "graced", period=10, grace_days=3)
    sell(client, "five", period=10, unlocks=5, rollover_cap=2)
    engage(client, READERS)


def shown(client, app, readers):
    """What every reader's books say and what was told of them, without what must differ between two readers."""
    rows = [row for reader in readers for row in (*history(client, reader), *ledger(client, reader))]
    bare = [{key: row[key] for key in row if key not in NAMES and not is_id(row[key])} for row in rows]
    with app.app_context():
        told = [db.session.query(Event).filter(Event.body.contains(f'"{reader}"')).count() for reader in readers]
        mine = db.session.query(Allowance).filter(Allowance.reader_id.in_(readers)).order_by(Allowance.reader_id)
        accounts = [(row.due_at, row.sequence, row.version, row.unlocks_left) for row in mine]
        subscriptions = sa.select(Subscription.id).where(Subscription.allowance_id.in_([row.id for row in mine]))
        acts = db.session.query(Audit).filter(Audit.subject.in_(subscriptions)).count()
    return bare, told, accounts, acts


@pytest.mark.parametrize("days", [5, 10, 13, 30])
def test_a_batch_writes_what_one_by_one_would_write(client, app, due, days, monkeypatch):
    engage(client, TWINS)
    together, counted = expiry._all_together, []

    def apart(session, found, now):
        batch = [allowance for allowance in found if allowance.reader_id in READERS]
        counted.append((len(batch), together(session, batch, now)))
        assert counted[-1][1], "the batch was not settled"
        for allowance in found:
            if allowance.reader_id in TWINS:
                expiry._alone(session, allowance, now)
        return True

    monkeypatch.setattr(expiry, "_all_together", apart)
    # What a busy machine has taught it before would make the batches small.
    monkeypatch.setattr(worker, "pace", worker.Pace(worker.READERS_A_TURN))

    with at(days=days):
        the_worker_comes(app)

        assert shown(client, app, READERS) == shown(client, app, TWINS)
    assert counted[0][0] > 1
    assert all(done for _, done in counted)
    with app.app_context():
        assert ledger_check.faults(db.session()) == []


def test_unlocks_that_are_carried_on_are_left_to_the_way_of_each(client, app, due, monkeypatch):
    alone = []
    whole = expiry._alone
    monkeypatch.setattr(expiry, "_alone", lambda *args: (alone.append(args[1].reader_id), whole(*args)))

    with at():
        turn(client, "renew", READERS[1])
    with at(days=10):
        the_worker_comes(app)
        assert left(client, READERS[1]) == 7

    assert READERS[1] in alone


def faulty(monkeypatch, client, app, reader):
    """Let one reader's settlement fail, as a fault in the books would."""
    whole = lifecycle.turn
    with app.app_context():
        id = db.session.query(Allowance).filter_by(reader_id=reader).one().id

    def turn(session, allowance, *args, **more):
        if allowance.id == id:
            raise RuntimeError("planted")
        whole(session, allowance, *args, **more)

    monkeypatch.setattr(lifecycle, "turn", turn)
    return id


def test_one_who_cannot_be_settled_holds_up_nobody(client, app, due, monkeypatch, caplog):
    id = faulty(monkeypatch, client, app, READERS[2])

    with at(days=40):
        the_worker_comes(app)
        states = [subscription(client, reader)["state"] for reader in READERS]
        with app.app_context():
            waiting = db.session.query(Allowance).filter(Allowance.due_at <= START.replace(month=4, day=1)).all()
            [found] = [found for found in doctor.examine(db.session()) if found.check == "settlement"]

        assert states == ["ended"] * 6
        assert [allowance.id for allowance in waiting] == [id]
        assert [fault.split(":")[0] for fault in found.faults] == [f"Allowance {id}"]
        assert f"allowance {id} could not be settled" in caplog.text


def test_one_who_was_set_aside_is_settled_an_hour_later(client, app, due, monkeypatch):
    with monkeypatch.context() as patch, at(days=40):
        faulty(patch, client, app, READERS[2])
        the_worker_comes(app)

    with at(days=40, hours=2):
        the_worker_comes(app)

        with app.app_context():
            assert db.session.query(Allowance).filter(Allowance.set_aside_until.is_not(None)).all() == []
            assert db.session.query(Allowance).filter(Allowance.due_at.is_not(None)).all() == []
            assert ledger_check.faults(db.session()) == []
        assert (left(client, READERS[2]), access(client, "1", READERS[2])["allowed"]) == (0, False)


def test_a_database_that_is_away_is_no_readers_fault(client, app, due, monkeypatch):
    def away(*_, **__):
        raise sa.exc.OperationalError("UPDATE", {}, Exception("gone"))

    monkeypatch.setattr(lifecycle, "turn", away)

    with at(days=40), app.app_context():
        with pytest.raises(sa.exc.OperationalError):
            expiry.expire_due(db.session(), now=START.replace(month=4, day=1), limit=10)
        db.session.rollback()
        assert db.session.query(Allowance).filter(Allowance.set_aside_until.is_not(None)).count() == 0


@pytest.mark.parametrize(
    ("count", "seconds", "then"), [(50, 0.01, 100), (50, 0.08, 25), (50, 0.04, 50), (49, 0.5, 50), (50, 90.0, 1)]
)
def test_a_batch_is_as_large_as_fits_into_its_time(count, seconds, then):
    pace = worker.Pace(50)

    pace.note(count, seconds)

    assert pace.readers == then
