"""All that a moderator needs to see of one comment, and of its reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Appeal, Comment, Decision, Flag, Post, Reader, Site, Subscription
from moderation.policy import Policy, Status
from moderation.policy.standing import Figure
from moderation.services import accounts, lifecycle, policies, standing
from moderation.services.review import decisions, wording

LAST_DECISIONS = 10
LAST_COMMENTS = 20
MOST_FLAGS = 50


@dataclass(frozen=True)
class Outcomes:
    """What became of a reader's comments: counts by status, and the last ones, newest first."""

    counts: Mapping[str, int]
    last: Sequence[Comment]


@dataclass(frozen=True)
class Glance:
    """The comment's author in a few figures."""

    outcomes: Outcomes
    figure: Figure
    subscription: Subscription | None


@dataclass(frozen=True)
class Card:
    comment: Comment
    post: Post
    parent: Comment | None
    reader: Reader | None
    glance: Glance | None
    flags: Sequence[Flag]
    appeal: Appeal | None
    standing: Decision | None
    decided_by: str
    policy: Policy


def of_comment(session: Session, site: Site, comment: Comment) -> Card:
    """Gather the card of one comment."""
    reader = session.get(Reader, (site.id, comment.reader_id)) if comment.reader_id else None
    in_force = decisions.in_force(decisions.history_of(session, comment))
    return Card(
        comment=comment,
        post=session.get_one(Post, (site.id, comment.post_id)),
        parent=session.get(Comment, comment.parent_id) if comment.parent_id else None,
        reader=reader,
        glance=_glance(session, reader, comment) if reader else None,
        flags=_flags(session, comment),
        appeal=decisions.open_appeal(session, comment),
        standing=in_force,
        decided_by=wording.actor_name(session, in_force) if in_force else "The policy",
        policy=policies.in_force(session, site),
    )


def _glance(session: Session, reader: Reader, comment: Comment) -> Glance:
    allowance = accounts.find(session, reader.site_id, reader.id)
    return Glance(
        outcomes(session, reader, but_not=comment.id, last=LAST_DECISIONS),
        standing.earned(session, reader.site_id, reader.id, but_not=comment.id),
        lifecycle.of_allowance(session, allowance.id) if allowance else None,
    )


def outcomes(session: Session, reader: Reader, *, last: int = LAST_COMMENTS, but_not: str = "") -> Outcomes:
    """What became of what this reader wrote; ``but_not`` is the comment that is being looked at."""
    theirs = sa.and_(
        Comment.site_id == reader.site_id, Comment.reader_id == reader.id, Comment.deleted_at.is_(None),
        Comment.id != but_not,
    )  # fmt: skip
    found: Any = session.execute(sa.select(Comment.status, sa.func.count()).where(theirs).group_by(Comment.status))
    counts = {status.value: 0 for status in Status} | {status.value: count for status, count in found}
    newest = sa.select(Comment).where(theirs).order_by(Comment.id.desc()).limit(last)
    return Outcomes(counts, session.scalars(newest).all())


def _flags(session: Session, comment: Comment) -> Sequence[Flag]:
    if not comment.flag_count:
        return []
    query = sa.select(Flag).where(Flag.comment_id == comment.id, Flag.handled_at.is_(None))
    return session.scalars(query.order_by(Flag.id).limit(MOST_FLAGS)).all()
