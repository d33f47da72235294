"""What is thrown away when its time is over."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Comment, IdempotencyKey, MeteredPost

# Few enough that nobody waits for the lock.
BATCH = 500
# A clock that is set back finds what it had counted.
CLOCKS_GO_BACK = timedelta(days=2)


def purge_idempotency_keys(session: Session, *, now: datetime, hours: int) -> int:
    """Delete one batch of stored answers older than ``hours``, oldest first; return how many."""
    old = sa.select(IdempotencyKey.created_at).where(IdempotencyKey.created_at < now - timedelta(hours=hours))
    bound = session.scalars(old.order_by(IdempotencyKey.created_at).limit(1).offset(BATCH - 1)).first()
    last = bound or now - timedelta(hours=hours)
    gone = sa.delete(IdempotencyKey).where(IdempotencyKey.created_at <= last)
    return _count(session, gone.where(IdempotencyKey.created_at < now - timedelta(hours=hours)))


def purge_metered_posts(session: Session, *, now: datetime) -> int:
    """Delete one batch of counted posts whose window has ended: what was read is kept no longer than it counts."""
    over = MeteredPost.ends_at < now - CLOCKS_GO_BACK
    old = sa.select(MeteredPost.ends_at).where(over).order_by(MeteredPost.ends_at)
    bound = session.scalars(old.limit(1).offset(BATCH - 1)).first()
    return _count(session, sa.delete(MeteredPost).where(over, MeteredPost.ends_at <= (bound or now)))


def release_claims(session: Session, *, now: datetime) -> int:
    """Let go of comments that a moderator opened and left; return how many."""
    left = sa.update(Comment).where(Comment.claimed_until <= now).values(claimed_by=None, claimed_until=None)
    return _count(session, left)


def _count(session: Session, statement: sa.Delete | sa.Update) -> int:
    result = session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, which the stub does not say
