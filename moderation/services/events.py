"""Events as a site sees them: what happened, and how telling it went."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound
from moderation.models import Delivery, Event, WebhookEndpoint, utc_now
from moderation.services import audit, endpoints


def get(session: Session, site_id: str, id: str) -> Event:
    """Return the site's event; another site's is as good as missing."""
    event = session.get(Event, id)
    if event is None or event.site_id != site_id:
        raise NotFound("There is no such event.")
    return event


def page(
    session: Session, site_id: str, *, type: str | None, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return events with their deliveries, newest first, and the id to go on from."""
    query = sa.select(Event).where(Event.site_id == site_id)
    if type is not None:
        query = query.where(Event.type == type)
    if after is not None:
        query = query.where(Event.id < after)
    found = session.scalars(query.order_by(Event.id.desc()).limit(limit + 1)).all()
    return describe(session, found[:limit]), found[limit - 1].id if len(found) > limit else None


def describe(session: Session, events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return each event as the API shows it, in the same order."""
    query = sa.select(Delivery).where(Delivery.event_id.in_([event.id for event in events]))
    by_event: dict[str, list[dict[str, Any]]] = {event.id: [] for event in events}
    for delivery in session.scalars(query.order_by(Delivery.id)):
        by_event[delivery.event_id].append(_describe_delivery(delivery))
    return [
        {
            "id": event.id,
            "type": event.type,
            "created_at": event.created_at,
            "data": json.loads(event.body)["data"],
            "deliveries": by_event[event.id],
        }
        for event in events
    ]


def _describe_delivery(delivery: Delivery) -> dict[str, Any]:
    names = ("endpoint_id", "state", "attempts", "last_status", "last_error", "delivered_at")
    shown = {name: getattr(delivery, name) for name in names}
    return shown | {"next_attempt_at": delivery.due_at if delivery.state == "waiting" else None}


def fan_out(session: Session, event_id: str) -> int:
    """Make a delivery of a waiting event for each endpoint that asked; return how many.

    Whoever sets ``dispatched_at`` makes them, so that two workers never both do.
    """
    waits = sa.and_(Event.id == event_id, Event.dispatched_at.is_(None))
    event = session.scalars(sa.update(Event).where(waits).values(dispatched_at=utc_now()).returning(Event)).first()
    if event is None:
        return 0
    asked = endpoints.asking_for(session, event.site_id, event.type)
    if event.type == "delivery.dead":
        # The endpoint that did not take the event is the last that should be told so.
        silent = json.loads(event.body)["data"]["endpoint_id"]
        asked = [endpoint for endpoint in asked if endpoint.id != silent]
    session.add_all(Delivery(event_id=event.id, endpoint_id=endpoint.id) for endpoint in asked)
    session.flush()
    return len(asked)


def waiting(session: Session, *, limit: int) -> Sequence[str]:
    """Return ids of events that nobody fanned out yet, oldest first.

    The flag is asked for, never ``id > last_seen``: transactions commit in another order than ids are made.
    """
    found = sa.select(Event.id).where(Event.dispatched_at.is_(None)).order_by(Event.id)
    return session.scalars(found.limit(limit)).all()


def replay_to(session: Session, endpoint: WebhookEndpoint, event: Event, *, actor: str) -> int:
    """Send one event again to one endpoint, with the same id and bytes, whatever types it asks for."""
    endpoints.check_enabled(endpoint)
    mine = sa.and_(Delivery.event_id == event.id, Delivery.endpoint_id == endpoint.id)
    if not _begin_again(session, mine):
        session.add(Delivery(event_id=event.id, endpoint_id=endpoint.id))
        session.flush()
    audit.record(session, site_id=event.site_id, actor=actor, action="event.replayed", subject=event.id,
                 endpoint=endpoint.id)  # fmt: skip
    return 1


def replay_dead(
    session: Session, endpoint: WebhookEndpoint, *, since: datetime | None, until: datetime | None, actor: str
) -> int:
    """Send the endpoint's dead deliveries of events in [``since``, ``until``) again; return how many."""
    endpoints.check_enabled(endpoint)
    within = [Event.id == Delivery.event_id]
    within += [Event.created_at >= since] if since else []
    within += [Event.created_at < until] if until else []
    dead = sa.and_(Delivery.endpoint_id == endpoint.id, Delivery.state == "dead", sa.exists().where(*within))
    count = _begin_again(session, dead)
    audit.record(session, site_id=endpoint.site_id, actor=actor, action="endpoint.replayed", subject=endpoint.id,
                 deliveries=count)  # fmt: skip
    return count


def _begin_again(session: Session, which: sa.ColumnElement[bool]) -> int:
    again = sa.update(Delivery).where(which).values(state="waiting", attempts=0, due_at=utc_now(), delivered_at=None)
    result = session.execute(again, execution_options={"synchronize_session": False})
    session.expire_all()
    return int(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, which the stub does not say


def replay(session: Session, event: Event, *, actor: str) -> None:
    """Send the event again, with the same id and bytes, to every enabled endpoint that asks for its type."""
    asked = endpoints.asking_for(session, event.site_id, event.type)
    known = set(session.scalars(sa.select(Delivery.endpoint_id).where(Delivery.event_id == event.id)))
    _begin_again(
        session, sa.and_(Delivery.event_id == event.id, Delivery.endpoint_id.in_([endpoint.id for endpoint in asked]))
    )
    session.add_all(Delivery(event_id=event.id, endpoint_id=row.id) for row in asked if row.id not in known)
    # A replay before the first fan-out takes its place.
    event.dispatched_at = event.dispatched_at or utc_now()
    session.flush()
    audit.record(session, site_id=event.site_id, actor=actor, action="event.replayed", subject=event.id)
