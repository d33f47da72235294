"""Do the books add up? Every allowance against its ledger and its grants, worked out by the database."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Allowance, Grant, LedgerEntry

# Of one kind of fault; whoever has that many has another problem than the rest of them.
MOST_FAULTS = 100


def faults(session: Session) -> list[str]:
    """Return a sentence for each fault; none where every balance can be proved."""
    found = (_entries(session), _balances(session), _grants(session), _shares(session))
    return [sentence for sentences in found for sentence in sentences]


def count(session: Session) -> tuple[int, int]:
    """How many allowances and how many entries there are."""
    counted = [session.scalar(sa.select(sa.func.count()).select_from(model)) for model in (Allowance, LedgerEntry)]
    return counted[0] or 0, counted[1] or 0


def _entries(session: Session) -> Iterator[str]:
    """Within an allowance: numbered 1, 2, 3, and each balance the sum up to there."""
    order: dict[str, Any] = {"partition_by": LedgerEntry.allowance_id, "order_by": LedgerEntry.sequence}
    reckoned = sa.select(
        LedgerEntry.allowance_id,
        LedgerEntry.sequence,
        LedgerEntry.balance,
        sa.func.row_number().over(**order).label("place"),
        sa.func.sum(LedgerEntry.unlocks).over(**order).label("total"),
    ).subquery()
    wrong = sa.or_(reckoned.c.sequence != reckoned.c.place, reckoned.c.balance != reckoned.c.total)
    query = sa.select(reckoned).where(wrong).order_by(reckoned.c.allowance_id, reckoned.c.sequence)
    for row in session.execute(query.limit(MOST_FAULTS)):
        if row.sequence != row.place:
            yield f"Allowance {row.allowance_id}: entry {row.sequence} stands where entry {row.place} belongs."
        else:
            yield (
                f"Allowance {row.allowance_id}: entry {row.sequence} says the balance is {row.balance}, "
                f"but its entries sum to {row.total}."
            )


def _balances(session: Session) -> Iterator[str]:
    """What an allowance says is left is its last entry's balance."""
    last = (
        sa.select(LedgerEntry.allowance_id, sa.func.max(LedgerEntry.sequence).label("sequence"))
        .group_by(LedgerEntry.allowance_id)
        .subquery()
    )
    entry = sa.and_(LedgerEntry.allowance_id == last.c.allowance_id, LedgerEntry.sequence == last.c.sequence)
    sequence, balance = (sa.func.coalesce(column, 0) for column in (LedgerEntry.sequence, LedgerEntry.balance))
    query = (
        sa.select(Allowance, sequence.label("last"), balance.label("balance"))
        .outerjoin(last, last.c.allowance_id == Allowance.id)
        .outerjoin(LedgerEntry, entry)
        .where(sa.or_(Allowance.unlocks_left != balance, Allowance.sequence != sequence))
    )
    for allowance, number, total in session.execute(query.order_by(Allowance.id).limit(MOST_FAULTS)):
        yield (
            f"Allowance {allowance.id} says {allowance.unlocks_left} unlocks after entry {allowance.sequence}; "
            f"its ledger says {total} after entry {number}."
        )


def _grants(session: Session) -> Iterator[str]:
    """What an allowance says is left is what its grants have left together."""
    left = sa.func.coalesce(sa.func.sum(Grant.unlocks_left), 0)
    query = (
        sa.select(Allowance.id, Allowance.unlocks_left, left.label("granted"))
        .outerjoin(Grant, Grant.allowance_id == Allowance.id)
        .group_by(Allowance.id, Allowance.unlocks_left)
        .having(left != Allowance.unlocks_left)
    )
    for row in session.execute(query.order_by(Allowance.id).limit(MOST_FAULTS)):
        yield f"Allowance {row.id} says {row.unlocks_left} unlocks; its grants have {row.granted} left."


def _shares(session: Session) -> Iterator[str]:
    """Each grant has left what the ledger gave and took under its name."""
    noted = sa.func.coalesce(sa.func.sum(LedgerEntry.unlocks), 0)
    query = (
        sa.select(Grant.id, Grant.unlocks_left, noted.label("noted"))
        .outerjoin(LedgerEntry, LedgerEntry.grant_id == Grant.id)
        .group_by(Grant.id, Grant.unlocks_left)
        .having(noted != Grant.unlocks_left)
    )
    for row in session.execute(query.order_by(Grant.id).limit(MOST_FAULTS)):
        yield f"Grant {row.id} says {row.unlocks_left} unlocks are left of it; the ledger says {row.noted}."
