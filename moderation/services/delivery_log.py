"""The log of deliveries: each request with what was answered, kept for some days."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound
from moderation.models import Delivery, DeliveryAttempt, Event, WebhookEndpoint

STATES = ("waiting", "delivered", "dead")
MOST_HEADERS, MOST_HEADER_CHARACTERS = 50, 500
# Of a delivery that was replayed again and again the last ones tell enough.
MOST_ATTEMPTS_SHOWN = 20
BATCH = 500


def write(
    session: Session,
    delivery_id: str,
    *,
    number: int,
    url: str,
    sent: Mapping[str, str],
    status: int | None,
    error: str,
    headers: Mapping[str, str],
    body: bytes,
    cut: bool,
    milliseconds: int,
    now: datetime,
) -> None:
    """Write one attempt down; ``body`` is what was read of the answer, ``cut`` that there was more."""
    kept = list(headers.items())[:MOST_HEADERS]
    attempt = DeliveryAttempt(
        delivery_id=delivery_id, number=number, url=url, request_headers=dict(sent), status=status, error=error,
        answer_headers={name: _text(value)[:MOST_HEADER_CHARACTERS] for name, value in kept},
        answer_body=_text(body.decode(errors="replace")), answer_cut=cut, milliseconds=milliseconds, created_at=now,
    )  # fmt: skip
    session.add(attempt)


def _text(value: str) -> str:
    # PostgreSQL keeps no NUL.
    return value.replace("\x00", "\ufffd")


def page(
    session: Session, endpoint: WebhookEndpoint, *, state: str | None, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the endpoint's deliveries, newest first, and the id to go on from."""
    query = sa.select(Delivery, Event).join(Event).where(Delivery.endpoint_id == endpoint.id)
    if state is not None:
        query = query.where(Delivery.state == state)
    if after is not None:
        query = query.where(Delivery.id < after)
    found = session.execute(query.order_by(Delivery.id.desc()).limit(limit + 1)).all()
    last = found[limit - 1].Delivery.id if len(found) > limit else None
    return [describe(row.Delivery, row.Event) for row in found[:limit]], last


def describe(delivery: Delivery, event: Event) -> dict[str, Any]:
    """Return a delivery as a row of the log, without bodies."""
    names = ("id", "event_id", "endpoint_id", "state", "attempts", "last_status", "last_error", "delivered_at")
    shown = {name: getattr(delivery, name) for name in names}
    next_at = delivery.due_at if delivery.state == "waiting" else None
    return shown | {"event_type": event.type, "event_created_at": event.created_at, "next_attempt_at": next_at}


def show(session: Session, endpoint: WebhookEndpoint, id: str) -> dict[str, Any]:
    """Return one delivery with the body that is sent and its last attempts, newest first."""
    delivery = session.get(Delivery, id)
    if delivery is None or delivery.endpoint_id != endpoint.id:
        raise NotFound("There is no such delivery.")
    event = session.get_one(Event, delivery.event_id)
    return describe(delivery, event) | {"request_body": event.body, "log": attempts(session, delivery.id)}


def attempts(session: Session, delivery_id: str) -> Sequence[DeliveryAttempt]:
    """Return the last attempts of a delivery, newest first; older than the log is kept are gone."""
    mine = sa.select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == delivery_id)
    return session.scalars(mine.order_by(DeliveryAttempt.id.desc()).limit(MOST_ATTEMPTS_SHOWN)).all()


def forget_event(session: Session, event_id: str) -> None:
    """Blank what was answered to an event: the receiver may have repeated what an erasure takes away."""
    mine = sa.select(Delivery.id).where(Delivery.event_id == event_id)
    _blank(session, DeliveryAttempt.delivery_id.in_(mine))


def forget_words(session: Session, site_id: str, words: str) -> None:
    """Blank every answer to the site's events that holds these words, whatever the event was about."""
    mine = sa.select(Delivery.id).join(WebhookEndpoint).where(WebhookEndpoint.site_id == site_id)
    said = DeliveryAttempt.answer_body.contains(words, autoescape=True)
    in_head = sa.cast(DeliveryAttempt.answer_headers, sa.Text).contains(words, autoescape=True)
    _blank(session, sa.and_(DeliveryAttempt.delivery_id.in_(mine), sa.or_(said, in_head)))


def _blank(session: Session, which: sa.ColumnElement[bool]) -> None:
    blanked = sa.update(DeliveryAttempt).where(which).values(answer_body="", answer_headers={})
    session.execute(blanked, execution_options={"synchronize_session": False})


def purge(session: Session, *, now: datetime, days: int) -> int:
    """Delete one batch of attempts older than ``days``; return how many."""
    old = sa.select(DeliveryAttempt.id).where(DeliveryAttempt.created_at < now - timedelta(days=days))
    gone = sa.delete(DeliveryAttempt).where(DeliveryAttempt.id.in_(old.limit(BATCH)))
    result = session.execute(gone, execution_options={"synchronize_session": False})
    return int(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, which the stub does not say
