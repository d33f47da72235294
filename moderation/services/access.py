"""May a reader read a post? Worked out from what is stored and the clock, however late the worker is."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Allowance, Post, Site, Unlock, utc_now
from moderation.services import accounts, ledger, lifecycle, metering, plans


class Ground(NamedTuple):
    """Why a post is open, and until when (None: not ending by itself)."""

    because: str
    until: datetime | None


def find(session: Session, site: Site, reader_id: str, post_id: str) -> dict[str, Any]:
    """Answer for one reader and post; who and what was never named has no access and costs no row."""
    now, allowance = utc_now(), accounts.find(session, site.id, reader_id)
    post = session.get(Post, (site.id, post_id))
    who, section = metering.Who(reader_id), post.section if post else ""
    meter = metering.standing(session, site, who, post_id, section, now=now)
    ground = _ground(session, allowance, post, post_id, now)
    if ground is None and meter is not None and meter.opens:
        ground = Ground("meter", meter.until)
    return {
        "allowed": ground is not None,
        "because": ground.because if ground else "none",
        "until": ground.until if ground else None,
        "unlock_left": ledger.left_at(session, allowance, now) if allowance else 0,
        "meter_left": meter.left if meter else None,
    }


def _ground(
    session: Session, allowance: Allowance | None, post: Post | None, post_id: str, now: datetime
) -> Ground | None:
    if post is not None and post.free:
        return Ground("free_post", None)
    if allowance is None:
        return None
    return _subscribed(session, allowance, post, now) or _unlocked(session, allowance, post_id, now)


def _subscribed(session: Session, allowance: Allowance, post: Post | None, now: datetime) -> Ground | None:
    subscription = lifecycle.of_allowance(session, allowance.id)
    if subscription is None:
        return None
    until = subscription.access_until
    version = lifecycle.version_at(session, subscription, now)
    section, tags = (post.section, post.tags) if post else ("", [])
    if (until is None or until > now) and plans.opens(version.opens, section, tags):
        return Ground("subscription", until)
    return None


def _unlocked(session: Session, allowance: Allowance, post_id: str, now: datetime) -> Ground | None:
    query = sa.select(Unlock).where(Unlock.allowance_id == allowance.id, Unlock.post_id == post_id)
    opened = session.scalar(query.where(sa.or_(Unlock.expires_at.is_(None), Unlock.expires_at > now)))
    return Ground("unlocked", opened.expires_at) if opened else None
