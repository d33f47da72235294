"""Where a site wants its events sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.addresses import fault_of_url
from moderation.errors import Conflict, Invalid, NotFound, StateForbids
from moderation.models import Delivery, Event, WebhookEndpoint, utc_now
from moderation.services import audit, outbox
from moderation.signing import new_secret

EVERY_TYPE = "*"
MOST_ENDPOINTS = 50
ROTATION_HOURS, MOST_ROTATION_HOURS = 24, 168
# One more rotation would leave out a secret that somebody was promised.
MOST_OLD_SECRETS = 4
BY_HAND = "It was disabled by hand."


def create(
    session: Session,
    site_id: str,
    *,
    url: str,
    event_types: Sequence[str],
    private: bool,
    plain: bool,
    actor: str,
) -> WebhookEndpoint:
    """Make an endpoint with a new secret; ``private`` and ``plain`` as in ``addresses.fault_of_url``."""
    _check_url(url, private=private, plain=plain)
    count = sa.select(sa.func.count()).select_from(WebhookEndpoint).where(WebhookEndpoint.site_id == site_id)
    if session.scalars(count).one() >= MOST_ENDPOINTS:
        raise Conflict(f"A site has at most {MOST_ENDPOINTS} endpoints; delete one first.")
    types = _types(event_types)
    endpoint = WebhookEndpoint(site_id=site_id, url=url, event_types=types, secret=new_secret())
    session.add(endpoint)
    session.flush()
    _audit(session, endpoint, "created", actor, types=types)
    return endpoint


def _check_url(url: str, *, private: bool, plain: bool) -> None:
    fault = fault_of_url(url, private=private, plain=plain)
    if fault is not None:
        raise Invalid.field("url", fault)


def _types(event_types: Sequence[str]) -> list[str]:
    return [EVERY_TYPE] if EVERY_TYPE in event_types else sorted(set(event_types))


def get(session: Session, site_id: str, id: str) -> WebhookEndpoint:
    """Return the site's endpoint; another site's is as good as missing."""
    return _of_site(session.get(WebhookEndpoint, id), site_id)


def held(session: Session, site_id: str, id: str) -> WebhookEndpoint:
    """The same under its row's lock, to be changed: of two rotations at once none may lose the other's secret."""
    endpoint = session.get(WebhookEndpoint, id, with_for_update=True, populate_existing=True)
    return _of_site(endpoint, site_id)


def _of_site(endpoint: WebhookEndpoint | None, site_id: str) -> WebhookEndpoint:
    if endpoint is None or endpoint.site_id != site_id:
        raise NotFound("There is no such endpoint.")
    return endpoint


def page(
    session: Session, site_id: str, *, after: str | None, limit: int
) -> tuple[Sequence[WebhookEndpoint], str | None]:
    """Return endpoints newest first and the id to go on from."""
    query = sa.select(WebhookEndpoint).where(WebhookEndpoint.site_id == site_id)
    if after is not None:
        query = query.where(WebhookEndpoint.id < after)
    found = session.scalars(query.order_by(WebhookEndpoint.id.desc()).limit(limit + 1)).all()
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def asking_for(session: Session, site_id: str, type: str) -> list[WebhookEndpoint]:
    """Return the site's enabled endpoints that asked for events of this type."""
    enabled = sa.and_(WebhookEndpoint.site_id == site_id, WebhookEndpoint.disabled_at.is_(None))
    found = session.scalars(sa.select(WebhookEndpoint).where(enabled))
    return [endpoint for endpoint in found if {type, EVERY_TYPE} & set(endpoint.event_types)]


def remove(session: Session, endpoint: WebhookEndpoint, *, actor: str) -> None:
    """Delete the endpoint with its secret and all that was waiting for it."""
    session.delete(endpoint)
    _audit(session, endpoint, "deleted", actor)


