"""Plans, which are versioned, and readers' subscriptions to one version of one plan."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now


class State(StrEnum):
    """The states of a subscription; ``services.lifecycle.TRANSITIONS`` says how they follow each other."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CANCELING = "canceling"
    ENDED = "ended"


state_type = sa.Enum(
    State, native_enum=False, length=16, name="state", values_callable=lambda enum: [member.value for member in enum]
)


class Plan(Base):
    """A plan by its name; ``version`` is the one sold now."""

    __tablename__ = "plan"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # No longer sold; who bought it keeps it.
    retired_at: Mapped[datetime | None]


class PlanVersion(Base):
    """What a plan gave at one time. A version never changes: a reader keeps the version bought."""

    __tablename__ = "plan_version"
    __table_args__ = (sa.ForeignKeyConstraint(["site_id", "name"], ["plan.site_id", "plan.name"]),)

    site_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    unlocks: Mapped[int] = mapped_column(default=0)
    # A calendar month, or a number of days, or (neither) without end.
    monthly: Mapped[bool] = mapped_column(default=False)
    period_days: Mapped[int | None]
    rollover_cap: Mapped[int] = mapped_column(default=0)
    trial_days: Mapped[int] = mapped_column(default=0)
    grace_days: Mapped[int] = mapped_column(default=0)
    # Everything ("all"), or the sections and tags that are named.
    opens: Mapped[dict[str, Any]]
    # Whether its subscribers may comment where comments are for subscribers, and come first in the queue.
    may_comment: Mapped[bool] = mapped_column(default=True, server_default=sa.true())
    comments_first: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def period(self) -> str | int | None:
        return "month" if self.monthly else self.period_days


class Subscription(Base):
    """A reader's subscription. ``access_until`` alone gives access; ``state`` tells why it is what it is."""

    __tablename__ = "subscription"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["site_id", "plan", "plan_version"], ["plan_version.site_id", "plan_version.name", "plan_version.version"]
        ),
        sa.Index("ix_subscription_allowance_id_id", "allowance_id", "id"),
        sa.Index("ix_subscription_notice_at", "notice_at"),
        sa.Index("uq_subscription_live", "allowance_id", unique=True, sqlite_where=sa.text("state <> 'ended'"),
                 postgresql_where=sa.text("state <> 'ended'")),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("sub"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    allowance_id: Mapped[str] = mapped_column(sa.ForeignKey("allowance.id"))
    plan: Mapped[str] = mapped_column(sa.String(100))
    plan_version: Mapped[int]
    state: Mapped[State] = mapped_column(state_type)
    # How many periods were bought; 0 in the trial.
    period: Mapped[int] = mapped_column(default=0)
    # None: without end.
    paid_until: Mapped[datetime | None]
    # paid_until and, unless it was cancelled or paused, the plan's days of grace.
    access_until: Mapped[datetime | None]
    trial_ends_at: Mapped[datetime | None]
    # Periods are counted from here, so that a month end comes back after a short month.
    anchored_at: Mapped[datetime]
    anchor_period: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ended_at: Mapped[datetime | None]
    # A change of plan that waits, and the end of the paid time from which it holds.
    next_plan: Mapped[str | None] = mapped_column(sa.String(100))
    next_plan_version: Mapped[int | None]
    next_plan_at: Mapped[datetime | None]
    # When to tell that the trial or the period ends, and for which ends this and a failed payment were told.
    notice_at: Mapped[datetime | None]
    noticed_for: Mapped[datetime | None]
    failed_for: Mapped[datetime | None]


class SubscriptionTransition(Base):
    """What happened to a subscription, when and why; one row a version."""

    __tablename__ = "subscription_transition"
    __table_args__ = (sa.UniqueConstraint("subscription_id", "reference"),)

    subscription_id: Mapped[str] = mapped_column(sa.ForeignKey("subscription.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(sa.String(16))
    old_state: Mapped[State | None] = mapped_column(state_type)
    new_state: Mapped[State] = mapped_column(state_type)
    plan: Mapped[str] = mapped_column(sa.String(100))
    plan_version: Mapped[int]
    paid_until: Mapped[datetime | None]
    # request (the site asked), clock (a time came), provider (it told so), import or erasure
    cause: Mapped[str] = mapped_column(sa.String(16))
    actor: Mapped[str]
    # A payment's own name, where it was given: the same one renews once.
    reference: Mapped[str | None] = mapped_column(sa.String(255))
    # Of a period that this bought: when it begins; it ends with paid_until.
    period_started_at: Mapped[datetime | None]
    # The plan that waits from here on.
    next_plan: Mapped[str | None] = mapped_column(sa.String(100))
    # When it took effect; the row itself may be written later by a late worker.
    effective_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
