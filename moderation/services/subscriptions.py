"""What the site does with a reader's subscription. Only ``start`` and ``renew`` add paid time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Invalid, NotFound
from moderation.ids import new_id
from moderation.models import Allowance, PlanVersion, Site, State, Subscription, SubscriptionTransition, utc_now
from moderation.services import accounts, expiry, grants, ledger, lifecycle, periods, plans
from moderation.services.lifecycle import Happening


def expire_due(session: Session, limit: int, *, now: datetime | None = None) -> int:
    """The worker's chore: write down what has fallen due for at most ``limit`` readers; return for how many."""
    return expiry.expire_due(session, now=now or utc_now(), limit=limit)


@contextmanager
def held(
    session: Session, site: Site, reader_id: str, happening: Happening, *, now: datetime
) -> Iterator[tuple[Allowance, Subscription]]:
    """Hold the account and its subscription for a happening that its state allows."""
    with accounts.held(session, site, reader_id, now=now) as allowance:
        subscription = lifecycle.of_allowance(session, allowance.id)
        lifecycle.check(happening, subscription)
        if subscription is None:
            raise NotFound("This reader has no subscription.")
        yield allowance, subscription


def get(session: Session, site_id: str, reader_id: str) -> dict[str, Any]:
    """Return the living subscription, or the last that ended; ``NotFound`` where there never was one."""
    now, allowance = utc_now(), accounts.find(session, site_id, reader_id)
    subscription = lifecycle.of_allowance(session, allowance.id) if allowance else None
    if allowance is None or subscription is None:
        raise NotFound("This reader has no subscription.")
    return describe(subscription, now) | {"unlock_left": ledger.left_at(session, allowance, now)}


def start(session: Session, site: Site, reader_id: str, plan: str, *, actor: str) -> tuple[dict[str, Any], bool]:
    """Begin a subscription, or a further period of one that is ending; return it and whether it is a new one.

    Paid time is never lost: while some is left the new period follows it.
    """
    now = utc_now()
    with accounts.held(session, site, reader_id, now=now) as allowance:
        subscription = lifecycle.of_allowance(session, allowance.id)
        lifecycle.check(Happening.START, subscription)
        version = sold(session, site, plan)
        new = subscription is None or subscription.state is State.ENDED
        if subscription is None or new:
            subscription = _begin(session, site, allowance, version, subscription, now=now, actor=actor)
        else:
            subscription.plan, subscription.plan_version = version.name, version.version
            lifecycle.forget_next_plan(subscription)
            started_at = _extend(site, subscription, version, now)
            lifecycle.turn(
                session, allowance, subscription, Happening.START, State.ACTIVE, at=now, actor=actor,
                started_at=started_at,
            )  # fmt: skip
        grant_period(session, allowance, subscription, version, now)
        return describe(subscription, now) | {"unlock_left": allowance.unlocks_left}, new


def _begin(
    session: Session, site: Site, allowance: Allowance, version: PlanVersion, last: Subscription | None, *,
    now: datetime, actor: str,
) -> Subscription:  # fmt: skip
    trial_ends = now + timedelta(days=version.trial_days) if version.trial_days and last is None else None
    subscription = Subscription(
        id=new_id("sub"), site_id=site.id, allowance_id=allowance.id, plan=version.name, plan_version=version.version,
        state=State.ACTIVE, period=0, paid_until=trial_ends, trial_ends_at=trial_ends, anchored_at=trial_ends or now,
        anchor_period=0, version=1, created_at=now,
    )  # fmt: skip
    if trial_ends is None:
        count_one_more(site, subscription, version)
    new = State.TRIALING if trial_ends else State.ACTIVE
    session.add(subscription)
    session.flush()
    old = last.state if last else None
    lifecycle.turn(
        session, allowance, subscription, Happening.START, new, at=now, actor=actor, is_new=True, old=old,
        started_at=now,
    )  # fmt: skip
    return subscription


