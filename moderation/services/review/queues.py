"""What waits for a person, in the order in which it should be looked at."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from moderation.ids import new_id
from moderation.models import Comment, Decision, Moderator, utc_now
from moderation.services.review import members

# How many a page of the desk knows; the line is drawn again after each decision.
LOOKED_AHEAD = 100
SNIPPET_CHARACTERS = 160
DECIDED_SHOWN = 50
RECENT = timedelta(hours=24)


def line(session: Session, site_id: str, queue: str) -> Sequence[sa.Row[Any]]:
    """The head of a queue as light rows, each with who holds it now (``held_by``, ``holder``)."""
    holder = aliased(Moderator)
    which = members.QUEUES[queue]
    held = sa.and_(holder.id == Comment.claimed_by, Comment.claimed_until > utc_now())
    query = (
        sa.select(
            Comment.id, Comment.reader_name, Comment.reasons, Comment.created_at, Comment.flag_count,
            Comment.priority, Comment.scores,
            sa.func.substr(Comment.text, 1, SNIPPET_CHARACTERS).label("snippet"),
            holder.id.label("held_by"), holder.name.label("holder"),
        )
        .outerjoin(holder, held)
        .where(which.belongs(site_id))
        .order_by(*which.order)
        .limit(LOOKED_AHEAD)
    )  # fmt: skip
    return session.execute(query).all()


def counts(session: Session, site_id: str) -> dict[str, int]:
    """How many wait in each queue, and how many people decided in the last 24 hours."""
    found = {}
    for name, queue in members.QUEUES.items():
        query = sa.select(sa.func.count()).select_from(Comment).where(queue.belongs(site_id))
        found[name] = session.scalar(query) or 0
    found["decided"] = session.scalar(sa.select(sa.func.count()).select_from(Decision).where(_by_people(site_id))) or 0
    return found


def _by_people(site_id: str) -> sa.ColumnElement[bool]:
    since = new_id("dec", at=utc_now() - RECENT)
    undo = aliased(Decision)
    taken_back = sa.select(undo.id).where(undo.site_id == site_id, undo.undoes_id == Decision.id)
    by_people = sa.and_(Decision.site_id == site_id, Decision.moderator_id.is_not(None), Decision.id >= since)
    return sa.and_(by_people, Decision.kind == "decided", ~taken_back.exists())


def decided(session: Session, site_id: str) -> Sequence[sa.Row[Decision, Comment, str, str]]:
    """People's last decisions, newest first: (Decision, Comment, moderator's name, undo's id or None)."""
    undo = aliased(Decision)
    query = (
        sa.select(Decision, Comment, Moderator.name, undo.id)
        .join(Comment, Comment.id == Decision.comment_id)
        .join(Moderator, Moderator.id == Decision.moderator_id)
        .outerjoin(undo, undo.undoes_id == Decision.id)
        .where(Decision.site_id == site_id, Decision.moderator_id.is_not(None), members.HERE)
        .where(Decision.kind == "decided")
        .order_by(Decision.id.desc())
        .limit(DECIDED_SHOWN)
    )
    return session.execute(query).all()


def page(
    session: Session, site_id: str, *, after: tuple[int, float, str] | None, limit: int
) -> tuple[Sequence[Comment], tuple[int, float, str] | None]:
    """Pending comments, those whose plan says so first, then by expected harm, and the position to go on from."""
    pending = members.QUEUES["pending"]
    query = sa.select(Comment).where(pending.belongs(site_id))
    if after is not None:
        priority, harm, id = after
        later = sa.or_(Comment.harm < harm, sa.and_(Comment.harm == harm, Comment.id > id))
        query = query.where(sa.or_(Comment.priority < priority, sa.and_(Comment.priority == priority, later)))
    found = session.scalars(query.order_by(*pending.order).limit(limit + 1)).all()
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], (last.priority, last.harm, last.id) if last else None


def oldest(session: Session, site_id: str) -> datetime | None:
    """When the comment that has waited longest came in."""
    return session.scalar(sa.select(sa.func.min(Comment.created_at)).where(members.QUEUES["pending"].belongs(site_id)))
