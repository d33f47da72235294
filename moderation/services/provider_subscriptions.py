"""A reader's subscription as a payment provider keeps it: ours follows the newest that was told of it.

What is stored is worked out anew from all events of the subscription, so that their order does not matter.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound
from moderation.ids import new_id
from moderation.models import (
    Allowance,
    PlanVersion,
    Provider,
    ProviderEvent,
    ProviderSubscription,
    Site,
    State,
    Subscription,
    SubscriptionTransition,
)
from moderation.services import accounts, generic_events, grants, lifecycle, plans, providers
from moderation.services.lifecycle import Happening
from moderation.services.providers import Quarantined
from moderation.stripe import DEAD, SUBSCRIPTION_TYPES

CAUSE = "provider"
# Before a customer's id: a subscription that was moved in from a system that knew no other id of it.
PLACEHOLDER = "import:"
_OPENING = ("trialing", "active", "past_due")
_UNBEGUN = "incomplete"
_TYPES = (*SUBSCRIPTION_TYPES, generic_events.SUBSCRIPTION)
_RANK = {"customer.subscription.deleted": 2, "customer.subscription.created": 0}
_MISSING = object()


class Target(NamedTuple):
    """What a subscription should be, by its provider's word."""

    state: State
    paid_until: datetime


def follow(
    session: Session, site: Site, account: Provider, row: ProviderEvent, reader_id: str, *, now: datetime
) -> None:
    """Apply an event of a subscription; raise ``Quarantined`` before anything is changed."""
    version, known = _version(session, site, account, row), _known(session, row)
    if known is not None and known.reader_id != reader_id:
        raise Quarantined("other_reader", "Another reader was named as the owner of this subscription.")
    with accounts.held(session, site, reader_id, now=now) as allowance:
        ours = lifecycle.of_allowance(session, allowance.id)
        if ours is not None and ours.state is not State.ENDED and not _is_kept(session, ours):
            raise Quarantined("kept_by_site", "The site itself began the reader's living subscription.")
        row.state = "applied"
        session.flush()
        kept = _keep(session, site, account, row, reader_id, version, now)
        if kept is None:
            return
        ours = _follow_best(session, site, allowance, ours, reader_id, now)
        if kept.state is State.ENDED:
            grants.end_referred(session, allowance, kept.id, now=now)
        elif version is not None:
            _give_unlocks(session, allowance, ours, kept, row, version, now)


def _plan(account: Provider, facts: Mapping[str, Any]) -> str | None:
    if "plan" in facts:
        # The site's own words need no list.
        return str(facts["plan"])
    found = (providers.opened_by(account, names, "plan") for names in facts["prices"])
    return next((str(plan) for plan in found if plan is not None), None)


def _version(session: Session, site: Site, account: Provider, row: ProviderEvent) -> PlanVersion | None:
    """The plan that the event is about; None where it opens nothing, so that none is needed."""
    plan = _plan(account, row.facts)
    if plan is None:
        if row.facts["status"] in _OPENING:
            names = [name for item in row.facts["prices"] for name in item]
            raise Quarantined("unlisted_price", f"Not listed with a plan: {', '.join(names)[:200] or 'no price'}.")
        return None
    known = _known(session, row)
    if known is not None and known.plan == plan:
        # Kept as it was bought, whatever is sold under this name by now.
        return session.get_one(PlanVersion, (site.id, plan, known.plan_version))
    try:
        return plans.get(session, site.id, plan)
    except NotFound as error:
        raise Quarantined("unlisted_price", error.detail) from None


def _known(session: Session, row: ProviderEvent) -> ProviderSubscription | None:
    """The subscription, or the one that was moved in under the customer's name alone."""
    for name in (row.subscription, f"{PLACEHOLDER}{row.customer}"):
        named = {"site_id": row.site_id, "provider": row.provider, "subscription": name}
        found = session.scalar(sa.select(ProviderSubscription).filter_by(**named))
        if found is not None:
            return found
    return None


def _is_kept(session: Session, ours: Subscription) -> bool:
    kept = sa.select(ProviderSubscription.id).where(ProviderSubscription.subscription_id == ours.id)
    return session.scalars(kept).first() is not None


