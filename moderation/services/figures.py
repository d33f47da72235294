"""A reader's account in figures: what a dialog shows before and after a change, and the tag of that state.

The tag says whether an answer still holds. It is made from what is true at one moment, written or only due,
so that it changes when time does and stays when the worker writes what everybody could see before.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Allowance, Plan, Site, State, Subscription, Unlock, utc_now
from moderation.services import accounts, ledger, lifecycle, subscriptions

# States after whose paid time a payment is awaited.
_RENEWING = (State.TRIALING, State.ACTIVE, State.PAST_DUE)
# What a site sets, and a dialog shows the effect of.
_TERMS = ("refund_hours", "unlock_days")


class Figures(NamedTuple):
    """An account at one moment; a reader who never had a subscription has no plan and no state."""

    unlock_left: int
    plan: str | None
    state: State | None
    paid_until: datetime | None
    access_until: datetime | None


class Effect(NamedTuple):
    """One thing that a change brings, for the site to put into words; ``code`` says which of the rest it has."""

    code: str
    before: int | None = None
    after: int | None = None
    until: datetime | None = None


@dataclass
class Watch:
    """Sees an account before and after a change; ``check`` may refuse the change, under the lock."""

    session: Session
    site: Site
    check: Callable[[str, Figures], None]
    tag: str = ""
    before: Figures | None = None
    after: Figures | None = None
    now: datetime | None = None

    def begins(self, allowance: Allowance, now: datetime) -> None:
        self.now, self.tag = now, _tag(self.session, self.site, allowance, now)
        self.before = _figures(self.session, allowance, now)
        self.check(self.tag, self.before)

    def ends(self, allowance: Allowance, now: datetime) -> None:
        self.after = _figures(self.session, allowance, now)

    def told(self) -> dict[str, Any]:
        """Both states and what lies between them; empty where no account was touched."""
        if self.before is None or self.after is None or self.now is None:
            return {}
        effects = effects_of(self.before, self.after, self.now)
        return {"before": self.before, "after": self.after, "effects": effects}


@contextmanager
def watched(session: Session, site: Site, check: Callable[[str, Figures], None]) -> Iterator[Watch]:
    """Inside, the account that ``accounts.held`` locks is seen before and after, and can be refused."""
    watch = Watch(session, site, check)
    session.info[accounts.WATCH] = watch
    try:
        yield watch
    finally:
        del session.info[accounts.WATCH]


def tag_of(session: Session, site: Site, reader_id: str) -> str:
    """The tag of a reader's account right now; one who was never named has one too."""
    return _tag(session, site, accounts.find(session, site.id, reader_id), utc_now())


def _tag(session: Session, site: Site, allowance: Allowance | None, now: datetime) -> str:
    state = [_terms(session, site)]
    if allowance is not None:
        state += _account(session, allowance, now)
    return hashlib.sha256(repr(state).encode()).hexdigest()[:20]


def _terms(session: Session, site: Site) -> Any:
    """What the site sells and allows: another price list makes other figures."""
    sold = sa.select(sa.func.count(), sa.func.sum(Plan.version), sa.func.count(Plan.retired_at))
    plans: Any = session.execute(sold.where(Plan.site_id == site.id)).one()
    return (*plans, site.time_zone, *(site.settings.get(name) for name in _TERMS))


def _account(session: Session, allowance: Allowance, now: datetime) -> list[Any]:
    subscription = lifecycle.of_allowance(session, allowance.id)
    steps = ledger.steps_due(session, allowance, now)
    entries = allowance.sequence + len(steps)
    state = [entries, allowance.unlocks_left + sum(step.unlocks for step in steps), _subscribed(subscription, now)]
    if entries or subscription:
        ending = sa.select(sa.func.count()).where(Unlock.allowance_id == allowance.id, Unlock.expires_at > now)
        return [allowance.id, *state, session.scalar(ending)]
    # A row without anything in it is as good as none: a dry run makes one, and it goes again.
    return []


def _subscribed(subscription: Subscription | None, now: datetime) -> Any:
    if subscription is None:
        return None
    described = subscriptions.describe(subscription, now)
    described["version"] += len(list(lifecycle.clock_steps(subscription, now)))
    ends = (subscription.paid_until, subscription.access_until)
    return sorted(described.items()), [end is not None and end <= now for end in ends]


def _figures(session: Session, allowance: Allowance, now: datetime) -> Figures:
    left, subscription = allowance.unlocks_left, lifecycle.of_allowance(session, allowance.id)
    if subscription is None:
        return Figures(left, None, None, None, None)
    state = lifecycle.state_at(subscription, now)
    return Figures(left, subscription.plan, state, subscription.paid_until, subscription.access_until)


def effects_of(before: Figures, after: Figures, now: datetime) -> list[Effect]:
    """What is different after a change, in the order in which a reader wants to know it.

    ``access_*`` is the access that the subscription gives. ``renewal_*`` is whether a payment is awaited.
    """
    found = []
    if after.unlock_left != before.unlock_left:
        found.append(Effect("unlock_left", before.unlock_left, after.unlock_left))
    if after[1:] == before[1:]:
        return found
    if after.state is State.TRIALING and before.state is not State.TRIALING:
        found.append(Effect("trial", until=after.paid_until))
    found += _access(before, after, now)
    return found + _renewal(before, after)


def _access(before: Figures, after: Figures, now: datetime) -> list[Effect]:
    had, has = _has_access(before, now), _has_access(after, now)
    if had or has:
        code = "access_kept" if had and has else "access_begins" if has else "access_ends"
        return [Effect(code, until=after.access_until if has else now)]
    return []


def _renewal(before: Figures, after: Figures) -> list[Effect]:
    was, stays = _renews(before), _renews(after)
    if stays and (not was or after.paid_until != before.paid_until):
        return [Effect("renewal_expected", until=after.paid_until)]
    return [Effect("renewal_stops")] if was and not stays else []


def _has_access(figures: Figures, now: datetime) -> bool:
    if figures.state is None or figures.state is State.ENDED:
        return False
    return figures.access_until is None or figures.access_until > now


def _renews(figures: Figures) -> bool:
    return figures.state in _RENEWING and figures.paid_until is not None
