"""Claims: an opened comment is held for one moderator for a while, so that two do not read the same."""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Comment, Moderator, utc_now


def take(session: Session, site_id: str, comment_id: str, *, moderator_id: str, seconds: int) -> bool:
    """Hold or go on holding a comment; False where somebody else holds it."""
    now = utc_now()
    free = sa.or_(Comment.claimed_by.is_(None), Comment.claimed_by == moderator_id, Comment.claimed_until <= now)
    took = session.execute(
        sa.update(Comment)
        .where(Comment.id == comment_id, Comment.site_id == site_id, Comment.deleted_at.is_(None), free)
        .values(claimed_by=moderator_id, claimed_until=now + timedelta(seconds=seconds))
        .execution_options(synchronize_session=False)
    )
    return bool(took.rowcount == 1)  # type: ignore[attr-defined]  # a CursorResult, which the stub does not say


def release(session: Session, comment_id: str, *, moderator_id: str) -> None:
    """Stop holding it; what somebody else holds stays held."""
    session.execute(
        sa.update(Comment)
        .where(Comment.id == comment_id, Comment.claimed_by == moderator_id)
        .values(claimed_by=None, claimed_until=None)
        .execution_options(synchronize_session=False)
    )


def holder(session: Session, comment: Comment, *, but_not: str) -> str | None:
    """The name of the other moderator who holds this comment now."""
    held = comment.claimed_by and comment.claimed_until and comment.claimed_until > utc_now()
    if not held or comment.claimed_by == but_not:
        return None
    return session.get_one(Moderator, comment.claimed_by).name


def take_all(
    session: Session, site_id: str, comment_ids: Collection[str], *, moderator_id: str, seconds: int
) -> frozenset[str]:
    """Hold several that are free or held by the same person already; the ids of those that are held now."""
    if not comment_ids:
        return frozenset()
    now = utc_now()
    free = sa.or_(Comment.claimed_by.is_(None), Comment.claimed_by == moderator_id, Comment.claimed_until <= now)
    took = session.scalars(
        sa.update(Comment)
        .where(Comment.id.in_(comment_ids), Comment.site_id == site_id, Comment.deleted_at.is_(None), free)
        .values(claimed_by=moderator_id, claimed_until=now + timedelta(seconds=seconds))
        .returning(Comment.id)
        .execution_options(synchronize_session=False)
    )
    return frozenset(took)


def release_all(session: Session, comment_ids: Collection[str], *, moderator_id: str, lease: datetime) -> None:
    """Let go of what a page held: claims that end by ``lease``. One that a newer page has renewed ends later."""
    session.execute(
        sa.update(Comment)
        .where(Comment.id.in_(comment_ids), Comment.claimed_by == moderator_id, Comment.claimed_until <= lease)
        .values(claimed_by=None, claimed_until=None)
        .execution_options(synchronize_session=False)
    )
