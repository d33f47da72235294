"""What has changed on a page that is open: who holds what, and what was decided meanwhile."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Comment, Moderator, utc_now
from moderation.services.review import wording


def holders(session: Session, site_id: str, comment_ids: Collection[str], *, but_not: str) -> dict[str, str]:
    """The names of the other moderators who hold these now, by the comment's id."""
    if not comment_ids:
        return {}
    query = (
        sa.select(Comment.id, Moderator.name)
        .join(Moderator, Moderator.id == Comment.claimed_by)
        .where(Comment.id.in_(comment_ids), Comment.site_id == site_id)
        .where(Comment.claimed_until > utc_now(), Comment.claimed_by != but_not)
    )
    return {row.id: row.name for row in session.execute(query)}


def left(session: Session, comment_ids: Collection[str], belongs: Any) -> list[str]:
    """Those of these comments that are not in a queue any more; ``belongs`` says who is in it."""
    if not comment_ids:
        return []
    query = sa.select(Comment.id).where(Comment.id.in_(comment_ids), belongs)
    return sorted(set(comment_ids) - set(session.scalars(query)))


def changed(session: Session, site_id: str, comment_id: str, *, version: int) -> str:
    """What happened to a comment since somebody saw it at ``version``; empty where nothing did."""
    comment = session.get(Comment, comment_id)
    if comment is None or comment.site_id != site_id or comment.version == version:
        return ""
    return wording.what_happened(session, comment)