def _keep(
    session: Session, site: Site, account: Provider, row: ProviderEvent, reader_id: str,
    version: PlanVersion | None, now: datetime,
) -> ProviderSubscription | None:  # fmt: skip
    """Write down what all events together say; None while nothing has begun."""
    told = sa.select(ProviderEvent).where(
        ProviderEvent.site_id == site.id, ProviderEvent.provider == row.provider,
        ProviderEvent.subscription == row.subscription, ProviderEvent.type.in_(_TYPES),
        ProviderEvent.state == "applied",
    )  # fmt: skip
    events = sorted(session.scalars(told), key=lambda event: (event.told_at, event.event_id))
    newest, known = decisive(events), _known(session, row)
    if known is None and newest.facts["status"] == _UNBEGUN:
        return None
    named = [event for event in (*events, newest) if _plan(account, event.facts) is not None]
    plan = _version(session, site, account, named[-1]) if named else version
    if known is None:
        if plan is None:
            return None
        known = ProviderSubscription(
            site_id=site.id, provider=row.provider, subscription=row.subscription, reader_id=reader_id,
            customer=row.customer,
        )  # fmt: skip
        session.add(known)
    known.subscription, known.customer = row.subscription, row.customer
    if plan is not None:
        known.plan, known.plan_version = plan.name, plan.version
    known.state, known.paid_until = target(newest, events, now)
    known.trial_ends_at = _at(newest.facts["trial_end"])
    known.event_id, known.told_at = newest.event_id, newest.told_at
    session.flush()
    return known


def decisive(events: Sequence[ProviderEvent]) -> ProviderEvent:
    """The event that is right, whatever the order in which they came (protocols.md 4.6)."""
    found = [event for event in events if event.facts["status"] in DEAD] or list(events)
    latest = max((event.told_at, _RANK.get(event.type, 1)) for event in found)
    found = [event for event in found if (event.told_at, _RANK.get(event.type, 1)) == latest]
    # Of equals the last of the chain, in which each tells the values that it replaced.
    ends = [event for event in found if not any(_succeeds(other, event) for other in found if other is not event)]
    return max(ends or found, key=lambda event: event.event_id)


def _succeeds(later: ProviderEvent, earlier: ProviderEvent) -> bool:
    replaced, was = later.facts["previous"], earlier.facts["now"]
    return bool(replaced) and all(was.get(name, _MISSING) == value for name, value in replaced.items())


def target(newest: ProviderEvent, events: Sequence[ProviderEvent], now: datetime) -> Target:
    """The state and the end of the paid time that the deciding event means."""
    facts, told_at = newest.facts, newest.told_at
    status, end, start = facts["status"], _at(facts["period_end"]), _at(facts["period_start"])
    if status in DEAD or status == _UNBEGUN:
        return Target(State.ENDED, min(_at(facts["ended_at"]) or told_at, now))
    if status == "past_due":
        return Target(State.PAST_DUE, start or told_at)
    if status not in _OPENING:
        # Unpaid, paused, or a word that is new: no access, and it may come back.
        unpaid_since = start if status == "unpaid" else end
        return Target(State.PAUSED, min(unpaid_since or told_at, told_at))
    paid = (_at(facts["trial_end"]) if status == "trialing" else None) or end or told_at
    over = _at(facts["cancel_at"]) or (paid if facts["cancel_at_period_end"] else None)
    if over is not None and over <= paid:
        return Target(State.CANCELING, over)
    if facts["pause"] is not None:
        return Target(State.PAUSED, _paid_before_pause(newest, events) or paid)
    return Target(State.TRIALING if status == "trialing" else State.ACTIVE, paid)


def _paid_before_pause(newest: ProviderEvent, events: Sequence[ProviderEvent]) -> datetime | None:
    """Under “void” nothing is given in the pause: what was paid when it began is all."""
    if newest.facts["pause"] != "void":
        return None
    ends: list[int | None] = []
    for event in events:
        ends = [*ends, event.facts["period_end"]] if event.facts["pause"] == "void" else []
    return _at(min((end for end in [*ends, newest.facts["period_end"]] if end), default=None))


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _follow_best(
    session: Session, site: Site, allowance: Allowance, ours: Subscription | None, reader_id: str, now: datetime
) -> Subscription:
    """Let the reader's subscription be what the best of those at the provider is."""
    theirs = sa.select(ProviderSubscription).where(
        ProviderSubscription.site_id == site.id, ProviderSubscription.reader_id == reader_id
    )
    best = max(
        session.scalars(theirs), key=lambda kept: (kept.state is not State.ENDED, kept.paid_until, kept.subscription)
    )
    ends = _access_ends(session, best)
    # What is over by now ends at once, as time would have ended it.
    over = best.state is State.ENDED or (best.state is not State.PAUSED and ends <= now)
    ended = ours is None or ours.state is State.ENDED
    mine = ours is not None and best.subscription_id == ours.id
    new = ours is None or (ended and not mine and not (over and _is_kept(session, ours)))
    old = ours.state if ours else None
    if ours is None or new:
        ours = Subscription(
            id=new_id("sub"), site_id=site.id, allowance_id=allowance.id, state=best.state, plan=best.plan,
            plan_version=best.plan_version, period=0, anchored_at=best.told_at, anchor_period=0, version=1,
            created_at=now,
        )  # fmt: skip
        session.add(ours)
        session.flush()
    best.subscription_id = ours.id
    state = State.ENDED if over else best.state
    _turn(session, allowance, ours, best, Target(state, best.paid_until), min(ends, now), now, is_new=new, old=old)
    return ours


