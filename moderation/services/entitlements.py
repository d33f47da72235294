"""What a reader may read, signed for the site's edge: true until it expires, and silent about the rest."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Allowance, Site, Unlock, utc_now
from moderation.services import accounts, ledger, lifecycle, token_keys
from moderation.token_signing import ISSUER, compact, sign

LIFETIME_SECONDS = 600
MOST_LIFETIME_SECONDS = token_keys.MOST_LIFETIME_SECONDS
LEAST_LIFETIME_SECONDS = 60
MOST_POSTS = 100
# A browser keeps 4,096 bytes of a cookie (RFC 6265 6.1). Signed and in base64url this is at most 3,800.
MOST_CLAIMS_BYTES = 2_700


class Opened(NamedTuple):
    """What is open now, and the first moment at which time changes any of it (None: never)."""

    opens: Mapping[str, Any]
    posts: list[str]
    until: datetime | None


def issue(session: Session, site: Site, reader_id: str) -> dict[str, Any]:
    """Return a token of the reader and when it expires; nothing is stored.

    It expires with the first thing in it that ends, so a verifier needs no clause but ``exp``.
    """
    now = utc_now()
    key = token_keys.signing(session, site.id, now=now)
    allowance = accounts.find(session, site.id, reader_id)
    opened = _opened(session, allowance, now) if allowance else Opened({}, [], None)
    seconds = int(site.settings.get("token_seconds", LIFETIME_SECONDS))
    ends = min(now + timedelta(seconds=seconds), opened.until or datetime.max.replace(tzinfo=UTC))
    claims: dict[str, Any] = {
        "iss": ISSUER, "aud": site.name, "sub": reader_id, "iat": _whole(now), "exp": _whole(ends),
        "unlock_left": ledger.left_at(session, allowance, now) if allowance else 0, "cut": False,
    }  # fmt: skip
    claims = _fitted(claims, opened)
    token = sign(claims, key_id=key.id, private_key=key.private_key)
    return {"token": token, "expires_at": datetime.fromtimestamp(claims["exp"], UTC)}


def _opened(session: Session, allowance: Allowance, now: datetime) -> Opened:
    opens, ends = _of_subscription(session, allowance, now)
    if opens.get("all"):
        return Opened(opens, [], ends)
    query = sa.select(Unlock.post_id, Unlock.expires_at).where(Unlock.allowance_id == allowance.id)
    query = query.where(sa.or_(Unlock.expires_at.is_(None), Unlock.expires_at >= _soonest(now)))
    # One more than fits, so that a list that is cut says so.
    found = session.execute(query.order_by(Unlock.id.desc()).limit(MOST_POSTS + 1)).all()
    moments = [ends, *(row.expires_at for row in found)]
    until = min((moment for moment in moments if moment), default=None)
    return Opened(opens, [row.post_id for row in found], until)


def _of_subscription(
    session: Session, allowance: Allowance, now: datetime
) -> tuple[Mapping[str, Any], datetime | None]:
    subscription = lifecycle.of_allowance(session, allowance.id)
    if subscription is None:
        return {}, None
    ends, step = subscription.access_until, lifecycle.next_step_at(subscription)
    # A step may change what is open as well as end it; one in the past is over, however late the worker is.
    coming = [moment for moment in (ends, step) if moment and moment > now]
    if (ends and ends <= now) or any(moment < _soonest(now) for moment in coming):
        return {}, None
    opens = lifecycle.version_at(session, subscription, now).opens
    if not any(opens.values()):
        return {}, None
    return opens, min(coming, default=None)


def _fitted(claims: dict[str, Any], opened: Opened) -> dict[str, Any]:
    """The claims with as many names as fit, the subscription's first and then the newest posts."""
    room = MOST_CLAIMS_BYTES - len(compact({**claims, "opens": {"sections": [], "tags": []}, "unlocked": []}))
    opens = dict(opened.opens)
    for kind in ("sections", "tags"):
        if kind in opens:
            opens[kind], room = _fitting(opens[kind], room)
    posts, _ = _fitting(opened.posts[:MOST_POSTS], room)
    cut = opens != opened.opens or posts != opened.posts
    return {**claims, "cut": cut, "opens": opens, "unlocked": posts}


def _fitting(names: Iterable[str], room: int) -> tuple[list[str], int]:
    """As many names as have room, in order, and the bytes that are left."""
    taken = []
    for name in names:
        size = len(compact(name)) + 1
        if size > room:
            break
        taken.append(name)
        room -= size
    return taken, room


def _soonest(now: datetime) -> datetime:
    """A token counts whole seconds, so what ends before this cannot stand in one."""
    return datetime.fromtimestamp(_whole(now) + 1, UTC)


def _whole(moment: datetime) -> int:
    return math.floor(moment.timestamp())