def update(
    session: Session,
    endpoint: WebhookEndpoint,
    *,
    private: bool,
    plain: bool,
    actor: str,
    url: str | None = None,
    event_types: Sequence[str] | None = None,
    enabled: bool | None = None,
) -> None:
    """Change what is not None; what waits goes to the new address, and only new events by the new types."""
    if url is not None:
        _check_url(url, private=private, plain=plain)
        endpoint.url = url
    if event_types is not None:
        endpoint.event_types = _types(event_types)
    if enabled and endpoint.disabled_at is not None:
        # A new start: the five days and the pause begin anew.
        endpoint.disabled_at, endpoint.disabled_because, endpoint.failing_since = None, "", None
        endpoint.misses, endpoint.busy_until, endpoint.lease = 0, utc_now(), ""
        _audit(session, endpoint, "enabled", actor)
    if enabled is False and endpoint.disabled_at is None:
        _stop(session, endpoint, BY_HAND, utc_now())
        _audit(session, endpoint, "disabled", actor, because=BY_HAND)
    endpoint.version += 1
    session.flush()
    # The address may hold a token of the receiver's, so the audit names what was changed and not to what.
    changed = [name for name, value in (("url", url), ("event_types", event_types)) if value is not None]
    if changed:
        _audit(session, endpoint, "changed", actor, changed=changed)


def rotate(session: Session, endpoint: WebhookEndpoint, *, overlap_hours: int, actor: str) -> None:
    """Give it a new secret; the one before signs beside it for ``overlap_hours``; with 0 all old ones end now."""
    now = utc_now()
    until = (now + timedelta(hours=overlap_hours)).isoformat()
    kept = [old for old in endpoint.old_secrets if datetime.fromisoformat(old["until"]) > now]
    old = [{"secret": endpoint.secret, "until": until}, *kept] if overlap_hours else []
    if len(old) > MOST_OLD_SECRETS:
        raise Conflict(f"{MOST_OLD_SECRETS} old secrets still sign; rotate with overlap_hours 0 to end them all now.")
    endpoint.secret, endpoint.old_secrets = new_secret(), old
    endpoint.version += 1
    session.flush()
    _audit(session, endpoint, "rotated", actor, overlap_hours=overlap_hours)


def signing_secrets(endpoint: WebhookEndpoint, *, now: datetime) -> tuple[str, ...]:
    """Return the secrets that sign at this moment, the newest first."""
    old = [row["secret"] for row in endpoint.old_secrets if datetime.fromisoformat(row["until"]) > now]
    return (endpoint.secret, *old)


def send_test(session: Session, endpoint: WebhookEndpoint, *, actor: str) -> Delivery:
    """Send an ``endpoint.test`` to this endpoint and no other, whatever types it asks for."""
    check_enabled(endpoint)
    data = {"id": endpoint.id, "version": endpoint.version, "hello": "world"}
    event = session.get_one(Event, outbox.emit(session, site_id=endpoint.site_id, type="endpoint.test", data=data))
    event.dispatched_at = utc_now()
    delivery = Delivery(event_id=event.id, endpoint_id=endpoint.id)
    session.add(delivery)
    session.flush()
    _audit(session, endpoint, "tested", actor, event=event.id)
    return delivery


def check_enabled(endpoint: WebhookEndpoint) -> None:
    """Raise ``StateForbids`` where nothing would be sent."""
    if endpoint.disabled_at is not None:
        raise StateForbids("The endpoint is disabled; enable it first.", state="disabled")


def disable(session: Session, endpoint: WebhookEndpoint, because: str, *, now: datetime) -> None:
    """Stop sending to it for a reason that the worker found, and tell the site's other endpoints."""
    _stop(session, endpoint, because, now)
    endpoint.version += 1
    _audit(session, endpoint, "disabled", "worker", because=because)
    data = {"id": endpoint.id, "version": endpoint.version, "because": because}
    outbox.emit(session, site_id=endpoint.site_id, type="endpoint.disabled", data=data)


def _stop(session: Session, endpoint: WebhookEndpoint, because: str, now: datetime) -> None:
    """What waits for it is dead from here on, and can be replayed."""
    endpoint.disabled_at, endpoint.disabled_because = now, because
    waiting = sa.update(Delivery).where(Delivery.endpoint_id == endpoint.id, Delivery.state == "waiting")
    session.execute(waiting.values(state="dead", last_error="The endpoint was disabled."))


def _audit(session: Session, endpoint: WebhookEndpoint, what: str, actor: str, **data: Any) -> None:
    site_id, action = endpoint.site_id, f"endpoint.{what}"
    audit.record(session, site_id=site_id, actor=actor, action=action, subject=endpoint.id, **data)
