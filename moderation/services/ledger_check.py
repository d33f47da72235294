"""Do the books add up? Every allowance against its ledger and its grants, worked out by the database.

It is done in pages of allowances by id, along the primary keys: however many there are, no statement sorts or holds
more than a page. Each statement sees one moment, so that books which are written meanwhile are not called wrong.
"""

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from moderation.models import Allowance, Grant, LedgerEntry

# Of one kind of fault; whoever has that many has another problem than the rest of them.
MOST_FAULTS = 100
PAGE = 2_000
# The ids of a page: above the first and up to the second; None at either end is no bound.
Span = tuple[str | None, str | None]
Check = Callable[[Session, Span], Iterator[str]]


def faults(session: Session, progress: Callable[[int], None] = lambda _: None) -> list[str]:
    """Return a sentence for each fault; none where every balance can be proved.

    ``progress`` is told after each page how many allowances have been looked at.
    """
    found: dict[Check, list[str]] = {check: [] for check in (_entries, _balances, _grants, _shares)}
    for span, done in _spans(session):
        for check, told in found.items():
            told.extend(check(session, span) if len(told) < MOST_FAULTS else ())
        progress(done)
    return [sentence for sentences in found.values() for sentence in sentences[:MOST_FAULTS]]


def count(session: Session) -> tuple[int, int]:
    """How many allowances and how many entries there are."""
    counted = [session.scalar(sa.select(sa.func.count()).select_from(model)) for model in (Allowance, LedgerEntry)]
    return counted[0] or 0, counted[1] or 0


def _spans(session: Session) -> Iterator[tuple[Span, int]]:
    """The pages, with the number of allowances up to the end of each; together they hold every id there can be."""
    after, done = None, 0
    while True:
        query = sa.select(Allowance.id).order_by(Allowance.id).limit(PAGE)
        ids = session.scalars(query if after is None else query.where(Allowance.id > after)).all()
        done += len(ids)
        if len(ids) < PAGE:
            yield (after, None), done
            return
        yield (after, ids[-1]), done
        after = ids[-1]


def _within(column: InstrumentedAttribute[str], span: Span) -> sa.ColumnElement[bool]:
    first, last = span
    bounds = [column > first] if first is not None else []
    return sa.and_(sa.true(), *bounds, *([column <= last] if last is not None else []))


def _entries(session: Session, span: Span) -> Iterator[str]:
    """Within an allowance: numbered 1, 2, 3, and each balance the sum up to there."""
    order: dict[str, Any] = {"partition_by": LedgerEntry.allowance_id, "order_by": LedgerEntry.sequence}
    reckoned = (
        sa.select(
            LedgerEntry.allowance_id,
            LedgerEntry.sequence,
            LedgerEntry.balance,
            sa.func.row_number().over(**order).label("place"),
            sa.func.sum(LedgerEntry.unlocks).over(**order).label("total"),
        )
        .where(_within(LedgerEntry.allowance_id, span))
        .subquery()
    )
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


def _balances(session: Session, span: Span) -> Iterator[str]:
    """What an allowance says is left is its last entry's balance."""
    numbers = sa.select(sa.func.max(LedgerEntry.sequence)).where(LedgerEntry.allowance_id == Allowance.id)
    last = numbers.correlate(Allowance).scalar_subquery()
    entry = sa.and_(LedgerEntry.allowance_id == Allowance.id, LedgerEntry.sequence == last)
    sequence, balance = (sa.func.coalesce(column, 0) for column in (LedgerEntry.sequence, LedgerEntry.balance))
    query = (
        sa.select(Allowance, sequence.label("last"), balance.label("balance"))
        .outerjoin(LedgerEntry, entry)
        .where(_within(Allowance.id, span), sa.or_(Allowance.unlocks_left != balance, Allowance.sequence != sequence))
    )
    for allowance, number, total in session.execute(query.order_by(Allowance.id).limit(MOST_FAULTS)):
        yield (
            f"Allowance {allowance.id} says {allowance.unlocks_left} unlocks after entry {allowance.sequence}; "
            f"its ledger says {total} after entry {number}."
        )


def _grants(session: Session, span: Span) -> Iterator[str]:
    """What an allowance says is left is what its grants have left together."""
    left = sa.func.coalesce(sa.func.sum(Grant.unlocks_left), 0)
    query = (
        sa.select(Allowance.id, Allowance.unlocks_left, left.label("granted"))
        .outerjoin(Grant, Grant.allowance_id == Allowance.id)
        .where(_within(Allowance.id, span))
        .group_by(Allowance.id, Allowance.unlocks_left)
        .having(left != Allowance.unlocks_left)
    )
    for row in session.execute(query.order_by(Allowance.id).limit(MOST_FAULTS)):
        yield f"Allowance {row.id} says {row.unlocks_left} unlocks; its grants have {row.granted} left."


def _shares(session: Session, span: Span) -> Iterator[str]:
    """Each grant has left what its allowance's ledger gave and took under its name."""
    sums = (
        sa.select(LedgerEntry.grant_id, LedgerEntry.allowance_id, sa.func.sum(LedgerEntry.unlocks).label("noted"))
        .where(_within(LedgerEntry.allowance_id, span))
        .group_by(LedgerEntry.allowance_id, LedgerEntry.grant_id)
        .subquery()
    )
    noted = sa.func.coalesce(sums.c.noted, 0)
    mine = sa.and_(sums.c.grant_id == Grant.id, sums.c.allowance_id == Grant.allowance_id)
    query = (
        sa.select(Grant.id, Grant.unlocks_left, noted.label("noted"))
        .outerjoin(sums, mine)
        .where(_within(Grant.allowance_id, span), noted != Grant.unlocks_left)
    )
    for row in session.execute(query.order_by(Grant.allowance_id, Grant.id).limit(MOST_FAULTS)):
        yield f"Grant {row.id} says {row.unlocks_left} unlocks are left of it; the ledger says {row.noted}."
