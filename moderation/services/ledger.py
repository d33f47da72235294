"""The ledger of unlocks: every change of an allowance is one conditional UPDATE and one appended row.

The callers hold the allowance (``accounts.held``), so that a reader's changes come one after the other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NoUnlocksLeft
from moderation.ids import new_id
from moderation.models import Allowance, Grant, LedgerEntry, insert_missing
from moderation.services import lots, outbox
from moderation.services.lots import Lot

# As the index of open grants has it; its condition is written out, for a bound figure proves nothing to a planner.
_BY_EXPIRY = (Grant.expires_at.asc().nulls_last(), Grant.id)
_OPEN = Grant.unlocks_left > sa.literal_column("0")


def append(
    session: Session, allowance: Allowance, unlocks: int, kind: str, *, grant_id: str, now: datetime,
    reference: str | None, post_id: str | None = None,
) -> None:  # fmt: skip
    """Change the balance by ``unlocks`` and write the entry; raise ``NoUnlocksLeft`` below zero."""
    left = Allowance.unlocks_left + unlocks
    change = (
        sa.update(Allowance)
        .where(Allowance.id == allowance.id, left >= 0)
        .values(unlocks_left=left, sequence=Allowance.sequence + 1)
        .returning(Allowance)
    )
    if session.scalars(change, execution_options=_FRESH).one_or_none() is None:
        raise no_unlocks_left()
    entry = {
        "allowance_id": allowance.id, "sequence": allowance.sequence, "unlocks": unlocks, "kind": kind,
        "reference": reference, "post_id": post_id, "grant_id": grant_id, "balance": allowance.unlocks_left,
        "created_at": now,
    }  # fmt: skip
    session.execute(sa.insert(LedgerEntry), entry)


_FRESH = {"synchronize_session": False, "populate_existing": True}


def no_unlocks_left() -> NoUnlocksLeft:
    return NoUnlocksLeft("No unlocks are left.", unlock_left=0)


def credit(
    session: Session, allowance: Allowance, unlocks: int, kind: str, *, now: datetime,
    reference: str | None = None, **more: Any,
) -> str | None:  # fmt: skip
    """Give unlocks; return the grant's id, or None where this kind and reference came before on the site."""
    id = new_id("gra")
    values = {
        "id": id, "site_id": allowance.site_id, "allowance_id": allowance.id, "kind": kind, "reference": reference,
        "unlocks": unlocks, "unlocks_left": unlocks, "unlocks_expired": 0, "created_at": now, **more,
    }  # fmt: skip
    insert_missing(session, Grant, values)
    # Asked by our own id: it is there only if it was this call that wrote it.
    if session.scalar(sa.select(Grant.id).where(Grant.id == id)) is None:
        return None
    append(session, allowance, unlocks, "grant", grant_id=id, now=now, reference=reference)
    announce(session, allowance, unlocks, "grant", reference=reference, cause=kind)
    return id


def spend(session: Session, allowance: Allowance, *, post_id: str, unlock_id: str, now: datetime) -> str:
    """Take one unlock from the grant that runs out first and return its id; ``NoUnlocksLeft`` without one."""
    first = (
        sa.select(Grant.id)
        .where(Grant.allowance_id == allowance.id, _OPEN)
        .where(sa.or_(Grant.expires_at.is_(None), Grant.expires_at > now))
        .order_by(*_BY_EXPIRY)
        .limit(1)
        .scalar_subquery()
    )
    take = (
        sa.update(Grant)
        .where(Grant.id == first, Grant.unlocks_left > 0)
        .values(unlocks_left=Grant.unlocks_left - 1)
        .returning(Grant.id)
    )
    grant_id = session.scalar(take, execution_options={"synchronize_session": False})
    if grant_id is None:
        raise no_unlocks_left()
    append(session, allowance, -1, "unlock", grant_id=grant_id, now=now, reference=unlock_id, post_id=post_id)
    return str(grant_id)


def give_back(
    session: Session, allowance: Allowance, grant_id: str, *, post_id: str, unlock_id: str, now: datetime
) -> None:
    """Return one unlock to the grant it came from; it runs out when that grant does."""
    back = sa.update(Grant).where(Grant.id == grant_id).values(unlocks_left=Grant.unlocks_left + 1)
    session.execute(back, execution_options={"synchronize_session": False})
    append(session, allowance, 1, "refund", grant_id=grant_id, now=now, reference=unlock_id, post_id=post_id)
    announce(session, allowance, 1, "refund", reference=unlock_id, post_id=post_id)


def take_back(
    session: Session, allowance: Allowance, grant_id: str, unlocks: int, *, reference: str, now: datetime
) -> None:
    """Let unspent units of a grant leave the balance, because they were paid back."""
    change = (
        sa.update(Grant)
        .where(Grant.id == grant_id, Grant.allowance_id == allowance.id, Grant.unlocks_left >= unlocks)
        .values(unlocks_left=Grant.unlocks_left - unlocks)
        .returning(Grant.id)
    )
    session.scalars(change, execution_options={"synchronize_session": False}).one()
    append(session, allowance, -unlocks, "expiry", grant_id=grant_id, now=now, reference=reference)
    announce(session, allowance, -unlocks, "expiry", reference=reference)


