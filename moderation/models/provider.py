"""What a payment provider told, and what of it is known: the site's account there, prices, events, people."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now
from moderation.models.subscription import State, state_type


class Provider(Base):
    """A site's account at a provider. Its row is the lock that puts the account's events in a line."""

    __tablename__ = "provider"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    # Readable, because a signature can be checked by nothing else; newest first.
    secrets: Mapped[list[str]]
    livemode: Mapped[bool] = mapped_column(default=True)
    # To fetch what an event leaves out; readable, because it is sent.
    api_key: Mapped[str | None]
    # price or product -> {"plan": name} or {"unlocks": number}
    prices: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ProviderEvent(Base):
    """One event, once, with the facts that we read of it; what was not understood stands in quarantine."""

    __tablename__ = "provider_event"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "provider", "event_id"),
        sa.Index("ix_provider_event_site_id_state_id", "site_id", "state", "id"),
        sa.Index("ix_provider_event_state_reason", "state", "reason"),
        sa.Index("ix_provider_event_site_id_subscription", "site_id", "subscription"),
        sa.Index("ix_provider_event_site_id_customer", "site_id", "customer"),
        sa.Index("ix_provider_event_site_id_payment", "site_id", "payment"),
        sa.Index("ix_provider_event_site_id_reader_id", "site_id", "reader_id"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("pev"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    provider: Mapped[str] = mapped_column(sa.String(16))
    event_id: Mapped[str] = mapped_column(sa.String(255))
    type: Mapped[str] = mapped_column(sa.String(100))
    # The provider's own ids; empty where the event names none.
    object_id: Mapped[str] = mapped_column(sa.String(255))
    customer: Mapped[str] = mapped_column(sa.String(255))
    subscription: Mapped[str] = mapped_column(sa.String(255))
    # The payment or order that it is about: the reference of what was bought.
    payment: Mapped[str | None] = mapped_column(sa.String(255))
    # Whom the event itself names.
    reader_id: Mapped[str | None] = mapped_column(sa.String(255))
    facts: Mapped[dict[str, Any]]
    # applied, noted (nothing follows from it), quarantined or dismissed
    state: Mapped[str] = mapped_column(sa.String(16))
    reason: Mapped[str] = mapped_column(sa.String(32), default="")
    detail: Mapped[str] = mapped_column(default="")
    told_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ProviderCustomer(Base):
    """Which reader a provider's customer is, by the newest event that said so."""

    __tablename__ = "provider_customer"
    __table_args__ = (sa.Index("ix_provider_customer_site_id_reader_id", "site_id", "reader_id"),)

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    provider: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    customer: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    reader_id: Mapped[str] = mapped_column(sa.String(255))
    told_at: Mapped[datetime]
    event_id: Mapped[str] = mapped_column(sa.String(255))


class ProviderSubscription(Base):
    """A subscription at the provider as its newest event has it, and ours that follows it."""

    __tablename__ = "provider_subscription"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "provider", "subscription"),
        sa.Index("ix_provider_subscription_site_id_reader_id", "site_id", "reader_id"),
        sa.Index("ix_provider_subscription_subscription_id", "subscription_id"),
        sa.ForeignKeyConstraint(
            ["site_id", "plan", "plan_version"], ["plan_version.site_id", "plan_version.name", "plan_version.version"],
            name="fk_provider_subscription_plan",
        ),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("psu"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    provider: Mapped[str] = mapped_column(sa.String(16))
    subscription: Mapped[str] = mapped_column(sa.String(255))
    customer: Mapped[str] = mapped_column(sa.String(255))
    reader_id: Mapped[str] = mapped_column(sa.String(255))
    plan: Mapped[str] = mapped_column(sa.String(100))
    plan_version: Mapped[int]
    state: Mapped[State] = mapped_column(state_type)
    paid_until: Mapped[datetime]
    trial_ends_at: Mapped[datetime | None]
    # The event that decides, and when the provider made it.
    event_id: Mapped[str] = mapped_column(sa.String(255))
    told_at: Mapped[datetime]
    # The beginning of the last period that was counted for unlocks.
    period_started_at: Mapped[datetime | None]
    subscription_id: Mapped[str | None] = mapped_column(sa.ForeignKey("subscription.id"))
