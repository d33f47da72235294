"""Comments as rows of our own columns, for ``replydesk export``."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from moderation.models import Comment, Decision, Post, Reader, Site
from moderation.policy import Status
from moderation.services.moving.record import REASONS

ROWS_AT_ONCE = 500


def rows(session: Session, site: Site) -> Iterator[dict[str, Any]]:
    """Every comment of the site, oldest first, as ``import jsonl`` reads it; empty columns are left out."""
    parent = aliased(Comment)
    query = (
        sa.select(Comment, Post, Reader, Decision, parent.id, parent.external_id)
        .join(Post, sa.and_(Post.site_id == Comment.site_id, Post.id == Comment.post_id))
        .outerjoin(Reader, sa.and_(Reader.site_id == Comment.site_id, Reader.id == Comment.reader_id))
        .outerjoin(parent, parent.id == Comment.parent_id)
        .outerjoin(Decision, sa.and_(Decision.comment_id == Comment.id, Decision.comment_version == Comment.version))
        # An expression, so that SQLite walks along the ids instead of sorting the whole site in memory.
        .where(Comment.site_id + "" == site.id)
        .order_by(Comment.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for comment, post, reader, decision, parent_id, parent_external_id in session.execute(query):
        row = {
            **_comment(comment),
            "post_url": post.url,
            "post_title": post.title,
            "parent_external_id": parent_external_id or parent_id,
            "reader_email": reader.email if reader else "",
            "reader_url": reader.url if reader else "",
            **_decided(comment, decision),
        }
        yield {name: value for name, value in row.items() if value or name == "text"}
        # Memory must not grow with the site.
        for found in (comment, decision):
            if found is not None:
                session.expunge(found)


def _comment(comment: Comment) -> dict[str, Any]:
    return {
        "external_id": comment.external_id or comment.id,
        "post_external_id": comment.post_id,
        "reader_external_id": comment.reader_id,
        "reader_name": comment.reader_name,
        "text": comment.text,
        "status": comment.status.value,
        "created_at": _time(comment.created_at),
        "deleted_at": _time(comment.deleted_at) if comment.deleted_at else None,
        "scores": [
            {"label": label, "value": value, "model_version": comment.model_version}
            for label, value in comment.scores.items()
        ],
    }


def _decided(comment: Comment, decision: Decision | None) -> dict[str, Any]:
    human = comment.decided_by != "policy"
    at = decision.created_at if decision and human and decision.created_at != comment.created_at else None
    return {
        "reason": _reason(comment, decision) if comment.status is Status.REJECTED else "",
        "decided_by": "human" if human else "policy",
        "decided_at": _time(at) if at else None,
    }


def _reason(comment: Comment, decision: Decision | None) -> str:
    """A reason of the format's list; our policy's other codes are all the work of a rule."""
    codes = [decision.reason if decision else None, *(reason.get("code") for reason in comment.reasons)]
    named = [code for code in codes if code]
    return next((code for code in named if code in REASONS), "rule" if named else "")


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
