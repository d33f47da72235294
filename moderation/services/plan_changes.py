"""Another plan for a subscription: now, with what a site needs to settle the price, or when the paid time ends."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Allowance, PlanVersion, Site, State, Subscription, SubscriptionTransition, utc_now
from moderation.services import lifecycle, subscriptions
from moderation.services.lifecycle import Happening

_PLACES = Decimal("0.000001")


def change(session: Session, site: Site, reader_id: str, *, plan: str, at: str, actor: str) -> dict[str, Any]:
    """Go over to another plan ``now``, or at the ``period_end``: when the time ends that is paid by now.

    Now, paid time stays, unlocks grow to what the new plan gives a period, and the answer tells the unused share.
    To name the present plan takes back a change that waits.
    """
    now = utc_now()
    happening = Happening.CHANGE if at == "now" else Happening.CHANGE_LATER
    with subscriptions.held(session, site, reader_id, happening, now=now) as (allowance, subscription):
        version, proration = subscriptions.sold(session, site, plan, kept=subscription), None
        if subscription.plan == version.name:
            _keep(session, allowance, subscription, happening, now=now, actor=actor)
        elif happening is Happening.CHANGE:
            proration = _prorated(session, subscription, version, now)
            _change_now(session, site, allowance, subscription, version, now=now, actor=actor)
        else:
            _change_later(session, allowance, subscription, version, now=now, actor=actor)
        described = subscriptions.describe(subscription, now)
        return described | {"unlock_left": allowance.unlocks_left, "proration": proration}


def _keep(
    session: Session, allowance: Allowance, subscription: Subscription, happening: Happening, *, now: datetime,
    actor: str,
) -> None:  # fmt: skip
    if subscription.next_plan is None:
        lifecycle.refuse(happening, subscription.state, ": it is on that plan already")
    _refuse_if_paid(subscription, happening)
    lifecycle.forget_next_plan(subscription)
    _turn(session, allowance, subscription, Happening.CHANGE_LATER, now=now, actor=actor)


def _change_later(
    session: Session, allowance: Allowance, subscription: Subscription, version: PlanVersion, *, now: datetime,
    actor: str,
) -> None:  # fmt: skip
    if subscription.paid_until is None:
        because = ": the plan has no period whose end could be awaited"
        lifecycle.refuse(Happening.CHANGE_LATER, subscription.state, because)
    if subscription.next_plan == version.name:
        lifecycle.refuse(Happening.CHANGE_LATER, subscription.state, ": that change waits already")
    _refuse_if_paid(subscription, Happening.CHANGE_LATER)
    subscription.next_plan, subscription.next_plan_version = version.name, version.version
    subscription.next_plan_at = subscription.paid_until
    _turn(session, allowance, subscription, Happening.CHANGE_LATER, now=now, actor=actor)


def _refuse_if_paid(subscription: Subscription, happening: Happening) -> None:
    if lifecycle.switches_at(subscription) is not None:
        because = f": a period on the plan “{subscription.next_plan}” is paid already"
        lifecycle.refuse(happening, subscription.state, because)


def _change_now(
    session: Session, site: Site, allowance: Allowance, subscription: Subscription, version: PlanVersion, *,
    now: datetime, actor: str,
) -> None:  # fmt: skip
    was_open, started_at = subscription.paid_until is None, None
    lifecycle.forget_next_plan(subscription)
    subscription.plan, subscription.plan_version = version.name, version.version
    if was_open and version.period is not None:
        started_at = subscription.anchored_at = now
        subscription.anchor_period = subscription.period
        subscriptions.count_one_more(site, subscription, version)
    elif version.period is None and subscription.state is State.ACTIVE:
        subscription.paid_until = None
    _turn(session, allowance, subscription, Happening.CHANGE, now=now, actor=actor, started_at=started_at)
    subscriptions.grant_period(session, allowance, subscription, version, now)


def _turn(
    session: Session, allowance: Allowance, subscription: Subscription, happening: Happening, *, now: datetime,
    actor: str, started_at: datetime | None = None,
) -> None:  # fmt: skip
    lifecycle.turn(
        session, allowance, subscription, happening, subscription.state, at=now, actor=actor, started_at=started_at
    )


def _prorated(
    session: Session, subscription: Subscription, version: PlanVersion, now: datetime
) -> dict[str, Any] | None:
    """How much of the paid period is unused; None where its beginning or its end is not known here."""
    row = SubscriptionTransition
    bought = sa.select(row).where(row.subscription_id == subscription.id, row.period_started_at.is_not(None))
    periods = session.scalars(bought.order_by(row.version.desc())).all()
    current = next((period for period in periods if period.period_started_at and period.period_started_at <= now), None)
    if subscription.paid_until is None or current is None or not current.period_started_at or not current.paid_until:
        return None
    start, end = current.period_started_at, current.paid_until
    if end <= now or end > subscription.paid_until:
        return None
    whole, used = int((end - start).total_seconds()), int((now - start).total_seconds())
    unused = Fraction(whole - used, whole)
    decimal = (Decimal(unused.numerator) / Decimal(unused.denominator)).quantize(_PLACES)
    return {
        "old_plan": subscription.plan, "new_plan": version.name, "trial": end == subscription.trial_ends_at,
        "period_start": start, "period_end": end, "seconds_used": used, "seconds_left": whole - used,
        "unused": {"numerator": unused.numerator, "denominator": unused.denominator, "decimal": str(decimal)},
        "whole_periods_left": sum(period.period_started_at > now for period in periods if period.period_started_at),
    }  # fmt: skip