def settle(session: Session, allowance: Allowance, now: datetime) -> None:
    """Write what has run out by ``now``, and what is carried on into a period that is paid."""
    for step in lots.steps_due(open_lots(session, allowance.id), now):
        if step.unlocks > 0:
            credit(
                session, allowance, step.unlocks, "rollover", now=now, reference=step.lot.reference,
                expires_at=step.lot.expires_at, subscription_id=step.lot.subscription_id, period=step.lot.period,
            )  # fmt: skip
        else:
            _expire(session, allowance, step.lot, -step.unlocks, now)


def _expire(session: Session, allowance: Allowance, lot: Lot, unlocks: int, now: datetime) -> None:
    # A lot that this very settlement carried on was written under an id of its own.
    mine = Grant.id == lot.id if lot.id else sa.and_(Grant.kind == "rollover", Grant.reference == lot.reference)
    change = (
        sa.update(Grant)
        .where(Grant.allowance_id == allowance.id, mine, Grant.unlocks_left >= unlocks)
        .values(unlocks_left=Grant.unlocks_left - unlocks, unlocks_expired=Grant.unlocks_expired + unlocks)
        .returning(Grant.id)
    )
    grant_id = session.scalars(change, execution_options={"synchronize_session": False}).one()
    append(session, allowance, -unlocks, "expiry", grant_id=grant_id, now=now, reference=lot.reference)
    announce(session, allowance, -unlocks, "expiry", reference=lot.reference)


def open_lots(session: Session, allowance_id: str) -> list[Lot]:
    """The grants of an account that ``lots_of`` selects."""
    return [Lot(*row) for row in session.execute(lots_of(Grant.allowance_id == allowance_id))]


def lots_of(whose: sa.ColumnElement[bool], *more: Any) -> sa.Select[Any]:
    """The grants that still hold something, with all of the subscription periods that they touch.

    Those are the first period that still holds something, the one before it and all after it: what is over
    for good stays out, so that an account does not grow slower with every period.
    """
    columns = [Grant.__table__.c[name] for name in Lot.COLUMNS]
    held = sa.orm.aliased(Grant)
    same = sa.and_(held.subscription_id == Grant.subscription_id, held.unlocks_left > 0)
    first = sa.select(sa.func.min(held.period)).where(same).scalar_subquery()
    living = sa.or_(Grant.unlocks_left > 0, Grant.period >= first - 1)
    return sa.select(*more, *columns).where(whose, living).order_by(*_BY_EXPIRY)


def left_at(session: Session, allowance: Allowance, now: datetime) -> int:
    """The balance at ``now``: what has run out does not count, even where the worker is late."""
    return allowance.unlocks_left + sum(step.unlocks for step in steps_due(session, allowance, now))


def steps_due(session: Session, allowance: Allowance, now: datetime) -> list[lots.Step]:
    """What has fallen due by ``now`` and nobody has written yet, one step an entry."""
    if allowance.due_at is None or allowance.due_at > now:
        return []
    return lots.steps_due(open_lots(session, allowance.id), now)


def next_expiry(session: Session, allowance_id: str) -> datetime | None:
    query = sa.select(sa.func.min(Grant.expires_at)).where(Grant.allowance_id == allowance_id, _OPEN)
    return session.scalar(query)


def announce(
    session: Session, allowance: Allowance, unlocks: int, kind: str, *, reference: str | None,
    post_id: str | None = None, cause: str | None = None,
) -> None:  # fmt: skip
    """Tell a change of the balance that is not an unlock (that one has its own event)."""
    data = {
        "id": allowance.id, "version": allowance.version, "sequence": allowance.sequence,
        "reader_id": allowance.reader_id, "unlocks": unlocks, "kind": kind, "grant_kind": cause,
        "reference": reference, "post_id": post_id, "unlock_left": allowance.unlocks_left,
    }  # fmt: skip
    outbox.emit(session, site_id=allowance.site_id, type="allowance.changed", data=data)


def page(
    session: Session, allowance: Allowance, *, after: int, limit: int, now: datetime
) -> tuple[Sequence[LedgerEntry], int | None]:
    """Return entries, oldest first, and the sequence to go on from.

    What has run out by ``now`` stands there too, as the worker will write it.
    """
    mine = sa.and_(LedgerEntry.allowance_id == allowance.id, LedgerEntry.sequence > after)
    query = sa.select(LedgerEntry).where(mine).order_by(LedgerEntry.sequence)
    found = list(session.scalars(query.limit(limit + 1)))
    if len(found) <= limit:
        found += [entry for entry in _unwritten(session, allowance, now) if entry.sequence > after]
    return found[:limit], found[limit - 1].sequence if len(found) > limit else None


def _unwritten(session: Session, allowance: Allowance, now: datetime) -> list[LedgerEntry]:
    balance, entries = allowance.unlocks_left, list[LedgerEntry]()
    for number, step in enumerate(steps_due(session, allowance, now), 1):
        balance += step.unlocks
        entry = LedgerEntry(
            allowance_id=allowance.id, sequence=allowance.sequence + number, unlocks=step.unlocks,
            kind="grant" if step.unlocks > 0 else "expiry", reference=step.lot.reference, balance=balance,
            created_at=now,
        )  # fmt: skip
        entries.append(entry)
    return entries