def _access_ends(session: Session, best: ProviderSubscription) -> datetime:
    if best.state in (State.ENDED, *lifecycle.NO_GRACE):
        return best.paid_until
    version = session.get_one(PlanVersion, (best.site_id, best.plan, best.plan_version))
    return best.paid_until + timedelta(days=version.grace_days)


def _turn(
    session: Session, allowance: Allowance, ours: Subscription, best: ProviderSubscription, wanted: Target,
    ended_at: datetime, now: datetime, *, is_new: bool, old: State | None,
) -> None:  # fmt: skip
    names = ("plan", "plan_version", "paid_until", "trial_ends_at")
    same = ours.state is wanted.state and all(getattr(ours, name) == getattr(best, name) for name in names)
    same = same and ours.next_plan is None
    over = wanted.state is State.ENDED
    if same and not is_new and not (over and ours.access_until != ended_at):
        session.flush()
        return
    for name in names:
        setattr(ours, name, getattr(best, name))
    # The provider says what the next period is, too.
    lifecycle.forget_next_plan(ours)
    if over:
        ours.access_until = ended_at
    lifecycle.turn(
        session, allowance, ours, Happening.FOLLOW, wanted.state, at=ended_at if over else min(best.told_at, now),
        actor=best.provider, cause=CAUSE, reference=_unused(session, ours, best.event_id), is_new=is_new, old=old,
    )  # fmt: skip
    if over and best.state is State.PAST_DUE:
        lifecycle.tell_failed_payment(session, allowance, ours, cause=CAUSE)
    if best.state is State.ENDED:
        grants.end_plan(session, allowance, ours, now=now)


def _unused(session: Session, ours: Subscription, event_id: str) -> str:
    """The event's id; told apart where it has turned this subscription before."""
    row = SubscriptionTransition
    before = sa.select(row.version).where(row.subscription_id == ours.id, row.reference == event_id)
    return f"{event_id}#{ours.version + 1}" if session.scalars(before).first() else event_id


def _came_with_units(session: Session, allowance: Allowance, start: datetime) -> bool:
    """Whether the reader was moved in within or after this period: then with what was left of its unlocks."""
    moved = (
        sa.select(SubscriptionTransition.subscription_id)
        .join(Subscription, Subscription.id == SubscriptionTransition.subscription_id)
        .where(Subscription.allowance_id == allowance.id, SubscriptionTransition.event == Happening.IMPORT)
        .where(SubscriptionTransition.created_at >= start)
    )
    return session.scalars(moved).first() is not None


def _give_unlocks(
    session: Session, allowance: Allowance, ours: Subscription, kept: ProviderSubscription, row: ProviderEvent,
    version: PlanVersion, now: datetime,
) -> None:  # fmt: skip
    """Give what the plan gives for the period that the event tells of, once, also where a newer event came first."""
    start, end = _at(row.facts["period_start"]), _at(row.facts["period_end"])
    if row.facts["status"] not in ("trialing", "active") or not version.unlocks or not start or not end or end <= now:
        return
    if _came_with_units(session, allowance, start):
        return
    counted = kept.period_started_at
    if counted is None or start > counted:
        kept.period_started_at, ours.period = start, ours.period + 1
    # What is carried on goes from period to period; one that was told too late takes no part in that.
    period = ours.period if counted is None or start >= counted else None
    grants.of_paid_period(
        session, allowance, f"{kept.id}:{row.facts['period_start']}", version, subscription_id=ours.id, period=period,
        expires_at=end, now=now,
    )  # fmt: skip