def renew(
    session: Session, site: Site, reader_id: str, *, reference: str | None, actor: str
) -> tuple[dict[str, Any], bool]:
    """Add one period that was paid; return the subscription and whether this ``reference`` is new."""
    now = utc_now()
    with accounts.held(session, site, reader_id, now=now) as allowance:
        subscription = lifecycle.of_allowance(session, allowance.id)
        if subscription and reference and _paid_before(session, allowance, reference):
            return describe(subscription, now) | {"unlock_left": allowance.unlocks_left}, False
        lifecycle.check(Happening.RENEW, subscription)
        if subscription is None:
            raise NotFound("This reader has no subscription.")
        version = lifecycle.next_version(session, subscription)
        if subscription.next_plan_at is not None and subscription.next_plan_at <= now:
            lifecycle.begin_next_plan(subscription)
        started_at = _extend(site, subscription, version, now)
        new = State.CANCELING if subscription.state is State.CANCELING else State.ACTIVE
        lifecycle.turn(
            session, allowance, subscription, Happening.RENEW, new, at=now, actor=actor, reference=reference,
            started_at=started_at,
        )  # fmt: skip
        grant_period(session, allowance, subscription, version, now)
        return describe(subscription, now) | {"unlock_left": allowance.unlocks_left}, True


def cancel(session: Session, site: Site, reader_id: str, *, at: str, actor: str) -> dict[str, Any]:
    """End it ``now``, or at the ``period_end``: until then everything that was paid stays."""
    now = utc_now()
    happening = Happening.CANCEL_NOW if at == "now" else Happening.CANCEL
    with held(session, site, reader_id, happening, now=now) as (allowance, subscription):
        paid = subscription.paid_until
        later = happening is Happening.CANCEL and paid is not None and paid > now
        if not later:
            subscription.paid_until = now if paid is None else min(paid, now)
        new = State.CANCELING if later else State.ENDED
        lifecycle.turn(session, allowance, subscription, happening, new, at=now, actor=actor)
        if new is State.ENDED:
            grants.end_plan(session, allowance, subscription, now=now)
        return describe(subscription, now) | {"unlock_left": allowance.unlocks_left}


def resume(session: Session, site: Site, reader_id: str, *, actor: str) -> dict[str, Any]:
    """Take a cancellation or a pause back, while paid time is left."""
    now = utc_now()
    with held(session, site, reader_id, Happening.RESUME, now=now) as (allowance, subscription):
        if subscription.paid_until is not None and subscription.paid_until <= now:
            lifecycle.refuse(Happening.RESUME, subscription.state, ": the paid time is over, so start it again")
        trial = subscription.state is State.CANCELING and subscription.trial_ends_at == subscription.paid_until
        new = State.TRIALING if trial and subscription.trial_ends_at else State.ACTIVE
        lifecycle.turn(session, allowance, subscription, Happening.RESUME, new, at=now, actor=actor)
        return describe(subscription, now) | {"unlock_left": allowance.unlocks_left}


def pause(session: Session, site: Site, reader_id: str, *, actor: str) -> dict[str, Any]:
    """Expect no renewal for now: paid time goes on to its end, and then it waits instead of ending."""
    now = utc_now()
    with held(session, site, reader_id, Happening.PAUSE, now=now) as (allowance, subscription):
        lifecycle.turn(session, allowance, subscription, Happening.PAUSE, State.PAUSED, at=now, actor=actor)
        return describe(subscription, now) | {"unlock_left": allowance.unlocks_left}


def history(session: Session, site_id: str, reader_id: str) -> list[SubscriptionTransition]:
    """Every transition of every subscription of the reader, oldest first."""
    allowance = accounts.find(session, site_id, reader_id)
    if allowance is None:
        return []
    query = (
        sa.select(SubscriptionTransition)
        .join(Subscription, Subscription.id == SubscriptionTransition.subscription_id)
        .where(Subscription.allowance_id == allowance.id)
    )
    written = session.scalars(query.order_by(Subscription.id, SubscriptionTransition.version))
    living = lifecycle.of_allowance(session, allowance.id)
    return [*written, *(_unwritten(living, utc_now()) if living else ())]


