"""Unlocks: one post opened for one unit, exactly once, and given back within the site's window."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound, StateForbids
from moderation.ids import new_id
from moderation.models import Allowance, LedgerEntry, Site, Unlock, utc_now
from moderation.services import accounts, audit, ledger, outbox

REFUND_HOURS = 24
# For good.
UNLOCK_DAYS = 0
_FIND = sa.select(Unlock).where(
    Unlock.allowance_id == sa.bindparam("of_allowance"), Unlock.post_id == sa.bindparam("post")
)


def unlock(session: Session, site: Site, reader_id: str, post_id: str, *, actor: str) -> tuple[dict[str, Any], bool]:
    """Spend one unlock on a post; return the unlock and whether it is new (an open post costs nothing)."""
    now = utc_now()
    with accounts.held(session, site, reader_id, now=now) as allowance:
        known = _find(session, allowance, post_id)
        if known is not None and _open(known, now):
            return describe(known, allowance.unlocks_left), False
        if known is not None:
            session.delete(known)
            session.flush()
        id = new_id("unl")
        grant_id = ledger.spend(session, allowance, post_id=post_id, unlock_id=id, now=now)
        opened = Unlock(
            id=id, allowance_id=allowance.id, post_id=post_id, grant_id=grant_id, unlocked_at=now,
            expires_at=_ends(site, now),
        )  # fmt: skip
        session.add(opened)
        session.flush()
        audit.record(session, site_id=site.id, actor=actor, action="unlock.created", subject=allowance.id, unlock=id)
        body = describe(opened, allowance.unlocks_left)
        told = {"version": allowance.version, "reader_id": reader_id, "sequence": allowance.sequence}
        outbox.emit(session, site_id=site.id, type="unlock.created", data=body | told)
        return body, True


def refund(session: Session, site: Site, reader_id: str, post_id: str, *, actor: str) -> dict[str, Any]:
    """Close the post again and return its unit; ``StateForbids`` after the site's window."""
    now = utc_now()
    with accounts.held(session, site, reader_id, now=now) as allowance:
        known = _find(session, allowance, post_id)
        if known is None or not _open(known, now):
            raise NotFound("This reader has not unlocked that post.")
        until = known.unlocked_at + timedelta(hours=_number(site, "refund_hours", REFUND_HOURS))
        if until <= now:
            raise StateForbids("The time to give this unlock back is over.", state="unlocked", refundable_until=until)
        session.delete(known)
        session.flush()
        ledger.give_back(session, allowance, known.grant_id, post_id=post_id, unlock_id=known.id, now=now)
        # Its grant may have run out in the meantime: then the unit does at once.
        ledger.settle(session, allowance, now)
        audit.record(
            session, site_id=site.id, actor=actor, action="unlock.refunded", subject=allowance.id, unlock=known.id
        )
        return describe(known, allowance.unlocks_left)


def page(
    session: Session, site_id: str, reader_id: str, *, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the reader's open posts, newest first, and the id to go on from."""
    now, allowance = utc_now(), accounts.find(session, site_id, reader_id)
    if allowance is None:
        return [], None
    query = sa.select(Unlock).where(Unlock.allowance_id == allowance.id)
    query = query.where(sa.or_(Unlock.expires_at.is_(None), Unlock.expires_at > now))
    if after is not None:
        query = query.where(Unlock.id < after)
    found = session.scalars(query.order_by(Unlock.id.desc()).limit(limit + 1)).all()
    left = ledger.left_at(session, allowance, now)
    return _described(found[:limit], left), found[limit - 1].id if len(found) > limit else None


def ledger_page(
    session: Session, site_id: str, reader_id: str, *, after: int, limit: int
) -> tuple[Sequence[LedgerEntry], int | None]:
    """Return the ledger of the reader's account, oldest first, and the sequence to go on from."""
    allowance = accounts.find(session, site_id, reader_id)
    if allowance is None:
        return [], None
    return ledger.page(session, allowance, after=after, limit=limit, now=utc_now())


def describe(opened: Unlock, unlock_left: int) -> dict[str, Any]:
    names = ("id", "post_id", "unlocked_at", "expires_at")
    return {name: getattr(opened, name) for name in names} | {"unlock_left": unlock_left}


def _described(found: Sequence[Unlock], left: int) -> list[dict[str, Any]]:
    return [describe(opened, left) for opened in found]


def _find(session: Session, allowance: Allowance, post_id: str) -> Unlock | None:
    return session.scalar(_FIND, {"of_allowance": allowance.id, "post": post_id})


def _open(opened: Unlock, now: datetime) -> bool:
    return opened.expires_at is None or opened.expires_at > now


def _ends(site: Site, now: datetime) -> datetime | None:
    days = _number(site, "unlock_days", UNLOCK_DAYS)
    return now + timedelta(days=days) if days else None


def _number(site: Site, name: str, default: int) -> int:
    return int(site.settings.get(name, default))
