"""Telling an endpoint of an event: claimed with a lease, sent outside any transaction, recorded.

What each answer means and when the next attempt comes follows Standard Webhooks 1.0.0 and its example
schedule. An endpoint has at most one attempt under way at a time, so a slow one holds up only itself.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import new_id
from moderation.models import Delivery, Event, WebhookEndpoint
from moderation.services import audit, delivery_log, endpoints, outbox

# Before each attempt, after the one before; no attempt follows the tenth.
SCHEDULE_SECONDS = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.1
MOST_RETRY_AFTER_SECONDS = 86_400
# An endpoint that cannot be reached is left alone for 5 s, 10 s, 20 s, ... 60 s, whatever waits for it.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 60
DISABLED_AFTER = timedelta(days=5)
OK, REDIRECT, CLIENT_ERROR, GONE = 200, 300, 400, 410
# Answers of a receiver, or of what stands before it, that has too much to do.
BUSY = (429, 502, 503, 504)


@dataclass(frozen=True)
class Attempt:
    """One attempt, claimed: all that the sender needs, so that it needs no database."""

    delivery_id: str
    endpoint_id: str
    event_id: str
    lease: str
    number: int
    url: str
    secrets: Sequence[str]
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """``status`` of the answer, or None and the ``error``; the receiver's ``Retry-After`` from now."""

    status: int | None
    error: str = ""
    retry_after_seconds: float | None = None
    # For the log: the head that was sent, how long it took, and the answer's head and body (cut: not all of it).
    sent: Mapping[str, str] = field(default_factory=dict)
    milliseconds: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False

    @property
    def delivered(self) -> bool:
        return self.status is not None and OK <= self.status < REDIRECT

    @property
    def away(self) -> bool:
        return self.status is None or self.status in BUSY

    @property
    def sentence(self) -> str:
        if self.delivered or self.status is None:
            return self.error
        redirect = REDIRECT <= self.status < CLIENT_ERROR
        return f"Answered {self.status}{'; redirects are not followed' if redirect else ''}."


def any_due(session: Session, *, now: datetime) -> bool:
    """Whether there is anything to claim: a look that takes no lock."""
    return session.scalars(_claimable(now).limit(1)).first() is not None


def _claimable(now: datetime) -> sa.Select[WebhookEndpoint]:
    due = sa.select(Delivery.id).where(
        Delivery.endpoint_id == WebhookEndpoint.id, Delivery.state == "waiting", Delivery.due_at <= now
    )
    free = sa.and_(WebhookEndpoint.disabled_at.is_(None), WebhookEndpoint.busy_until <= now)
    return sa.select(WebhookEndpoint).where(free, due.exists()).order_by(WebhookEndpoint.busy_until)


def claim(session: Session, *, now: datetime, lease: timedelta) -> Attempt | None:
    """Lease the endpoint that was left alone the longest and take its first due delivery."""
    # On SQLite this is a plain SELECT inside BEGIN IMMEDIATE; on PostgreSQL two workers take two endpoints.
    endpoint = session.scalars(_claimable(now).limit(1).with_for_update(skip_locked=True)).first()
    if endpoint is None:
        return None
    first = sa.select(Delivery, Event.body).join(Event, Event.id == Delivery.event_id)
    first = first.where(
        Delivery.endpoint_id == endpoint.id, Delivery.state == "waiting", Delivery.due_at <= now
    ).order_by(Delivery.due_at, Delivery.id)
    row = session.execute(first.limit(1)).first()
    if row is None:
        return None
    endpoint.busy_until, endpoint.lease = now + lease, new_id("lse")
    row.Delivery.attempts += 1
    session.flush()
    return Attempt(
        delivery_id=row.Delivery.id,
        endpoint_id=endpoint.id,
        event_id=row.Delivery.event_id,
        lease=endpoint.lease,
        number=row.Delivery.attempts,
        url=endpoint.url,
        secrets=endpoints.signing_secrets(endpoint, now=now),
        body=row.body.encode(),
    )


def record(session: Session, attempt: Attempt, outcome: Outcome, *, now: datetime) -> None:
    """Write down what came of an attempt and plan the next one."""
    endpoint = _locked(session, attempt)
    if endpoint is None:
        return
    pause = _judge_endpoint(endpoint, outcome, now)
    if endpoint.lease == attempt.lease:
        endpoint.lease, endpoint.busy_until = "", now + pause
    delivery = session.get(Delivery, attempt.delivery_id, populate_existing=True)
    if delivery is not None:
        _write_log(session, attempt, outcome, now)
        # A replay that came meanwhile has set the count back: it asked for an attempt of its own.
        if delivery.state == "waiting" and delivery.attempts == attempt.number:
            _judge_delivery(session, endpoint, delivery, outcome, now)
    session.flush()
    if endpoint.disabled_at is None and not outcome.delivered:
        _disable_if_hopeless(session, endpoint, outcome, now)


