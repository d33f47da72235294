"""Events of a payment provider: each is kept once, and applied in the same transaction or put into quarantine.

What an event does depends on what was told, never on the order of telling: events that came too early wait in
the quarantine for what they miss, and are applied when that comes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation import stripe
from moderation.errors import Conflict, Invalid, NotFound
from moderation.models import Provider, ProviderCustomer, ProviderEvent, Site, insert_missing, utc_now
from moderation.services import (
    audit,
    generic_events,
    grants,
    provider_people,
    provider_refunds,
    provider_subscriptions,
    providers,
)
from moderation.services.provider_refunds import APPLIED, MONEY_BACK, NOTED
from moderation.services.providers import GENERIC, STRIPE, Quarantined
from moderation.stripe import Told

QUARANTINED, DISMISSED, DUPLICATE = "quarantined", "dismissed", "duplicate"
UNKNOWN_READER, TO_FETCH = "unknown_reader", "to_fetch"
_MOST_AT_ONCE = 1_000_000
_PAID = ("paid", "no_payment_required")


def receive(session: Session, site: Site, told: Told, *, provider: str = STRIPE) -> str:
    """Keep an event and do what follows from it; return what became of it."""
    account = providers.of_site(session, site, provider)
    row = _keep(session, site, told, provider)
    if row is None:
        return DUPLICATE
    settle(session, site, account, row)
    return row.state


def _keep(session: Session, site: Site, told: Told, provider: str) -> ProviderEvent | None:
    """Store it; None where it came before."""
    known = sa.select(ProviderEvent.id).where(
        ProviderEvent.site_id == site.id, ProviderEvent.provider == provider, ProviderEvent.event_id == told.id
    )
    # The account is held, so no other transaction can store it in between.
    if session.scalar(known) is not None:
        return None
    about = {"livemode": told.livemode, "site": told.site, "fault": told.fault}
    row = ProviderEvent(
        site_id=site.id, provider=provider, event_id=told.id, type=told.type, object_id=told.object_id,
        customer=told.customer, subscription=told.subscription, payment=told.payment, reader_id=told.reader,
        facts=about | told.facts, state=QUARANTINED, told_at=told.created_at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def settle(session: Session, site: Site, account: Provider, row: ProviderEvent) -> None:
    """Apply an event, and then those that have waited for what it tells."""
    applied = _apply(session, site, account, row)
    event, same = ProviderEvent, []
    if applied and row.customer:
        same.append(sa.and_(event.reason == UNKNOWN_READER, event.customer == row.customer))
    if applied and row.subscription:
        same.append(sa.and_(event.reason == UNKNOWN_READER, event.subscription == row.subscription))
    if row.payment:
        # Also where it waits itself: another may have waited for nothing but that it was told.
        same.append(sa.and_(event.reason == MONEY_BACK, event.payment == row.payment, event.id != row.id))
    if not same:
        return
    waiting = sa.select(event).where(
        event.site_id == site.id, event.provider == row.provider, event.state == QUARANTINED, sa.or_(*same)
    )
    in_order = waiting.order_by(event.told_at, event.event_id)
    # Again after each round in which one was applied: the others may have waited for that one.
    goes_on = True
    while goes_on:
        goes_on = False
        for early in session.scalars(in_order).all():
            goes_on = _apply(session, site, account, early) or goes_on


def _apply(session: Session, site: Site, account: Provider, row: ProviderEvent) -> bool:
    """Do what follows from an event; False where it stays in quarantine."""
    try:
        _refuse_strangers(site, account, row)
        row.state, row.reason, row.detail = _effect(session, site, account, row), "", ""
    except Quarantined as held:
        row.state, row.reason, row.detail = QUARANTINED, held.reason, held.detail
    session.flush()
    return row.state != QUARANTINED


def _refuse_strangers(site: Site, account: Provider, row: ProviderEvent) -> None:
    facts = row.facts
    if facts.get("fault"):
        raise Quarantined("malformed", str(facts["fault"]))
    if facts.get("livemode") is not account.livemode:
        theirs, ours = ("live", "test") if facts.get("livemode") else ("test", "live")
        raise Quarantined("wrong_mode", f"It is of {theirs} mode, and this site is set up for {ours} mode.")
    if facts.get("site") not in (None, site.name):
        raise Quarantined("other_site", f"Its metadata name the site “{facts['site']}”.")


def _effect(session: Session, site: Site, account: Provider, row: ProviderEvent) -> str:
    if row.provider == GENERIC:
        return _effect_of_generic(session, site, account, row)
    if row.type in stripe.SUBSCRIPTION_TYPES:
        reader_id = _reader_of(session, row)
        provider_subscriptions.follow(session, site, account, row, reader_id, now=utc_now())
        _know_customer(session, row, reader_id)
        return APPLIED
    if row.type in stripe.CHECKOUT_TYPES:
        return _checked_out(session, site, account, row)
    if row.type in stripe.TOLD_ONLY:
        return NOTED
    if row.type.startswith(stripe.MONEY_BACK):
        return provider_refunds.of_stripe(session, site, row)
    raise _unknown_type()


def _unknown_type() -> Quarantined:
    return Quarantined("unknown_type", "Nothing here follows from this type of event.")


def _effect_of_generic(session: Session, site: Site, account: Provider, row: ProviderEvent) -> str:
    if row.type == generic_events.SUBSCRIPTION:
        provider_subscriptions.follow(session, site, account, row, _reader_of(session, row), now=utc_now())
        return APPLIED
    if row.type == generic_events.PAID:
        _grant(session, site, row.facts["grant"], _reader_of(session, row), actor=GENERIC)
        return APPLIED
    if row.type == generic_events.REFUNDED:
        return provider_refunds.of_order(session, site, row)
    raise _unknown_type()


def _checked_out(session: Session, site: Site, account: Provider, row: ProviderEvent) -> str:
    mode, facts = row.facts["mode"], row.facts
    if mode not in ("payment", "subscription"):
        return NOTED
    if mode == "payment" and facts["payment_status"] not in _PAID:
        # Another event follows when the money has come.
        return NOTED
    reader_id = _reader_of(session, row)
    if mode == "payment":
        _give_bundle(session, site, account, row, reader_id)
    _know_customer(session, row, reader_id)
    return APPLIED


def _give_bundle(session: Session, site: Site, account: Provider, row: ProviderEvent, reader_id: str) -> None:
    bought, payment = row.facts["bought"], row.facts["payment"]
    if not bought and account.api_key:
        raise Quarantined(TO_FETCH, "Its lines are fetched from Stripe.")
    if not bought:
        raise Quarantined("unlisted_price", f"It names no price; let its metadata say {stripe.PRICE_NAME}.")
    each = [(providers.opened_by(account, names, "unlocks"), units, names) for names, units in bought]
    unlisted = [names[0] if names else "?" for unlocks, _, names in each if unlocks is None]
    if unlisted:
        raise Quarantined("unlisted_price", f"Not listed with unlocks: {', '.join(unlisted)[:200]}.")
    total = sum(unlocks * units for unlocks, units, _ in each)
    if not payment or total > _MOST_AT_ONCE:
        raise Quarantined("malformed", "It has no payment's id, or gives more unlocks than anybody buys.")
    grant = {"unlocks": total, "kind": "bundle", "reference": payment, "expires_at": None, "reason": ""}
    _grant(session, site, grant, reader_id, actor=STRIPE)


def _grant(session: Session, site: Site, grant: Mapping[str, Any], reader_id: str, *, actor: str) -> None:
    ends = grant["expires_at"] and datetime.fromisoformat(grant["expires_at"])
    try:
        grants.give(session, site, reader_id, {**grant, "expires_at": ends}, actor=actor)
    except Conflict as error:
        raise Quarantined("granted_otherwise", error.detail) from None
    except Invalid:
        raise Quarantined("malformed", "What it gives has run out already.") from None


def _reader_of(session: Session, row: ProviderEvent) -> str:
    """Whom it is about: by its own words, by those of the checkout, or as the customer is known."""
    found = row.reader_id or provider_people.reader_of(session, row)
    if found is None:
        raise Quarantined(UNKNOWN_READER, "Nothing says which reader this is, so far.")
    return found


def _know_customer(session: Session, row: ProviderEvent, reader_id: str) -> None:
    """Remember who the customer is, where the event itself said so; the newest event is right."""
    if not (row.customer and row.reader_id):
        return
    key = {"site_id": row.site_id, "provider": row.provider, "customer": row.customer}
    said = {"reader_id": reader_id, "told_at": row.told_at, "event_id": row.event_id}
    insert_missing(session, ProviderCustomer, key | said)
    known = session.get_one(ProviderCustomer, tuple(key.values()))
    if (known.told_at, known.event_id) < (row.told_at, row.event_id):
        known.reader_id, known.told_at, known.event_id = reader_id, row.told_at, row.event_id


def in_quarantine(session: Session, site_id: str, *, limit: int | None = None) -> Sequence[ProviderEvent]:
    """What waits for a person, oldest first."""
    held = sa.and_(ProviderEvent.site_id == site_id, ProviderEvent.state == QUARANTINED)
    query = sa.select(ProviderEvent).where(held)
    return session.scalars(query.order_by(ProviderEvent.told_at, ProviderEvent.event_id).limit(limit)).all()


def held_event(session: Session, site_id: str, event_id: str) -> ProviderEvent:
    mine = sa.and_(ProviderEvent.site_id == site_id, ProviderEvent.event_id == event_id)
    row = session.scalar(sa.select(ProviderEvent).where(mine, ProviderEvent.state == QUARANTINED))
    if row is None:
        raise NotFound(f"There is no event “{event_id}” in quarantine.")
    return row


def retry(session: Session, site: Site, row: ProviderEvent, *, actor: str) -> bool:
    """Try an event of the quarantine again, after what it missed was set; return whether it left."""
    settle(session, site, providers.of_site(session, site, row.provider), row)
    if row.state != QUARANTINED:
        audit.record(session, site_id=site.id, actor=actor, action="provider.applied", subject=row.event_id)
    return row.state != QUARANTINED


def dismiss(session: Session, site: Site, row: ProviderEvent, *, actor: str) -> None:
    """Take an event out of the quarantine without doing anything."""
    row.state = DISMISSED
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="provider.dismissed", subject=row.event_id)


def describe(row: ProviderEvent) -> dict[str, Any]:
    names = (
        "event_id",
        "provider",
        "type",
        "payment",
        "object_id",
        "customer",
        "subscription",
        "reader_id",
        "state",
        "reason",
        "detail",
    )
    told = {name: getattr(row, name) for name in names}
    return told | {"told_at": row.told_at.isoformat().replace("+00:00", "Z")}
