"""What the plain model is made of: plans, unlocks that came together, subscriptions, and what each state allows."""

from dataclasses import dataclass
from datetime import datetime

LIVING_BY_TIME = ("trialing", "active")
WITHOUT_GRACE = ("canceling", "paused", "ended")
ALLOWED = {
    "start": (None, "ended", "canceling", "past_due", "paused"),
    "renew": ("trialing", "active", "past_due", "paused", "canceling"),
    "cancel": ("trialing", "active", "past_due", "paused"),
    "cancel_now": ("trialing", "active", "past_due", "paused", "canceling"),
    "resume": ("canceling", "paused"),
    "pause": ("active",),
    "change": ("trialing", "active"),
}


class Refused(Exception):  # noqa: N818 -- an answer, not an error
    """The act is not possible: the answer's status and code."""


@dataclass(frozen=True)
class Plan:
    name: str
    version: int
    period: str | int | None
    unlocks: int = 0
    cap: int = 0
    trial: int = 0
    grace: int = 0


@dataclass
class Lot:
    """Unlocks that came together."""

    kind: str
    given: int
    expires: datetime | None
    born: datetime
    subscription: "Subscription | None" = None
    period: int | None = None
    cap: int = 0
    left: int = 0
    expired: int = 0
    # An order's name, and how many of its units were paid back, of those how many had run out.
    reference: str | None = None
    paid_back: int = 0
    paid_back_late: int = 0

    def over(self, now):
        return self.expires is not None and self.expires <= now


@dataclass
class Subscription:
    plan: Plan
    state: str
    born: datetime
    paid: datetime | None = None
    access: datetime | None = None
    trial_ends: datetime | None = None
    # Periods bought in all, and since the day from which they are counted.
    period: int = 0
    anchor: datetime | None = None
    counted: int = 0
    # The plan that waits, and for when.
    next_plan: Plan | None = None
    next_at: datetime | None = None

    @property
    def switches(self):
        """When the plan changes by itself: a period of the one that waits is paid already."""
        paid_ahead = self.next_at and (self.paid is None or self.paid > self.next_at)
        return self.next_at if paid_ahead else None

    @property
    def last_paid(self):
        """The plan of the last period that is paid."""
        return self.next_plan if self.switches else self.plan

    def begin_next(self):
        self.plan = self.next_plan
        self.forget_next()

    def forget_next(self):
        self.next_plan = self.next_at = None
