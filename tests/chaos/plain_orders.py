"""Orders that were paid back in the plain model, told before their order or after it."""

from dataclasses import dataclass, replace
from datetime import datetime

from tests.chaos.plain_things import Refused


@dataclass(frozen=True)
class Refund:
    reader: str
    reference: str
    unlocks: int | None
    told_at: datetime
    # None: the order is still awaited.
    taken: int | None = None
    closed: tuple[str, ...] = ()


def pay_back(refunds, buyer, account, reader, kind, reference, name, unlocks, now):
    if buyer not in (None, reader):
        raise Refused(409, "conflict")
    told = refunds.get((kind, name))
    status = 200 if told else 201
    if told and told.taken is None and (told.reference, told.unlocks) == (reference, unlocks):
        told = replace(told, reader=reader)
    told = told or Refund(reader, reference, unlocks, now)
    if (told.reader, told.reference, told.unlocks) != (reader, reference, unlocks):
        raise Refused(409, "conflict")
    refunds[kind, name] = take(account, kind, told, now) if buyer and told.taken is None else told
    return status


def take_waiting(refunds, account, reader, kind, reference, now):
    early = [
        (name, told) for name, told in refunds.items()
        if (name[0], told.reference, told.reader, told.taken) == (kind, reference, reader, None)
    ]  # fmt: skip
    for name, told in sorted(early, key=lambda one: one[1].told_at):
        refunds[name] = take(account, kind, told, now)


def take(account, kind, told, now):
    """First what is unspent leaves, then what ran out counts, then the posts opened last close."""
    [lot] = [lot for lot in account.lots if (lot.kind, lot.reference) == (kind, told.reference)]
    taken = min(told.unlocks or lot.given, lot.given - lot.paid_back)
    unspent = min(taken, lot.left)
    late = min(taken - unspent, lot.expired - lot.paid_back_late)
    mine = [post for post in account.open_posts(now) if account.opened[post][1] is lot]
    latest = sorted(mine, key=lambda post: account.opened[post][0], reverse=True)
    closed = latest[: taken - unspent - late]
    for post in closed:
        del account.opened[post]
        account.entries.append(("refund", 1))
    if unspent + len(closed):
        account.entries.append(("expiry", -unspent - len(closed)))
    lot.left -= unspent
    lot.paid_back, lot.paid_back_late = lot.paid_back + taken, lot.paid_back_late + late
    return replace(told, taken=taken, closed=tuple(closed))
