"""Visitors who did not sign in: known by a token that the site keeps, until they sign in or stay away."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import AnonymousReaderMerged, NotFound
from moderation.ids import new_id
from moderation.models import MeterAccount, MeteredPost, Post, Site, utc_now
from moderation.services import audit, meter_rules, metering

TOKEN_PREFIX = "anr_"  # noqa: S105 -- how a token begins is no secret
# Made for a visitor, or a robot, for whom nothing was ever counted: losing it costs nobody anything.
NEVER_USED = timedelta(days=7)
BATCH = 500


def make(session: Session, site: Site) -> str:
    """Return the token of a new anonymous reader: 256 random bits, which are shown this once."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    session.add(MeterAccount(id=new_id("mtr"), site_id=site.id, token_sha256=_digest(token), created_at=utc_now()))
    session.flush()
    return token


def find(session: Session, site_id: str, token: str) -> MeterAccount:
    """Return the account as it stands; ``NotFound`` for a token that never was, or was forgotten."""
    account = session.scalar(sa.select(MeterAccount).where(_by(site_id, token)))
    if account is None:
        raise _unknown()
    return account


def find_unmerged(session: Session, site_id: str, token: str) -> MeterAccount:
    return _unmerged(find(session, site_id, token))


def hold(session: Session, site_id: str, token: str) -> MeterAccount:
    """The same, locked until the transaction ends."""
    account = metering.hold(session, _by(site_id, token))
    if account is None:
        raise _unknown()
    return account


def hold_unmerged(session: Session, site_id: str, token: str) -> MeterAccount:
    return _unmerged(hold(session, site_id, token))


def access(session: Session, site: Site, token: str, post_id: str) -> dict[str, Any]:
    """May this visitor read the post? A token that was merged opens what is free, and nothing else."""
    account, post = find(session, site.id, token), session.get(Post, (site.id, post_id))
    section = post.section if post else ""
    who = metering.Who(account_id=account.id)
    meter = metering.standing(session, site, who, post_id, section, now=utc_now())
    if meter is not None and account.merged_at is not None:
        left = None if meter.left is None else 0
        meter = meter._replace(left=left, counted=False, until=None)
    because, until = "none", None
    if post is not None and post.free:
        because = "free_post"
    elif meter is not None and meter.opens:
        because, until = "meter", meter.until
    left = meter.left if meter else None
    return {"allowed": because != "none", "because": because, "unlock_left": 0, "meter_left": left, "until": until}


def merge(session: Session, site: Site, reader_id: str, token: str, *, actor: str) -> tuple[dict[str, Any], bool]:
    """Count for a reader what was counted for a token; return the answer and whether the token is merged now.

    A post that was counted for both counts once. A token is merged once, into one reader: again into the same
    one changes nothing, into another is ``AnonymousReaderMerged``.
    """
    now, anonymous = utc_now(), hold(session, site.id, token)
    if anonymous.merged_at is not None:
        _check_merged_into(session, anonymous, reader_id)
        return {"reader_id": reader_id, "posts_merged": 0}, False
    # The token is held first and the reader second, everywhere: nobody waits in a circle.
    account = metering.hold_reader(session, site.id, reader_id, now=now)
    merged = _move(session, anonymous, account, now)
    anonymous.merged_at = anonymous.used_at = account.used_at = now
    anonymous.merged_into = account.id
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="reader.merged", subject=reader_id, posts=merged)
    meter = meter_rules.of_site(site)
    for section, posts in meter.rules() if meter else ():
        metering.tell_if_used_up(session, site, account, section, posts, now=now)
    return {"reader_id": reader_id, "posts_merged": merged}, True


def _check_merged_into(session: Session, anonymous: MeterAccount, reader_id: str) -> None:
    query = sa.select(MeterAccount.reader_id).where(MeterAccount.id == anonymous.merged_into)
    if session.scalar(query) != reader_id:
        raise AnonymousReaderMerged("This token was merged into another reader; nothing was changed.")


def _move(session: Session, anonymous: MeterAccount, account: MeterAccount, now: datetime) -> int:
    """Give the reader the token's open posts; return how many the reader had not."""
    theirs = {post.post_id: post for post in metering.open_posts(session, account.id, now=now)}
    merged = 0
    for post in metering.open_posts(session, anonymous.id, now=now):
        known = theirs.get(post.post_id)
        if known is not None:
            # What was promised for longer stays open for longer.
            known.ends_at = max(known.ends_at, post.ends_at)
            continue
        metering.put(
            session, account, section=post.section, post_id=post.post_id, counted_at=post.counted_at,
            ends_at=post.ends_at,
        )  # fmt: skip
        merged += 1
    session.flush()
    gone = sa.delete(MeteredPost).where(MeteredPost.account_id == anonymous.id)
    session.execute(gone, execution_options={"synchronize_session": False})
    return merged


def purge(session: Session, *, now: datetime, days: int) -> int:
    """Forget one batch of tokens that were not used for ``days``, or never; return how many.

    Nothing that was counted for them is open by then, so that nobody gains by it.
    """
    never = sa.and_(MeterAccount.used_at.is_(None), MeterAccount.created_at < now - NEVER_USED)
    forgotten = 0
    for old in (never, MeterAccount.used_at < now - timedelta(days=days)):
        query = sa.select(MeterAccount.id).where(MeterAccount.token_sha256.is_not(None), old).limit(BATCH)
        # Locked first: a view that is counted at this moment keeps its account.
        ids = session.scalars(query.with_for_update(skip_locked=True)).all()
        for statement in (
            sa.delete(MeteredPost).where(MeteredPost.account_id.in_(ids)),
            sa.delete(MeterAccount).where(MeterAccount.id.in_(ids)),
        ):
            session.execute(statement, execution_options={"synchronize_session": False})
        forgotten += len(ids)
    return forgotten


def _by(site_id: str, token: str) -> sa.ColumnElement[bool]:
    return sa.and_(MeterAccount.token_sha256 == _digest(token), MeterAccount.site_id == site_id)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _unmerged(account: MeterAccount) -> MeterAccount:
    if account.merged_at is not None:
        raise AnonymousReaderMerged("This visitor has signed in before: ask them to sign in again.")
    return account


def _unknown() -> NotFound:
    return NotFound("There is no such anonymous reader here; make one with POST /v1/anonymous-readers.")
