"""Where a site wants its events sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.addresses import fault_of_url
from moderation.errors import Conflict, Invalid, NotFound
from moderation.models import Delivery, WebhookEndpoint
from moderation.services import audit
from moderation.signing import new_secret

EVERY_TYPE = "*"
MOST_ENDPOINTS = 50


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
    fault = fault_of_url(url, private=private, plain=plain)
    if fault is not None:
        raise Invalid.field("url", fault)
    count = sa.select(sa.func.count()).select_from(WebhookEndpoint).where(WebhookEndpoint.site_id == site_id)
    if session.scalars(count).one() >= MOST_ENDPOINTS:
        raise Conflict(f"A site has at most {MOST_ENDPOINTS} endpoints; delete one first.")
    types = [EVERY_TYPE] if EVERY_TYPE in event_types else sorted(set(event_types))
    endpoint = WebhookEndpoint(site_id=site_id, url=url, event_types=types, secret=new_secret())
    session.add(endpoint)
    session.flush()
    _audit(session, endpoint, "created", actor, types=types)
    return endpoint


def get(session: Session, site_id: str, id: str) -> WebhookEndpoint:
    """Return the site's endpoint; another site's is as good as missing."""
    endpoint = session.get(WebhookEndpoint, id)
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


def disable(session: Session, endpoint: WebhookEndpoint, because: str, *, now: datetime) -> None:
    """Stop sending to it; what waits for it is dead and can be replayed elsewhere."""
    endpoint.disabled_at, endpoint.disabled_because = now, because
    waiting = sa.update(Delivery).where(Delivery.endpoint_id == endpoint.id, Delivery.state == "waiting")
    session.execute(waiting.values(state="dead", last_error="The endpoint was disabled."))
    _audit(session, endpoint, "disabled", "worker", because=because)


def _audit(session: Session, endpoint: WebhookEndpoint, what: str, actor: str, **data: Any) -> None:
    site_id, action = endpoint.site_id, f"endpoint.{what}"
    audit.record(session, site_id=site_id, actor=actor, action=action, subject=endpoint.id, **data)
