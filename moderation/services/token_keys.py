"""The keys of a site's entitlement tokens: which signs, which are published, and how one follows another.

Nothing is switched: which key signs follows from ``signs_from`` and the clock, so that every process agrees and
none waits for the worker. A new key is published for longer than any cache keeps the document before it signs, and an
old one until the last token of it has expired.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound, StateForbids
from moderation.models import Site, TokenKey, utc_now
from moderation.services import audit
from moderation.token_signing import new_private_key, public_jwk

# How long a verifier may keep the published keys.
CACHE_SECONDS = 300
# How far clocks may differ: of our own machines, and of an edge that runs ahead or behind.
SKEW_SECONDS = 60
MOST_LIFETIME_SECONDS = 3_600
# Two caches may stand in a row: one in front of us, and the verifier's own.
PUBLISHED_BEFORE = timedelta(seconds=2 * CACHE_SECONDS + SKEW_SECONDS)
PUBLISHED_AFTER = timedelta(seconds=MOST_LIFETIME_SECONDS + SKEW_SECONDS)
# What an edge does while we do not answer: nothing more, what it proved lately, or everything.
OUTAGE_MODES = ("closed", "grace", "open")
OUTAGE = "closed"
OUTAGE_GRACE_SECONDS = 3_600
MOST_OUTAGE_GRACE_SECONDS = 86_400


def create(session: Session, site_id: str, *, signs_from: datetime, actor: str) -> TokenKey:
    key = TokenKey(site_id=site_id, private_key=new_private_key(), signs_from=signs_from)
    session.add(key)
    session.flush()
    audit.record(session, site_id=site_id, actor=actor, action="token_key.created", subject=key.id,
                 signs_from=signs_from.isoformat())  # fmt: skip
    return key


def of_site(session: Session, site_id: str) -> Sequence[TokenKey]:
    """Every key of the site that is stored, in the order in which they sign."""
    query = sa.select(TokenKey).where(TokenKey.site_id == site_id)
    return session.scalars(query.order_by(TokenKey.signs_from)).all()


def signing(session: Session, site_id: str, *, now: datetime) -> TokenKey:
    """The key that signs at ``now``; after a clock that went back, the first one."""
    keys = of_site(session, site_id)
    if not keys:
        raise StateForbids("The site has no key for tokens; make one with: replydesk token-key rotate", state="no_key")
    return _signing(keys, now)


def published(session: Session, site_id: str, *, now: datetime) -> list[TokenKey]:
    """The keys that a verifier must know: the one that signs, the next, and those with tokens that still live."""
    keys = of_site(session, site_id)
    return [key for key, until in zip(keys, _published_until(keys), strict=True) if until is None or until > now]


def key_set(session: Session, site: Site, *, now: datetime) -> dict[str, Any]:
    """The JWK Set (RFC 7517 5), and beside the keys what an edge does while we do not answer."""
    settings = site.settings
    outage = {
        "mode": settings.get("outage", OUTAGE),
        "grace_seconds": settings.get("outage_grace_seconds", OUTAGE_GRACE_SECONDS),
    }
    keys = [public_jwk(key.id, key.private_key) for key in published(session, site.id, now=now)]
    return {"keys": keys, "outage": outage}


def rotate(session: Session, site: Site, *, at_once: bool, actor: str) -> TokenKey:
    """Let a new key follow; ``at_once`` is for one that was stolen: every other key goes now.

    Raises ``StateForbids`` while an earlier rotation still waits for its moment.
    """
    # Two at the same time would each make a successor.
    session.execute(sa.select(Site.id).where(Site.id == site.id).with_for_update())
    now, keys = utc_now(), of_site(session, site.id)
    if at_once or not keys:
        for key in keys:
            _take_out(session, key, actor)
        return create(session, site.id, signs_from=now, actor=actor)
    waiting = keys[-1]
    if waiting.signs_from > now:
        raise StateForbids(f"The key {waiting.id} signs from {waiting.signs_from:%H:%M:%S} UTC on.", state="next")
    return create(session, site.id, signs_from=now + PUBLISHED_BEFORE, actor=actor)


def retire(session: Session, site: Site, key_id: str, *, actor: str) -> None:
    """Publish a key no longer, before its time; ``StateForbids`` for the one that signs."""
    session.execute(sa.select(Site.id).where(Site.id == site.id).with_for_update())
    keys = of_site(session, site.id)
    key = next((key for key in keys if key.id == key_id), None)
    if key is None:
        raise NotFound(f"The site {site.name} has no token key {key_id}.")
    if key is _signing(keys, utc_now()):
        raise StateForbids("This key signs; another takes its place with: replydesk token-key rotate", state="signing")
    _take_out(session, key, actor)


def purge(session: Session, *, now: datetime) -> int:
    """Delete the keys, with their secret halves, whose last token has expired; return how many."""
    rows = session.execute(sa.select(TokenKey.site_id).group_by(TokenKey.site_id).having(sa.func.count() > 1))
    gone = 0
    for (site_id,) in rows.all():
        keys = of_site(session, site_id)
        for key, until in zip(keys, _published_until(keys), strict=True):
            if until is not None and until <= now:
                gone += _take_out(session, key, "worker")
    return gone


def describe(keys: Sequence[TokenKey], *, now: datetime) -> list[dict[str, Any]]:
    """Each key for people: ``next``, ``signing`` or ``verifying``, and until when it is published."""
    if not keys:
        return []
    current, ends = _signing(keys, now), _published_until(keys)
    return [
        {
            "kid": key.id,
            "state": "signing" if key is current else "next" if key.signs_from > now else "verifying",
            "signs_from": key.signs_from,
            "published_until": until,
        }
        for key, until in zip(keys, ends, strict=True)
        if until is None or until > now
    ]


def _signing(keys: Sequence[TokenKey], now: datetime) -> TokenKey:
    return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])


def _published_until(keys: Sequence[TokenKey]) -> list[datetime | None]:
    """When each key's last token has expired; None for the last one, which nothing follows."""
    return [follower.signs_from + PUBLISHED_AFTER for _, follower in pairwise(keys)] + [None] * bool(keys)


def _take_out(session: Session, key: TokenKey, actor: str) -> bool:
    """Delete the row; whether it was still there, which two workers may both have thought."""
    gone = session.scalars(sa.delete(TokenKey).where(TokenKey.id == key.id).returning(TokenKey.id)).one_or_none()
    if gone is not None:
        audit.record(session, site_id=key.site_id, actor=actor, action="token_key.removed", subject=key.id)
    return gone is not None