def _unwritten(subscription: Subscription, now: datetime) -> Iterator[SubscriptionTransition]:
    """What time has brought and the worker will write."""
    old = subscription.state
    for number, step in enumerate(lifecycle.clock_steps(subscription, now), 1):
        plan, plan_version = lifecycle.plan_at(subscription, step.at)
        waits = step.new is not State.ENDED and plan != subscription.next_plan
        yield SubscriptionTransition(
            subscription_id=subscription.id, version=subscription.version + number, event=step.happening,
            old_state=old, new_state=step.new, plan=plan, plan_version=plan_version,
            paid_until=subscription.paid_until, cause=accounts.CLOCK, actor=accounts.CLOCK, effective_at=step.at,
            next_plan=subscription.next_plan if waits else None,
        )  # fmt: skip
        old = step.new


def describe(subscription: Subscription, now: datetime) -> dict[str, Any]:
    """The subscription as it is at ``now``, whether or not the worker has written it yet."""
    names = ("id", "paid_until", "access_until", "trial_ends_at", "version")
    state, (plan, plan_version) = lifecycle.state_at(subscription, now), lifecycle.plan_at(subscription, now)
    waits = subscription.next_plan is not None and plan != subscription.next_plan and state is not State.ENDED
    return {name: getattr(subscription, name) for name in names} | {
        "plan": plan, "plan_version": plan_version, "state": state,
        "cancel_at_period_end": state is State.CANCELING,
        "pending_change": {"plan": subscription.next_plan, "at": subscription.next_plan_at} if waits else None,
    }  # fmt: skip


def sold(session: Session, site: Site, plan: str, *, kept: Subscription | None = None) -> PlanVersion:
    """The plan as it is sold now; of ``kept`` also its own, which may be sold no longer."""
    if kept is not None and kept.plan == plan:
        return session.get_one(PlanVersion, (site.id, kept.plan, kept.plan_version))
    try:
        return plans.get(session, site.id, plan)
    except NotFound as error:
        raise Invalid.field("plan", error.detail) from None


def _extend(site: Site, subscription: Subscription, version: PlanVersion, now: datetime) -> datetime:
    """Add one period at the end of the paid time, or from now where a pause outlasted that; return its beginning."""
    paid = subscription.paid_until
    follows = paid is not None and (paid > now or subscription.state is not State.PAUSED)
    counted = periods.end(
        subscription.anchored_at, version.period, subscription.period - subscription.anchor_period, zone=site.time_zone
    )
    if not follows or counted != paid:
        # Another plan, or a gap: months are counted anew from here.
        subscription.anchored_at = paid if follows and paid else now
        subscription.anchor_period = subscription.period
    count_one_more(site, subscription, version)
    if subscription.paid_until is not None and subscription.paid_until <= now:
        # A period that was over before it was paid would be money for nothing.
        subscription.anchored_at, subscription.anchor_period = now, subscription.period - 1
        subscription.paid_until = periods.end(now, version.period, 1, zone=site.time_zone)
        return now
    return paid if follows and paid else now


def count_one_more(site: Site, subscription: Subscription, version: PlanVersion) -> None:
    subscription.period += 1
    count = subscription.period - subscription.anchor_period
    subscription.paid_until = periods.end(subscription.anchored_at, version.period, count, zone=site.time_zone)


def grant_period(
    session: Session, allowance: Allowance, subscription: Subscription, version: PlanVersion, now: datetime
) -> None:
    grants.of_period(session, allowance, subscription, version, now=now)
    # What an ended period left over can be carried on only now that the next one is paid.
    ledger.settle(session, allowance, now)


def _paid_before(session: Session, allowance: Allowance, reference: str) -> bool:
    # Under an ended subscription too: a provider tells an old payment again long after a new beginning.
    row = (
        sa.select(SubscriptionTransition.version)
        .join(Subscription, Subscription.id == SubscriptionTransition.subscription_id)
        .where(Subscription.allowance_id == allowance.id, SubscriptionTransition.reference == reference)
    )
    return session.scalars(row).first() is not None
