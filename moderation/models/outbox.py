"""Events waiting to be told, written in the transaction that caused them, and where they go."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now


class Event(Base):
    """Something that happened; its id is the ``webhook-id`` and its body the very bytes that are signed."""

    __tablename__ = "event"
    __table_args__ = (
        sa.Index("ix_event_site_id_id", "site_id", "id"),
        sa.Index("ix_event_waiting", "id", sqlite_where=sa.text("dispatched_at IS NULL"),
                 postgresql_where=sa.text("dispatched_at IS NULL")),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("evt"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    type: Mapped[str]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When the worker made a delivery of it for each endpoint that asked.
    dispatched_at: Mapped[datetime | None]


class WebhookEndpoint(Base):
    __tablename__ = "webhook_endpoint"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("whe"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), index=True)
    url: Mapped[str]
    event_types: Mapped[list[str]]
    secret: Mapped[str]
    # Secrets before it that still sign: each with the secret and, in ISO 8601, until when.
    old_secrets: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    # Grows with every change of the endpoint; the `version` of its operational events.
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Not sent to before this: the end of the lease of an attempt under way, of a pause after a failure, or
    # the last attempt. Claiming an endpoint moves it, so each has at most one attempt at a time.
    busy_until: Mapped[datetime] = mapped_column(default=utc_now)
    # Which attempt holds the lease; one that lost it must not end the lease of its successor.
    lease: Mapped[str] = mapped_column(sa.String(40), default="")
    # Failures to reach it since the last answer; each makes the pause longer.
    misses: Mapped[int] = mapped_column(default=0)
    # The first failure since the last success; five days of nothing but failures disable it.
    failing_since: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str] = mapped_column(default="")

    @property
    def rotating_until(self) -> datetime | None:
        """Until when an older secret signs beside the new one; None where none does."""
        ends = [datetime.fromisoformat(old["until"]) for old in self.old_secrets]
        return max((end for end in ends if end > utc_now()), default=None)


class Delivery(Base):
    """One event for one endpoint: waiting, delivered or dead."""

    __tablename__ = "delivery"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "endpoint_id"),
        sa.Index("ix_delivery_endpoint_id_state_due_at", "endpoint_id", "state", "due_at"),
        sa.Index("ix_delivery_endpoint_id_id", "endpoint_id", "id"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("dlv"))
    event_id: Mapped[str] = mapped_column(sa.ForeignKey("event.id"))
    endpoint_id: Mapped[str] = mapped_column(sa.ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    # waiting, delivered or dead
    state: Mapped[str] = mapped_column(default="waiting")
    # Attempts begun: one whose worker died counts.
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_status: Mapped[int | None]
    last_error: Mapped[str] = mapped_column(default="")
    delivered_at: Mapped[datetime | None]


class DeliveryAttempt(Base):
    """One request and what was answered; the body that was sent is the event's. Thrown away after some days."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (sa.Index("ix_delivery_attempt_delivery_id_id", "delivery_id", "id"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("att"))
    delivery_id: Mapped[str] = mapped_column(sa.ForeignKey("delivery.id", ondelete="CASCADE"))
    number: Mapped[int]
    url: Mapped[str]
    request_headers: Mapped[dict[str, Any]]
    # None where no answer came; the error then says why.
    status: Mapped[int | None]
    error: Mapped[str] = mapped_column(default="")
    answer_headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # The first 64 kB; what is no UTF-8 is replaced.
    answer_body: Mapped[str] = mapped_column(default="")
    answer_cut: Mapped[bool] = mapped_column(default=False)
    milliseconds: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class Notice(Base):
    """What the site's people are told: an alert, which stays until its condition clears, or a day's digest."""

    __tablename__ = "notice"
    # Whoever writes the row first tells it: one notice a condition, or a day, whatever workers do.
    __table_args__ = (
        sa.UniqueConstraint("site_id", "topic"),
        sa.Index("ix_notice_waiting", "due_at", sqlite_where=sa.text("state = 'waiting'"),
                 postgresql_where=sa.text("state = 'waiting'")),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("ntc"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    # slack or mail
    channel: Mapped[str] = mapped_column(sa.String(16))
    # `queue_old`, `endpoint_disabled:<id>` or `digest:<day>`
    topic: Mapped[str] = mapped_column(sa.String(80))
    title: Mapped[str]
    text: Mapped[str]
    # waiting, sent or failed
    state: Mapped[str] = mapped_column(sa.String(16), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    # Not tried before this; while a try is under way, the end of its lease.
    due_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    sent_at: Mapped[datetime | None]
