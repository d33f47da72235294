"""Which reader a provider's customer is, and how a reader is forgotten there."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Base, ProviderCustomer, ProviderEvent, ProviderSubscription
from moderation.stripe import CHECKOUT_TYPES

_UNSEEN = {"synchronize_session": False}


def reader_of(session: Session, row: ProviderEvent) -> str | None:
    """The reader of an event that names none itself."""
    if row.subscription:
        found = _of_subscription(session, row)
        if found is not None:
            return found
    if not row.customer:
        return None
    known = session.get(ProviderCustomer, (row.site_id, row.provider, row.customer))
    return known.reader_id if known else None


def _of_subscription(session: Session, row: ProviderEvent) -> str | None:
    same = (row.site_id, row.provider, row.subscription)
    kept = sa.select(ProviderSubscription.reader_id).where(
        sa.tuple_(ProviderSubscription.site_id, ProviderSubscription.provider, ProviderSubscription.subscription)
        == same
    )
    named = (
        sa.select(ProviderEvent.reader_id)
        .where(ProviderEvent.site_id == row.site_id, ProviderEvent.provider == row.provider)
        .where(ProviderEvent.subscription == row.subscription, ProviderEvent.reader_id.is_not(None))
        .where(ProviderEvent.type.in_(CHECKOUT_TYPES), ProviderEvent.state == "applied")
        .order_by(ProviderEvent.told_at.desc(), ProviderEvent.event_id.desc())
    )
    return session.scalars(kept).first() or session.scalars(named).first()


def held_on(session: Session, site_id: str, reader_id: str) -> dict[str, Sequence[Base]]:
    """Everything that is known of a reader from payment providers."""
    found: dict[str, Sequence[Base]] = {}
    for name, model in (("payment_customers", ProviderCustomer), ("payment_subscriptions", ProviderSubscription)):
        theirs = sa.select(model).where(model.site_id == site_id, model.reader_id == reader_id)
        found[name] = session.scalars(theirs.order_by(model.customer)).all()
    events = sa.select(ProviderEvent).where(_about(site_id, reader_id))
    return found | {
        "payment_events": session.scalars(events.order_by(ProviderEvent.told_at, ProviderEvent.event_id)).all()
    }


def forget(session: Session, site_id: str, reader_id: str) -> None:
    """Leave of a reader's events nothing but that they came, so that none of them can come again."""
    # Asked for first: the events are found by the rows that go.
    ids = list(session.scalars(sa.select(ProviderEvent.id).where(_about(site_id, reader_id))))
    for model in (ProviderCustomer, ProviderSubscription):
        theirs = sa.delete(model).where(model.site_id == site_id, model.reader_id == reader_id)
        session.execute(theirs, execution_options=_UNSEEN)
    blanks: dict[str, Any] = dict.fromkeys(("object_id", "customer", "subscription", "detail"), "")
    blanks |= {"reader_id": None, "payment": None, "facts": {}, "state": "dismissed", "reason": "erased"}
    for start in range(0, len(ids), 500):
        some = sa.update(ProviderEvent).where(ProviderEvent.id.in_(ids[start : start + 500]))
        session.execute(some.values(**blanks), execution_options=_UNSEEN)
    session.expire_all()


def _about(site_id: str, reader_id: str) -> sa.ColumnElement[bool]:
    def known(model: type[ProviderCustomer | ProviderSubscription], column: Any) -> sa.Select[Any]:
        return sa.select(column).where(model.site_id == site_id, model.reader_id == reader_id)

    own = ProviderEvent
    subscriptions = known(ProviderSubscription, ProviderSubscription.subscription)
    customers = known(ProviderCustomer, ProviderCustomer.customer)
    other = sa.orm.aliased(ProviderEvent)
    payments = sa.select(other.payment).where(other.site_id == site_id, other.reader_id == reader_id)
    # A customer may have been known as somebody else at another time: whoever is named keeps the event.
    known_as = (own.subscription.in_(subscriptions), own.customer.in_(customers), own.payment.in_(payments))
    unnamed = sa.and_(own.reader_id.is_(None), sa.or_(*known_as))
    return sa.and_(own.site_id == site_id, sa.or_(own.reader_id == reader_id, unnamed))
