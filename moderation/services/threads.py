"""The public thread of a post: published comments, with the places of those that are gone."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Comment, Post
from moderation.policy import Status

MAX_DEPTH = 20
_SHOWN = sa.and_(Comment.status == Status.PUBLISHED, Comment.deleted_at.is_(None))


def version(session: Session, site_id: str, post_id: str) -> int:
    """A number that grows with every change of what the thread shows; 0 for a post never named."""
    found = session.scalar(sa.select(Post.thread_version).where(Post.site_id == site_id, Post.id == post_id))
    return found or 0


def flat(
    session: Session, site_id: str, post_id: str, *, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Published comments, oldest first, and the id to go on from."""
    query = sa.select(Comment).where(Comment.site_id == site_id, Comment.post_id == post_id, _SHOWN)
    if after is not None:
        query = query.where(Comment.id > after)
    found = session.scalars(query.order_by(Comment.id).limit(limit + 1)).all()
    return [_public(row) for row in found[:limit]], found[limit - 1].id if len(found) > limit else None


def nested(
    session: Session, site_id: str, post_id: str, *, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Branches, oldest first, each whole; a removed comment stays only where published replies hang on it."""
    branch = sa.select(Comment.root_id).where(Comment.site_id == site_id, Comment.post_id == post_id, _SHOWN)
    if after is not None:
        branch = branch.where(Comment.root_id > after)
    roots = session.scalars(branch.distinct().order_by(Comment.root_id).limit(limit + 1)).all()
    query = sa.select(Comment).where(
        Comment.site_id == site_id, Comment.post_id == post_id, Comment.root_id.in_(roots[:limit])
    )
    rows = session.scalars(query.order_by(Comment.depth.desc(), Comment.id)).all()
    return _grow(rows), roots[limit - 1] if len(roots) > limit else None


def _grow(rows: Sequence[Comment]) -> list[dict[str, Any]]:
    """Hang each on its parent; ``rows`` come deepest first, so that a row's replies are known when it comes.

    Deeper than ``MAX_DEPTH`` all replies hang side by side, so that no thread is too deep to print.
    """
    hangs_on: dict[str, str | None] = {}
    for row in reversed(rows):
        hangs_on[row.id] = row.parent_id if row.depth <= MAX_DEPTH else hangs_on[row.parent_id or ""]
    replies: dict[str | None, list[dict[str, Any]]] = {}
    for row in rows:
        hanging = sorted(replies.pop(row.id, []), key=lambda item: item["id"])
        shown = row.status is Status.PUBLISHED and row.deleted_at is None
        if shown or hanging:
            item = _public(row) if shown else _removed(row)
            replies.setdefault(hangs_on[row.id], []).append(item | {"replies": hanging})
    return replies.get(None, [])


def _public(row: Comment) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _PUBLIC} | {"removed": False}


def _removed(row: Comment) -> dict[str, Any]:
    kept = {name: getattr(row, name) for name in ("id", "parent_id", "created_at", "updated_at", "version")}
    return kept | {"removed": True, "text": "", "reader_id": None, "reader_name": ""}


_PUBLIC = ("id", "parent_id", "reader_id", "reader_name", "text", "created_at", "updated_at", "version")
