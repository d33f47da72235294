"""What is told before it happens: that a trial or a paid period ends. Once for each end, whatever workers do."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Allowance, State, Subscription
from moderation.services import accounts, lifecycle, outbox


def tell_due(session: Session, limit: int, *, now: datetime) -> int:
    """The worker's chore: tell for at most ``limit`` subscriptions; return for how many something was due.

    An end that is over is not told of any more. Workers may run side by side: each takes readers that no
    other holds.
    """
    due = (
        sa.select(Allowance, Subscription.id)
        .join(Subscription, Subscription.allowance_id == Allowance.id)
        .where(Subscription.notice_at <= now)
        .order_by(Subscription.notice_at)
        .limit(limit)
    )
    found = session.execute(due.with_for_update(skip_locked=True, of=Allowance)).all()
    for allowance, id in found:
        allowance.version += 1
        session.flush()
        accounts.settle(session, allowance, now)
        # Read again: the row may have changed while its reader was waited for.
        subscription = session.get_one(Subscription, id, populate_existing=True)
        if subscription.notice_at is not None and subscription.notice_at <= now:
            _tell(session, allowance, subscription, now)
        accounts.reckon(session, allowance)
    return len(found)


def _tell(session: Session, allowance: Allowance, subscription: Subscription, now: datetime) -> None:
    ends_at = subscription.paid_until
    if ends_at is not None and ends_at > now and subscription.state in lifecycle.RENEWING:
        trial = subscription.state is State.TRIALING
        subscription.noticed_for = ends_at
        type = "subscription.trial_ending" if trial else "subscription.period_ending"
        data = lifecycle.facts(allowance, subscription) | {"ends_at": ends_at}
        outbox.emit(session, site_id=subscription.site_id, type=type, data=data)
    subscription.notice_at = None
    session.flush()