def release(session: Session, attempt: Attempt, *, now: datetime) -> None:
    """Give an attempt back that this worker will not finish: another one may begin it at once."""
    endpoint = _locked(session, attempt)
    if endpoint is not None and endpoint.lease == attempt.lease:
        endpoint.lease, endpoint.busy_until = "", now
        session.flush()


def _locked(session: Session, attempt: Attempt) -> WebhookEndpoint | None:
    return session.get(WebhookEndpoint, attempt.endpoint_id, with_for_update=True, populate_existing=True)


def _write_log(session: Session, attempt: Attempt, outcome: Outcome, now: datetime) -> None:
    # Erased while it was under way: what was answered may repeat what must not be kept.
    erased = session.scalars(sa.select(Event.body).where(Event.id == attempt.event_id)).one().encode() != attempt.body
    delivery_log.write(
        session, attempt.delivery_id, number=attempt.number, url=attempt.url, now=now, sent=outcome.sent,
        status=outcome.status, error=outcome.sentence, milliseconds=outcome.milliseconds,
        headers={} if erased else outcome.headers, body=b"" if erased else outcome.body, cut=outcome.cut,
    )  # fmt: skip


def _judge_endpoint(endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> timedelta:
    """Note how the endpoint fares; return how long it is left alone."""
    if outcome.delivered:
        endpoint.failing_since, endpoint.misses = None, 0
        return timedelta(0)
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.misses = endpoint.misses + 1 if outcome.away else 0
    if not outcome.away:
        return timedelta(0)
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(endpoint.misses - 1, 10), LONGEST_PAUSE_SECONDS)
    # A little under the schedule's own 5 s, so that the pause never delays a planned attempt.
    return max(timedelta(seconds=pause * (1 - JITTER)), _asked_for(outcome))


def _judge_delivery(
    session: Session, endpoint: WebhookEndpoint, delivery: Delivery, outcome: Outcome, now: datetime
) -> None:
    delivery.last_status, delivery.last_error = outcome.status, outcome.sentence
    if outcome.delivered:
        delivery.state, delivery.delivered_at = "delivered", now
    elif delivery.attempts >= len(SCHEDULE_SECONDS) or outcome.status == GONE:
        delivery.state = "dead"
        audit.record(session, site_id=endpoint.site_id, actor="worker", action="delivery.dead",
                     subject=delivery.event_id, endpoint=endpoint.id, attempts=delivery.attempts)  # fmt: skip
        # At a 410 the endpoint itself is told of as disabled.
        if outcome.status != GONE:
            _tell_of_dead(session, endpoint, delivery)
    else:
        wait = SCHEDULE_SECONDS[delivery.attempts] * random.uniform(1 - JITTER, 1 + JITTER)
        delivery.due_at = now + max(timedelta(seconds=wait), _asked_for(outcome))


def _tell_of_dead(session: Session, endpoint: WebhookEndpoint, delivery: Delivery) -> None:
    event = session.get_one(Event, delivery.event_id)
    # News of news that nobody takes would never end.
    if event.type not in outbox.OPERATIONAL:
        data = {
            "id": delivery.id, "version": 1, "endpoint_id": endpoint.id, "event_id": event.id, "event_type": event.type,
            "attempts": delivery.attempts, "last_status": delivery.last_status, "last_error": delivery.last_error,
        }  # fmt: skip
        outbox.emit(session, site_id=endpoint.site_id, type="delivery.dead", data=data)


def _asked_for(outcome: Outcome) -> timedelta:
    if outcome.status not in BUSY or outcome.retry_after_seconds is None:
        return timedelta(0)
    return timedelta(seconds=min(outcome.retry_after_seconds, MOST_RETRY_AFTER_SECONDS))


def _disable_if_hopeless(session: Session, endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> None:
    if outcome.status == GONE:
        endpoints.disable(session, endpoint, "It answered 410 Gone.", now=now)
    elif endpoint.failing_since is not None and now - endpoint.failing_since >= DISABLED_AFTER:
        endpoints.disable(session, endpoint, f"It only failed for {DISABLED_AFTER.days} days.", now=now)
