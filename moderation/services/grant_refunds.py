"""Orders that were paid back: their unspent units leave the balance, then the posts that they opened close.

What becomes of an order is the same whether its refunds are told before it or after it, once or often: a refund
that comes first waits for its order.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict
from moderation.ids import new_id
from moderation.models import Allowance, Grant, GrantRefund, Site, Unlock, insert_missing, utc_now
from moderation.services import accounts, audit, ledger


def refund(
    session: Session, site: Site, reader_id: str, data: Mapping[str, Any], *, actor: str
) -> tuple[dict[str, Any], bool]:
    """Take back what an order gave, wholly or in part; return the refund and whether it is new.

    Each ``refund_reference`` counts once. More than the order gave is never taken. ``Conflict`` where the order
    is another reader's, or where the refund was told before with another content.
    """
    now = utc_now()
    with accounts.held(session, site, reader_id, now=now) as allowance:
        grant = of_order(session, site.id, data["kind"], data["reference"])
        if grant is not None and grant.allowance_id != allowance.id:
            raise Conflict(f"The {grant.kind} “{grant.reference}” was granted to another reader.")
        row, new = _noted(session, site, allowance, data, now)
        if grant is not None and row.grant_id is None:
            _take(session, allowance, grant, row, now=now, actor=actor)
        return describe(row, allowance.unlocks_left), new


def of_order(session: Session, site_id: str, kind: str, reference: str) -> Grant | None:
    """The grant of an order, as it stands in the database."""
    named = sa.and_(Grant.site_id == site_id, Grant.kind == kind, Grant.reference == reference)
    return session.scalar(sa.select(Grant).where(named).execution_options(populate_existing=True))


def _noted(
    session: Session, site: Site, allowance: Allowance, data: Mapping[str, Any], now: datetime
) -> tuple[GrantRefund, bool]:
    """The refund of this name, written now or before."""
    id, names = new_id("ref"), ("kind", "reference", "refund_reference", "unlocks")
    values = {name: data[name] for name in names} | {
        "id": id, "site_id": site.id, "allowance_id": allowance.id, "grant_id": None, "taken": 0, "run_out": 0,
        "closed_posts": [], "created_at": now,
    }  # fmt: skip
    insert_missing(session, GrantRefund, values)
    same = {"site_id": site.id, "kind": data["kind"], "refund_reference": data["refund_reference"]}
    row = session.scalars(sa.select(GrantRefund).filter_by(**same)).one()
    # Told of the wrong reader before the order came: nothing was taken yet, so it can be put right.
    if row.grant_id is None and row.reference == data["reference"] and row.unlocks == data["unlocks"]:
        row.allowance_id = allowance.id
    if (row.allowance_id, row.reference, row.unlocks) != (allowance.id, data["reference"], data["unlocks"]):
        raise Conflict(f"The refund “{row.refund_reference}” was told before with another content.", id=row.id)
    return row, row.id == id


def take_waiting(session: Session, allowance: Allowance, grant: Grant, *, now: datetime, actor: str) -> None:
    """Apply the refunds that were told before their order, which has just been granted."""
    if grant.reference is None:
        return
    mine = sa.and_(GrantRefund.site_id == grant.site_id, GrantRefund.kind == grant.kind)
    early = sa.and_(mine, GrantRefund.reference == grant.reference, GrantRefund.grant_id.is_(None))
    query = sa.select(GrantRefund).where(early, GrantRefund.allowance_id == allowance.id)
    for row in session.scalars(query.order_by(GrantRefund.id)).all():
        _take(session, allowance, grant, row, now=now, actor=actor)


def _take(session: Session, allowance: Allowance, grant: Grant, row: GrantRefund, *, now: datetime, actor: str) -> None:
    session.refresh(grant)
    sums = sa.func.coalesce(sa.func.sum(GrantRefund.taken), 0), sa.func.coalesce(sa.func.sum(GrantRefund.run_out), 0)
    taken, run_out = session.execute(sa.select(*sums).where(GrantRefund.grant_id == grant.id)).one()
    left = min(grant.unlocks if row.unlocks is None else row.unlocks, grant.unlocks - taken)
    row.grant_id, row.taken = grant.id, left
    unspent = min(left, grant.unlocks_left)
    row.run_out = min(left - unspent, grant.unlocks_expired - run_out)
    opened = _opened_last(session, grant, left - unspent - row.run_out, now)
    row.closed_posts = [post.post_id for post in opened]
    for post in opened:
        session.delete(post)
        session.flush()
        ledger.give_back(session, allowance, grant.id, post_id=post.post_id, unlock_id=post.id, now=now)
    if unspent + len(opened):
        ledger.take_back(
            session, allowance, grant.id, unspent + len(opened), reference=row.refund_reference, now=now
        )  # fmt: skip
    session.flush()
    audit.record(session, site_id=row.site_id, actor=actor, action="grant.refunded", subject=allowance.id,
                 grant=grant.id, refund=row.id, taken=row.taken, closed=len(opened))  # fmt: skip


def _opened_last(session: Session, grant: Grant, most: int, now: datetime) -> Sequence[Unlock]:
    """The open posts that this grant paid for, the one opened last first."""
    still = sa.or_(Unlock.expires_at.is_(None), Unlock.expires_at > now)
    query = sa.select(Unlock).where(Unlock.allowance_id == grant.allowance_id, Unlock.grant_id == grant.id, still)
    return session.scalars(query.order_by(Unlock.unlocked_at.desc(), Unlock.id.desc()).limit(most)).all()


def describe(row: GrantRefund, unlock_left: int) -> dict[str, Any]:
    names = ("id", "kind", "reference", "refund_reference", "unlocks", "taken", "closed_posts", "created_at")
    state = "waiting" if row.grant_id is None else "applied"
    return {name: getattr(row, name) for name in names} | {"state": state, "unlock_left": unlock_left}
