"""Grants: unlocks given by the site, or by a plan for each period that was bought."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict, Invalid
from moderation.models import Allowance, Grant, PlanVersion, Site, Subscription, utc_now
from moderation.services import accounts, audit, grant_refunds, ledger, lots


def give(
    session: Session, site: Site, reader_id: str, data: Mapping[str, Any], *, actor: str
) -> tuple[dict[str, Any], bool]:
    """Credit a grant once; return it and whether it is new.

    The same kind and reference with the same content credits nothing, not even after it has run out; with
    another, ``Conflict``.
    """
    now = utc_now()
    with accounts.held(session, site, reader_id, now=now) as allowance:
        known = _known(session, site, allowance, data)
        if known is not None:
            return describe(known, allowance.unlocks_left), False
        if data["expires_at"] is not None and data["expires_at"] <= now:
            raise Invalid.field("expires_at", "Must lie in the future.")
        id = ledger.credit(
            session, allowance, data["unlocks"], data["kind"], now=now, reference=data["reference"],
            expires_at=data["expires_at"],
        )  # fmt: skip
        if id is None:
            raise Conflict("Another request gave the same grant at the same moment; ask again.")
        audit.record(session, site_id=site.id, actor=actor, action="grant.created", subject=allowance.id,
                     grant=id, kind=data["kind"], unlocks=data["unlocks"], reason=data["reason"])  # fmt: skip
        # The refund of an order may be told before the order.
        grant_refunds.take_waiting(session, allowance, session.get_one(Grant, id), now=now, actor=actor)
        return describe(session.get_one(Grant, id), allowance.unlocks_left), True


def _known(session: Session, site: Site, allowance: Allowance, data: Mapping[str, Any]) -> Grant | None:
    if data["reference"] is None:
        return None
    named = sa.and_(Grant.kind == data["kind"], Grant.reference == data["reference"])
    known = session.scalar(sa.select(Grant).where(Grant.site_id == site.id, named))
    if known is None:
        return None
    content = (known.allowance_id, known.unlocks, known.expires_at)
    if content != (allowance.id, data["unlocks"], data["expires_at"]):
        raise Conflict(f"The {known.kind} “{known.reference}” was granted before with another content.", id=known.id)
    return known


def describe(grant: Grant, unlock_left: int) -> dict[str, Any]:
    names = ("id", "unlocks", "kind", "reference", "expires_at", "created_at")
    return {name: getattr(grant, name) for name in names} | {"unlock_left": unlock_left}


def still_open(session: Session, site_id: str, reader_id: str) -> list[dict[str, Any]]:
    """The grants that hold unlocks right now, in the order in which they are spent, however late the worker is."""
    now, allowance = utc_now(), accounts.find(session, site_id, reader_id)
    if allowance is None:
        return []
    held = ledger.open_lots(session, allowance.id)
    # Working out what is due empties what has run out, and carries on what a plan carries on.
    carried = [step.lot for step in lots.steps_due(held, now) if step.unlocks > 0]
    left = [lot for lot in (*held, *carried) if lot.unlocks_left]
    left.sort(key=lambda lot: (lot.expires_at is None, lot.expires_at or now, lot.id))
    names = ("kind", "reference", "unlocks_left", "expires_at")
    return [{"id": lot.id or None} | {name: getattr(lot, name) for name in names} for lot in left]


def of_period(
    session: Session, allowance: Allowance, subscription: Subscription, version: PlanVersion, *, now: datetime
) -> None:
    """Give the unlocks of the period just bought, once; after a change of plan only what it gives more."""
    query = sa.select(sa.func.coalesce(sa.func.sum(Grant.unlocks), 0)).where(Grant.kind == "plan")
    in_period = sa.and_(Grant.subscription_id == subscription.id, Grant.period == subscription.period)
    given = session.scalars(query.where(in_period)).one()
    if version.unlocks <= given:
        return
    reference = f"{subscription.id}:{subscription.period}"
    ledger.credit(
        session, allowance, version.unlocks - given, "plan", now=now,
        reference=f"{reference}:{version.unlocks}" if given else reference, expires_at=subscription.paid_until,
        subscription_id=subscription.id, period=subscription.period, rollover_cap=version.rollover_cap,
    )  # fmt: skip


def end_plan(session: Session, allowance: Allowance, subscription: Subscription, *, now: datetime) -> None:
    """Let the plan's unlocks run out now, with the access that they belonged to."""
    # Those too of which nothing is left: what is given back to one of them must not outlive the plan.
    theirs = sa.and_(Grant.subscription_id == subscription.id, _not_over(now))
    change = sa.update(Grant).where(theirs).values(expires_at=now)
    session.execute(change, execution_options={"synchronize_session": False})
    ledger.settle(session, allowance, now)


def of_paid_period(
    session: Session, allowance: Allowance, reference: str, version: PlanVersion, *, subscription_id: str,
    period: int | None, expires_at: datetime, now: datetime,
) -> None:  # fmt: skip
    """Give the unlocks of a period that a payment provider keeps, once for each ``reference``."""
    same = sa.or_(Grant.reference == reference, Grant.reference.startswith(f"{reference}:", autoescape=True))
    mine = sa.and_(Grant.allowance_id == allowance.id, Grant.kind == "plan", same)
    given = session.scalars(sa.select(sa.func.coalesce(sa.func.sum(Grant.unlocks), 0)).where(mine)).one()
    if version.unlocks <= given:
        return
    ledger.credit(
        session, allowance, version.unlocks - given, "plan", now=now,
        reference=f"{reference}:{version.unlocks}" if given else reference, expires_at=expires_at,
        subscription_id=subscription_id, period=period, rollover_cap=version.rollover_cap,
    )  # fmt: skip
    ledger.settle(session, allowance, now)


def end_referred(session: Session, allowance: Allowance, reference: str, *, now: datetime) -> None:
    """Let the unlocks of one subscription at a provider run out now."""
    mine = sa.and_(Grant.allowance_id == allowance.id, Grant.kind == "plan", _not_over(now))
    theirs = sa.and_(mine, Grant.reference.startswith(f"{reference}:", autoescape=True))
    change = sa.update(Grant).where(theirs).values(expires_at=now)
    session.execute(change, execution_options={"synchronize_session": False})
    ledger.settle(session, allowance, now)


def _not_over(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(Grant.expires_at.is_(None), Grant.expires_at > now)
