"""Which grants have run out, and what a plan carries on into the next period. Pure arithmetic.

Writing (``ledger.settle``) and reading (``ledger.left_at``) share it: a late worker changes no balance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple


@dataclass
class Lot:
    """A grant as far as the calendar is concerned. ``id`` is empty for one that is only being worked out."""

    COLUMNS: ClassVar[Sequence[str]] = (
        "id", "kind", "reference", "unlocks_left", "unlocks_expired", "expires_at", "subscription_id", "period",
        "rollover_cap",
    )  # fmt: skip

    id: str
    kind: str
    reference: str | None
    unlocks_left: int
    unlocks_expired: int
    expires_at: datetime | None
    subscription_id: str | None
    period: int | None
    rollover_cap: int


class Step(NamedTuple):
    """One ledger entry that is due: minus for what ran out, plus for what is carried on."""

    lot: Lot
    unlocks: int


def steps_due(lots: Sequence[Lot], now: datetime) -> list[Step]:
    """Return the entries due by ``now``, in order of time. ``lots`` are used up: pass fresh ones."""
    held, steps = list(lots), []
    while True:
        carried = next(filter(None, [_carried_into(lot, held, now) for lot in held]), None)
        if carried:
            held.append(carried)
            steps.append(Step(carried, carried.unlocks_left))
            continue
        over = [lot for lot in held if lot.unlocks_left and lot.expires_at and lot.expires_at <= now]
        if not over:
            return steps
        first = min(over, key=lambda lot: (lot.expires_at, lot.id))
        steps.append(Step(first, -first.unlocks_left))
        first.unlocks_expired, first.unlocks_left = first.unlocks_expired + first.unlocks_left, 0


def _carried_into(target: Lot, held: Sequence[Lot], now: datetime) -> Lot | None:
    """What a period's plan grant takes over from the period before, once that is over; once a period."""
    if target.kind != "plan" or not target.period or not target.rollover_cap:
        return None
    reference = f"{target.subscription_id}:{target.period}"
    before = [lot for lot in held if (lot.subscription_id, lot.period) == (target.subscription_id, target.period - 1)]
    goes_on = any(lot.expires_at is None or lot.expires_at > now or lot.unlocks_left for lot in before)
    done = any(lot.kind == "rollover" and lot.reference == reference for lot in held)
    unspent = min(sum(lot.unlocks_expired for lot in before), target.rollover_cap)
    if goes_on or done or not unspent:
        return None
    return Lot("", "rollover", reference, unspent, 0, target.expires_at, target.subscription_id, target.period, 0)
