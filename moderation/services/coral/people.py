"""What is held of a reader who comments through Coral, and how it goes."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Comment, CoralComment

_UNSEEN = {"synchronize_session": False}


def held_on(session: Session, site_id: str, reader_id: str) -> Sequence[CoralComment]:
    """Which of the reader's comments are which at Coral."""
    query = sa.select(CoralComment).where(CoralComment.comment_id.in_(_theirs(site_id, reader_id)))
    return session.scalars(query.order_by(CoralComment.comment_id)).all()


def forget(session: Session, site_id: str, reader_id: str) -> None:
    """Forget it; called before the comments lose their reader."""
    gone = sa.delete(CoralComment).where(CoralComment.comment_id.in_(_theirs(site_id, reader_id)))
    session.execute(gone, execution_options=_UNSEEN)


def _theirs(site_id: str, reader_id: str) -> sa.Select[str]:
    return sa.select(Comment.id).where(Comment.site_id == site_id, Comment.reader_id == reader_id)
