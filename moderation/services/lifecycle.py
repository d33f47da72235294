"""The state machine of a subscription: one table, which the code obeys and the documentation shows.

``access_until`` alone gives access. States say what comes next: whether a renewal is awaited, and what a
reader or the site may do.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import StateForbids
from moderation.models import Allowance, PlanVersion, Site, State, Subscription, SubscriptionTransition, table_of
from moderation.services import audit, batch, outbox


class Happening(StrEnum):
    """What can happen to a subscription: asked for by the site, told by a payment provider, or brought by time."""

    START = "start"
    RENEW = "renew"
    CANCEL = "cancel"
    CANCEL_NOW = "cancel_now"
    RESUME = "resume"
    PAUSE = "pause"
    CHANGE = "change"
    CHANGE_LATER = "change_later"
    SWITCH = "switch"
    LAPSE = "lapse"
    END = "end"
    FOLLOW = "follow"
    IMPORT = "import"


class Transition(NamedTuple):
    happening: Happening
    old: State | None
    new: State
    when: str = ""


_H, _S = Happening, State
TRANSITIONS = (
    Transition(_H.START, None, _S.TRIALING, "the plan has a trial and it is the reader's first subscription"),
    Transition(_H.START, None, _S.ACTIVE, "otherwise"),
    Transition(_H.START, _S.ENDED, _S.ACTIVE, "as a new subscription, without a trial"),
    Transition(_H.START, _S.CANCELING, _S.ACTIVE, "the new period follows the paid one"),
    Transition(_H.START, _S.PAST_DUE, _S.ACTIVE, "the new period follows the paid one, or begins now"),
    Transition(_H.START, _S.PAUSED, _S.ACTIVE, "the new period follows the paid one, or begins now"),
    Transition(_H.RENEW, _S.TRIALING, _S.ACTIVE, "the paid period follows the trial"),
    Transition(_H.RENEW, _S.ACTIVE, _S.ACTIVE, "one more period"),
    Transition(_H.RENEW, _S.PAST_DUE, _S.ACTIVE, "one more period, from the end of the last or from now"),
    Transition(_H.RENEW, _S.PAUSED, _S.ACTIVE, "one more period, from now if the last is over"),
    Transition(_H.RENEW, _S.CANCELING, _S.CANCELING, "one more period, and still no further one"),
    Transition(_H.CANCEL, _S.TRIALING, _S.CANCELING, "access stays until the trial ends"),
    Transition(_H.CANCEL, _S.ACTIVE, _S.CANCELING, "access stays until the paid period ends"),
    Transition(_H.CANCEL, _S.ACTIVE, _S.ENDED, "the plan has no period whose end could be awaited"),
    Transition(_H.CANCEL, _S.PAST_DUE, _S.ENDED, "the paid period has ended already"),
    Transition(_H.CANCEL, _S.PAUSED, _S.CANCELING, "access stays until the paid period ends"),
    Transition(_H.CANCEL, _S.PAUSED, _S.ENDED, "the paid period has ended already, or the plan has none"),
    Transition(_H.CANCEL_NOW, _S.TRIALING, _S.ENDED, "access ends at once"),
    Transition(_H.CANCEL_NOW, _S.ACTIVE, _S.ENDED, "access ends at once"),
    Transition(_H.CANCEL_NOW, _S.PAST_DUE, _S.ENDED, "access ends at once"),
    Transition(_H.CANCEL_NOW, _S.PAUSED, _S.ENDED, "access ends at once"),
    Transition(_H.CANCEL_NOW, _S.CANCELING, _S.ENDED, "access ends at once"),
    Transition(_H.RESUME, _S.CANCELING, _S.ACTIVE, "as before the cancellation"),
    Transition(_H.RESUME, _S.CANCELING, _S.TRIALING, "the trial still runs"),
    Transition(_H.RESUME, _S.PAUSED, _S.ACTIVE, "while paid time is left"),
    Transition(_H.PAUSE, _S.ACTIVE, _S.PAUSED, "access stays until the paid period ends; it does not end by itself"),
    Transition(_H.CHANGE, _S.TRIALING, _S.TRIALING, "another plan, the same time"),
    Transition(_H.CHANGE, _S.ACTIVE, _S.ACTIVE, "another plan, the same paid time"),
    Transition(_H.CHANGE_LATER, _S.TRIALING, _S.TRIALING, "another plan after the trial; or the same one, after all"),
    Transition(_H.CHANGE_LATER, _S.ACTIVE, _S.ACTIVE, "another plan after the paid time; or the same one, after all"),
    Transition(_H.SWITCH, _S.ACTIVE, _S.ACTIVE, "a period begins that was paid ahead, on another plan"),
    Transition(_H.SWITCH, _S.CANCELING, _S.CANCELING, "a period begins that was paid ahead, on another plan"),
    Transition(_H.SWITCH, _S.PAUSED, _S.PAUSED, "a period begins that was paid ahead, on another plan"),
    Transition(_H.LAPSE, _S.TRIALING, _S.PAST_DUE, "the trial ended and the plan has days of grace"),
    Transition(_H.LAPSE, _S.ACTIVE, _S.PAST_DUE, "the paid period ended and the plan has days of grace"),
    Transition(_H.END, _S.TRIALING, _S.ENDED, "the trial ended"),
    Transition(_H.END, _S.ACTIVE, _S.ENDED, "the paid period ended"),
    Transition(_H.END, _S.PAST_DUE, _S.ENDED, "the days of grace ended"),
    Transition(_H.END, _S.CANCELING, _S.ENDED, "the paid period ended"),
)
# A payment provider is asked nothing and refused nothing: what it says of its subscription is so.
FOLLOW_WHEN = "the payment provider says so of the subscription that it keeps"
IMPORT_WHEN = "it was moved in from another system, where it was so"
FOLLOWS = tuple(Transition(_H.FOLLOW, old, new, FOLLOW_WHEN) for old in (None, *State) for new in State)
_ALLOWED = {(row.happening, row.old, row.new) for row in (*TRANSITIONS, *FOLLOWS)}
_POSSIBLE = {(row.happening, row.old) for row in TRANSITIONS}
NO_GRACE = (State.CANCELING, State.PAUSED)
# In these a payment is awaited at the end.
RENEWING = (State.TRIALING, State.ACTIVE)
NOTICE_DAYS = 3
_SUBSCRIPTIONS = table_of(Subscription).alias("subscription_of")


class Step(NamedTuple):
    """A transition that time alone brings."""

    happening: Happening
    new: State
    at: datetime


def check(happening: Happening, subscription: Subscription | None) -> None:
    """Raise ``StateForbids``, with the state, where the table has no such row."""
    old = subscription.state if subscription else None
    if (happening, old) not in _POSSIBLE:
        refuse(happening, old, "")


def refuse(happening: Happening, old: State | None, because: str) -> None:
    words = happening.replace("_", " ")
    state = f"The subscription is “{old}”" if old else "The reader has no subscription"
    raise StateForbids(f"{state}, so “{words}” is not possible{because}.", state=old or "none")


def clock_steps(subscription: Subscription, now: datetime) -> Iterator[Step]:
    """What time has brought by ``now``, in order; nothing is changed."""
    state, paid, access = subscription.state, subscription.paid_until, subscription.access_until
    switch_at = switches_at(subscription)
    if switch_at is not None and switch_at <= now:
        yield Step(Happening.SWITCH, state, switch_at)
    if paid is None or access is None:
        return
    if state in (State.TRIALING, State.ACTIVE) and paid <= now and access > paid:
        state = State.PAST_DUE
        yield Step(Happening.LAPSE, state, paid)
    if state in (State.TRIALING, State.ACTIVE, State.CANCELING, State.PAST_DUE) and access <= now:
        yield Step(Happening.END, State.ENDED, access)


def state_at(subscription: Subscription, now: datetime) -> State:
    """The state as it is at ``now``, whether or not the worker has written it yet."""
    return ([subscription.state] + [step.new for step in clock_steps(subscription, now)])[-1]


def next_step_at(subscription: Subscription) -> datetime | None:
    """When time next changes the state or the plan; None where it never does by itself."""
    moments = [switches_at(subscription)]
    if subscription.state not in (State.PAUSED, State.ENDED):
        late = subscription.state is State.PAST_DUE
        moments.append(subscription.access_until if late else subscription.paid_until)
    return min((moment for moment in moments if moment), default=None)


def switches_at(subscription: Subscription) -> datetime | None:
    """When the plan changes by itself: where a period on the plan that waits is paid already."""
    at, paid = subscription.next_plan_at, subscription.paid_until
    return at if at is not None and (paid is None or paid > at) else None


def plan_at(subscription: Subscription, now: datetime) -> tuple[str, int]:
    """Name and version of the plan at ``now``, whether or not the worker has written it yet."""
    at = switches_at(subscription)
    return next_plan(subscription) if at is not None and at <= now else (subscription.plan, subscription.plan_version)


def next_plan(subscription: Subscription) -> tuple[str, int]:
    """Name and version of the plan of the period that is paid next."""
    if subscription.next_plan is None or subscription.next_plan_version is None:
        return subscription.plan, subscription.plan_version
    return subscription.next_plan, subscription.next_plan_version


def begin_next_plan(subscription: Subscription) -> None:
    subscription.plan, subscription.plan_version = next_plan(subscription)
    forget_next_plan(subscription)


def forget_next_plan(subscription: Subscription) -> None:
    subscription.next_plan = subscription.next_plan_version = subscription.next_plan_at = None


def turn(
    session: Session, allowance: Allowance, subscription: Subscription, happening: Happening, new: State, *,
    at: datetime, actor: str, cause: str = "request", reference: str | None = None, is_new: bool = False,
    old: State | None = None, started_at: datetime | None = None,
) -> None:  # fmt: skip
    """Put the subscription into its new state, with history row, audit row and event.

    ``started_at``: when the period begins that this has bought.
    """
    old = old if is_new else subscription.state
    if (happening, old, new) not in _ALLOWED:
        refuse(happening, old, "")
    subscription.state = new
    if happening is Happening.SWITCH:
        begin_next_plan(subscription)
    if new is State.ENDED:
        forget_next_plan(subscription)
        # What grace has given stays in the record.
        subscription.access_until = min(subscription.access_until or at, at)
    else:
        subscription.access_until = _access_until(session, subscription)
    if not is_new:
        subscription.version += 1
    subscription.ended_at = at if new is State.ENDED else None
    row = SubscriptionTransition(
        subscription_id=subscription.id, version=subscription.version, event=happening, old_state=old, new_state=new,
        plan=subscription.plan, plan_version=subscription.plan_version, paid_until=subscription.paid_until,
        cause=cause, actor=actor, reference=reference, effective_at=at, period_started_at=started_at,
        next_plan=subscription.next_plan,
    )  # fmt: skip
    session.add(row)
    subscription.notice_at = _notice_at(session, subscription)
    batch.flush(session)
    _tell(session, allowance, subscription, row)
    if new is State.PAST_DUE:
        tell_failed_payment(session, allowance, subscription, cause=cause)


def _access_until(session: Session, subscription: Subscription) -> datetime | None:
    if subscription.paid_until is None or subscription.state in NO_GRACE:
        return subscription.paid_until
    # Grace follows the last period that was paid, and is that one's plan's.
    version = version_at(session, subscription, subscription.paid_until)
    return subscription.paid_until + timedelta(days=version.grace_days)


def version_at(session: Session, subscription: Subscription, now: datetime) -> PlanVersion:
    """The plan at ``now`` as the reader bought it."""
    return session.get_one(PlanVersion, (subscription.site_id, *plan_at(subscription, now)))


def next_version(session: Session, subscription: Subscription) -> PlanVersion:
    """The plan of the period that is paid next."""
    return session.get_one(PlanVersion, (subscription.site_id, *next_plan(subscription)))


def _notice_at(session: Session, subscription: Subscription) -> datetime | None:
    """When to tell that this trial or period ends; None where nobody need be told, or was told before."""
    paid = subscription.paid_until
    if paid is None or subscription.state not in RENEWING or subscription.noticed_for == paid:
        return None
    days = int(session.get_one(Site, subscription.site_id).settings.get("notice_days", NOTICE_DAYS))
    return paid - timedelta(days=days) if days else None


def tell_failed_payment(session: Session, allowance: Allowance, subscription: Subscription, *, cause: str) -> None:
    """Tell once for each period that its payment did not come."""
    if subscription.failed_for == subscription.paid_until:
        return
    subscription.failed_for = subscription.paid_until
    data = facts(allowance, subscription) | {"cause": cause}
    outbox.emit(session, site_id=subscription.site_id, type="subscription.payment_failed", data=data)


def facts(allowance: Allowance, subscription: Subscription) -> dict[str, Any]:
    """What every event of a subscription tells."""
    return {
        "id": subscription.id, "version": subscription.version, "reader_id": allowance.reader_id,
        "state": subscription.state, "plan": subscription.plan, "next_plan": subscription.next_plan,
        "paid_until": subscription.paid_until, "access_until": subscription.access_until,
    }  # fmt: skip


def _tell(session: Session, allowance: Allowance, subscription: Subscription, row: SubscriptionTransition) -> None:
    audit.record(
        session, site_id=subscription.site_id, actor=row.actor, action=f"subscription.{row.event}",
        subject=subscription.id, before=row.old_state, after=row.new_state, plan=row.plan,
    )  # fmt: skip
    told = {"event": row.event, "cause": row.cause, "old_state": row.old_state}
    data = facts(allowance, subscription) | told
    outbox.emit(session, site_id=subscription.site_id, type="subscription.changed", data=data)


def id_of_allowance(allowance_id: Any) -> sa.ColumnElement[str]:
    """The id of the reader's living subscription, or of the last one that ended: two looks into an index.

    The state is written out, not bound: only then is the index of living subscriptions used.
    """
    mine = _SUBSCRIPTIONS.c.allowance_id == allowance_id
    living = sa.select(_SUBSCRIPTIONS.c.id).where(mine, sa.text("subscription_of.state <> 'ended'"))
    last = sa.select(sa.func.max(_SUBSCRIPTIONS.c.id)).where(mine)
    return sa.func.coalesce(living.scalar_subquery(), last.scalar_subquery(), type_=sa.String())


def of_allowance(session: Session, allowance_id: str) -> Subscription | None:
    """The reader's living subscription, or the last one that ended."""
    return session.scalars(_OF_ALLOWANCE, {"allowance_id": allowance_id}).first()


_OF_ALLOWANCE = sa.select(Subscription).where(Subscription.id == id_of_allowance(sa.bindparam("allowance_id")))
