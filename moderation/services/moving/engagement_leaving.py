"""What readers hold, as rows of our own columns, for ``replydesk export --readers``."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import (
    Allowance,
    ProviderCustomer,
    ProviderSubscription,
    Reader,
    Site,
    State,
    Subscription,
    Unlock,
    utc_now,
)
from moderation.services import ledger, lifecycle, lots
from moderation.services.provider_subscriptions import PLACEHOLDER
from moderation.services.providers import STRIPE

ROWS_AT_ONCE = 500


def rows(session: Session, site: Site) -> Iterator[dict[str, Any]]:
    """Every reader who holds anything, by account, as ``import readers`` reads it; empty columns are left out."""
    now, after = utc_now(), ""
    # Whoever was erased has an account that proves the books, and is no reader any more.
    same = sa.and_(Reader.site_id == Allowance.site_id, Reader.id == Allowance.reader_id)
    query = sa.select(Allowance, Reader.name).join(Reader, same).where(Allowance.site_id == site.id)
    while found := session.execute(query.where(Allowance.id > after).order_by(Allowance.id).limit(ROWS_AT_ONCE)).all():
        after = found[-1][0].id
        for made in _rows(session, site, [(allowance, name) for allowance, name in found], now):
            if len(made) > 1:
                yield made
        # Memory must not grow with the site.
        session.expunge_all()


def _rows(
    session: Session, site: Site, found: Sequence[tuple[Allowance, str]], now: datetime
) -> Iterator[dict[str, Any]]:
    ids, readers = [one.id for one, _ in found], [one.reader_id for one, _ in found]
    opened = sa.select(Unlock).where(
        Unlock.allowance_id.in_(ids), sa.or_(Unlock.expires_at.is_(None), Unlock.expires_at > now)
    )
    posts: dict[str, list[dict[str, Any]]] = {}
    for unlock in session.scalars(opened.order_by(Unlock.allowance_id, Unlock.id)):
        posts.setdefault(unlock.allowance_id, []).append(_post(unlock))
    customers, subscriptions = _known(session, site, readers)
    for allowance, name in found:
        subscription = lifecycle.of_allowance(session, allowance.id)
        row = {
            "reader_id": allowance.reader_id,
            "reader_name": name,
            "grants": _grants(session, allowance, now),
            "unlocked_posts": posts.get(allowance.id),
            **(_subscription(subscription, now) if subscription else {}),
            "stripe_customer": customers.get(allowance.reader_id),
            "stripe_subscription": subscriptions.get(subscription.id) if subscription else None,
        }
        kept = {key: value for key, value in row.items() if value}
        # A name alone is nothing that was held.
        yield kept if set(kept) - {"reader_id", "reader_name"} else {"reader_id": allowance.reader_id}


def _known(session: Session, site: Site, readers: Sequence[str]) -> tuple[dict[str, str], dict[str | None, str]]:
    """Ids at the provider: of customers by reader, the newest; of subscriptions by the one here that follows."""
    customer, theirs = ProviderCustomer, ProviderSubscription
    of_readers = sa.select(customer).where(customer.site_id == site.id, customer.reader_id.in_(readers))
    followed = sa.select(theirs).where(theirs.site_id == site.id, theirs.reader_id.in_(readers))
    customers = session.scalars(of_readers.where(customer.provider == STRIPE).order_by(customer.told_at))
    subscriptions = session.scalars(followed.where(theirs.provider == STRIPE).order_by(theirs.told_at))
    told = [one for one in subscriptions if not one.subscription.startswith(PLACEHOLDER)]
    by_reader = {one.reader_id: one.customer for one in told if one.customer}
    by_reader |= {one.reader_id: one.customer for one in customers}
    return by_reader, {one.subscription_id: one.subscription for one in told}


def _grants(session: Session, allowance: Allowance, now: datetime) -> list[dict[str, Any]]:
    """What is left by now and until when, whether or not the worker has written it."""
    if not allowance.unlocks_left:
        return []
    held = ledger.open_lots(session, allowance.id)
    # Working out the steps uses the lots up, as time has.
    carried = [step.lot for step in lots.steps_due(held, now) if step.unlocks > 0]
    units: dict[datetime | None, int] = {}
    for lot in (*held, *carried):
        units[lot.expires_at] = units.get(lot.expires_at, 0) + lot.unlocks_left
    return [
        {"unlocks": left} | ({"expires_at": _time(end)} if end else {})
        for end, left in sorted(units.items(), key=lambda item: (item[0] is None, item[0]))
        if left
    ]


def _post(unlock: Unlock) -> dict[str, Any]:
    row = {"post_id": unlock.post_id, "unlocked_at": _time(unlock.unlocked_at)}
    return row | ({"expires_at": _time(unlock.expires_at)} if unlock.expires_at else {})


def _subscription(subscription: Subscription, now: datetime) -> dict[str, Any]:
    state = lifecycle.state_at(subscription, now)
    return {
        "plan": subscription.plan,
        "state": state.value,
        "paid_until": _time(subscription.paid_until) if subscription.paid_until else None,
        "cancel_at_period_end": state is State.CANCELING,
    }


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
