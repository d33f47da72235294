"""May a reader read a post? Worked out from what is stored and the clock, however late the worker is.

One statement, compiled once, reads everything by primary keys and unique indexes. More is read only for an account
in which something has fallen due that the worker has not written yet.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Allowance, PlanVersion, Post, Site, Subscription, Unlock, table_of, utc_now
from moderation.services import ledger, lifecycle, metering, plans

_POSTS, _ALLOWANCES, _SUBSCRIPTIONS = table_of(Post), table_of(Allowance), table_of(Subscription)
_VERSIONS, _UNLOCKS = table_of(PlanVersion), table_of(Unlock)


class Ground(NamedTuple):
    """Why a post is open, and until when (None: not ending by itself)."""

    because: str
    until: datetime | None


class Stored(NamedTuple):
    """What is stored of one reader and post, as the statement below gives it; None where there is no such row."""

    free: bool | None
    section: str | None
    tags: list[str] | None
    allowance_id: str | None
    unlocks_left: int | None
    due_at: datetime | None
    subscription_id: str | None
    access_until: datetime | None
    opens: dict[str, Any] | None
    unlock_id: str | None
    unlocked_until: datetime | None


def _statement() -> sa.Select[Any]:
    asked = sa.select(sa.literal_column("1").label("one")).subquery("asked")
    post = sa.and_(_POSTS.c.site_id == sa.bindparam("site_id"), _POSTS.c.id == sa.bindparam("post_id"))
    account = sa.and_(
        _ALLOWANCES.c.site_id == sa.bindparam("site_id"), _ALLOWANCES.c.reader_id == sa.bindparam("reader_id")
    )
    bought = sa.and_(
        _VERSIONS.c.site_id == _SUBSCRIPTIONS.c.site_id, _VERSIONS.c.name == _SUBSCRIPTIONS.c.plan,
        _VERSIONS.c.version == _SUBSCRIPTIONS.c.plan_version,
    )  # fmt: skip
    opened = sa.and_(_UNLOCKS.c.allowance_id == _ALLOWANCES.c.id, _UNLOCKS.c.post_id == sa.bindparam("post_id"))
    columns = (
        _POSTS.c.free, _POSTS.c.section, _POSTS.c.tags, _ALLOWANCES.c.id, _ALLOWANCES.c.unlocks_left,
        _ALLOWANCES.c.due_at, _SUBSCRIPTIONS.c.id, _SUBSCRIPTIONS.c.access_until, _VERSIONS.c.opens, _UNLOCKS.c.id,
        _UNLOCKS.c.expires_at,
    )  # fmt: skip
    rows = (
        sa.outerjoin(asked, _POSTS, post)
        .outerjoin(_ALLOWANCES, account)
        .outerjoin(_SUBSCRIPTIONS, _SUBSCRIPTIONS.c.id == lifecycle.id_of_allowance(_ALLOWANCES.c.id))
        .outerjoin(_VERSIONS, bought)
        .outerjoin(_UNLOCKS, opened)
    )
    return sa.select(*columns).select_from(rows)


STATEMENT = _statement()


def find(session: Session, site: Site, reader_id: str, post_id: str) -> dict[str, Any]:
    """Answer for one reader and post; who and what was never named has no access and costs no row."""
    now, names = utc_now(), {"site_id": site.id, "reader_id": reader_id, "post_id": post_id}
    stored = _read(session, names)
    left = stored.unlocks_left or 0
    if stored.due_at is not None and stored.due_at <= now:
        stored, left = _brought_up(session, stored, now)
    ground = _free(stored) or _subscribed(stored, now) or _unlocked(stored, now)
    meter = metering.standing(session, site, metering.Who(reader_id), post_id, stored.section or "", now=now)
    if ground is None and meter is not None and meter.opens:
        ground = Ground("meter", meter.until)
    return {
        "allowed": ground is not None,
        "because": ground.because if ground else "none",
        "until": ground.until if ground else None,
        "unlock_left": left,
        "meter_left": meter.left if meter else None,
    }


def _read(session: Session, names: Mapping[str, str]) -> Stored:
    """In the transaction where there is one: it may have changed something. Else without making one, which costs."""
    bind = session.get_bind()
    if session.in_transaction() or isinstance(bind, sa.Connection):
        return Stored(*session.connection().execute(STATEMENT, names).one())
    with bind.connect() as connection:
        return Stored(*connection.execute(STATEMENT, names).one())


def _brought_up(session: Session, stored: Stored, now: datetime) -> tuple[Stored, int]:
    """What time has changed and the worker has not written: the plan's version, and the balance."""
    allowance = session.get_one(Allowance, stored.allowance_id)
    subscription = lifecycle.of_allowance(session, allowance.id)
    opens = lifecycle.version_at(session, subscription, now).opens if subscription else None
    return stored._replace(opens=opens), ledger.left_at(session, allowance, now)


def _free(stored: Stored) -> Ground | None:
    return Ground("free_post", None) if stored.free else None


def _subscribed(stored: Stored, now: datetime) -> Ground | None:
    until = stored.access_until
    if stored.subscription_id is None or (until is not None and until <= now):
        return None
    opens = plans.opens(stored.opens or {}, stored.section or "", stored.tags or [])
    return Ground("subscription", until) if opens else None


def _unlocked(stored: Stored, now: datetime) -> Ground | None:
    until = stored.unlocked_until
    is_open = stored.unlock_id is not None and (until is None or until > now)
    return Ground("unlocked", until) if is_open else None
