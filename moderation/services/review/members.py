"""The queues by name: which comments belong to each, in which order, and how that is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from moderation.models import Appeal, Comment, Flag
from moderation.policy import Status

Belongs = sa.ColumnElement[bool]
HERE = Comment.deleted_at.is_(None)


@dataclass(frozen=True)
class Queue:
    """A line of comments that wait for a person.

    ``name`` is its address, ``title`` its heading, ``belongs(site_id)`` says which comments are in it, ``order``
    sorts them and ``told`` names that order to a moderator; ``none`` and ``source`` are for the empty queue.
    """

    name: str
    title: str
    belongs: Callable[[str], Belongs]
    order: Sequence[Any]
    told: str
    none: str
    source: str


def _pending(site_id: str) -> Belongs:
    return sa.and_(Comment.site_id == site_id, Comment.status == Status.PENDING, HERE)


def _reported(site_id: str) -> Belongs:
    flagged = Comment.id.in_(sa.select(Flag.comment_id).where(Flag.site_id == site_id, Flag.handled_at.is_(None)))
    return sa.and_(Comment.site_id == site_id, Comment.status == Status.PUBLISHED, flagged, HERE)


def _appealed(site_id: str) -> Belongs:
    appeals = sa.select(Appeal.comment_id).where(Appeal.site_id == site_id, Appeal.state == "open")
    return sa.and_(Comment.site_id == site_id, Comment.status == Status.REJECTED, Comment.id.in_(appeals), HERE)


_ALL = (
    Queue("pending", "Pending", _pending, (Comment.priority.desc(), Comment.harm.desc(), Comment.id),
          "greatest expected harm first", "Nothing is waiting", "Every reply is decided."),
    Queue("reported", "Reported", _reported, (Comment.flag_count.desc(), Comment.harm.desc(), Comment.id),
          "most reported first", "No open reports", "What readers report of published replies comes here."),
    Queue("appeals", "Appeals", _appealed, (Comment.id,), "oldest first", "No open appeals",
          "When an author asks again about a rejection, it comes here, for a colleague of the one who decided."),
)  # fmt: skip
# In the order of the rail.
QUEUES = {queue.name: queue for queue in _ALL}
