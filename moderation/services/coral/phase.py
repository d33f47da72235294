"""The moderation phase: a verdict on a comment that Coral is about to take, the same one for a repeat."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from moderation import coral
from moderation.coral import Asked
from moderation.ids import new_id
from moderation.models import Comment, CoralAnswer, CoralComment, table_of, utc_now
from moderation.policy import Facts, Policy, Status, decide
from moderation.services import facts, intake
from moderation.services.comments import Scored
from moderation.services.moving.html_text import MOST_HTML_CHARACTERS, plain

REPEAT_WINDOW = timedelta(minutes=10)
EXTERNAL_ID = "coral:"
_ANSWERS = table_of(CoralAnswer).c
_KNOWN = sa.select(_ANSWERS.body).where(
    _ANSWERS.site_id == sa.bindparam("site"), _ANSWERS.key == sa.bindparam("asked"),
    _ANSWERS.created_at > sa.bindparam("since"),
)  # fmt: skip
_SAY = (
    sa.update(table_of(CoralAnswer))
    .where(_ANSWERS.site_id == sa.bindparam("site"), _ANSWERS.key == sa.bindparam("asked"))
    .values(body=sa.bindparam("said"))
)


def _take(insert: Any) -> Any:
    """Take the key: where nobody has it, or where its ten minutes have passed."""
    statement = insert(table_of(CoralAnswer)).values(
        site_id=sa.bindparam("site"), key=sa.bindparam("asked"), body=sa.bindparam("body"),
        created_at=sa.bindparam("now"),
    )  # fmt: skip
    fresh = {"body": statement.excluded.body, "created_at": statement.excluded.created_at}
    stale = _ANSWERS.created_at <= sa.bindparam("since")
    return statement.on_conflict_do_update(index_elements=["site_id", "key"], set_=fresh, where=stale).returning(
        _ANSWERS.key
    )


_TAKE = {"sqlite": _take(sqlite.insert), "postgresql": _take(postgresql.insert)}
_LINK = sa.insert(table_of(CoralComment))
_UNSEEN = {"synchronize_session": False}


def text_of(asked: Asked) -> str:
    """The text as a reader sees it, whether it came as HTML or not, and no more of it than is scored."""
    return plain(asked.body[:MOST_HTML_CHARACTERS])[: coral.MOST_CHARACTERS]


def known(session: Session, site_id: str, asked: Asked, *, now: datetime) -> Mapping[str, Any] | None:
    """What the same question was answered within ten minutes; an empty one was 204."""
    named = {"site": site_id, "asked": asked.key, "since": now - REPEAT_WINDOW}
    found: Mapping[str, Any] | None = session.connection().execute(_KNOWN, named).scalar_one_or_none()
    return found


def answer(
    session: Session, site: Any, policy: Policy, scored: Scored, asked: Asked, *, keep: bool, actor: str
) -> Mapping[str, Any]:
    """Decide and remember the answer; with ``keep`` the comment is stored for the desk, as any reply."""
    connection, now = session.connection(), utc_now()
    key = {"site": site.id, "asked": asked.key}
    # The key is taken first: another worker with the same question waits here, or finds the answer.
    taken = key | {"now": now, "since": now - REPEAT_WINDOW, "body": {"taken": new_id("ask")}}
    if connection.execute(_TAKE[connection.dialect.name], taken).one_or_none() is None:
        found = connection.execute(_KNOWN, key | {"since": now - REPEAT_WINDOW}).scalar_one()
        return cast("Mapping[str, Any]", found)
    text, body = text_of(asked), {}
    # A rating or a picture alone has nothing that could be judged.
    if text and keep and asked.story_id:
        body = _of_stored(_stored(session, site, policy, scored, asked, text, actor))
    elif text:
        body = _judged(policy, scored, asked, text)
    connection.execute(_SAY, key | {"said": body})
    return body


def purge(session: Session, *, now: datetime) -> int:
    """Forget answers whose ten minutes have passed."""
    old = sa.delete(CoralAnswer).where(CoralAnswer.created_at <= now - REPEAT_WINDOW)
    done: Any = session.execute(old, execution_options=_UNSEEN)
    return int(done.rowcount)


def _judged(policy: Policy, scored: Scored, asked: Asked, text: str) -> dict[str, Any]:
    """By the text and the author's role alone, as nothing is kept of either."""
    roles = (asked.role,) if asked.role else ()
    verdict = decide(scored.scores, policy, Facts(**facts.of_text(text, policy), reader_roles=roles))
    return coral.answer(verdict.status, [reason.as_dict() for reason in verdict.reasons]) or {}


def _of_stored(comment: Comment) -> dict[str, Any]:
    return coral.answer(comment.status, comment.reasons if comment.status is not Status.PUBLISHED else ()) or {}


def _stored(
    session: Session, site: Any, policy: Policy, scored: Scored, asked: Asked, text: str, actor: str
) -> Comment:
    sums = {"html_sum": coral.sum_of(asked.body), "text_sum": coral.sum_of(asked.body, html=False)}
    before = _unchanged(session, site.id, asked, sums["html_sum"]) if asked.is_edit else None
    if before is not None:
        return before
    data = {
        "external_id": None,
        "post": {"id": asked.story_id, **({"url": asked.story_url} if asked.story_url else {})},
        "parent_id": _parent(session, site.id, asked),
        "reader": {"id": asked.author_id, "roles": [asked.role] if asked.role else []} if asked.author_id else {},
        "text": text,
        "created_at": None,
        "signals": {},
    }
    comment, _ = intake.submit(session, site, policy, scored, data, actor=actor)
    link = {
        "comment_id": comment.id, "site_id": site.id, "story_id": asked.story_id, "author_id": asked.author_id, **sums,
        "coral_id": None, "revision_id": "", "coral_status": "", "due_at": comment.updated_at, "attempts": 0,
        "error": "", "created_at": comment.updated_at,
    }  # fmt: skip
    session.connection().execute(_LINK, link)
    return comment


def _unchanged(session: Session, site_id: str, asked: Asked, html_sum: str) -> Comment | None:
    """The author's comment with this very text: an edit that changed none of it is no repeat of itself."""
    query = (
        sa.select(Comment)
        .join(CoralComment, CoralComment.comment_id == Comment.id)
        .where(CoralComment.site_id == site_id, CoralComment.story_id == asked.story_id)
        .where(CoralComment.author_id == asked.author_id, CoralComment.html_sum == html_sum)
        .where(Comment.deleted_at.is_(None))
    )
    return session.scalars(query.order_by(Comment.id.desc())).first()


def _parent(session: Session, site_id: str, asked: Asked) -> str | None:
    """Our comment that is the answered one at Coral, where that is known."""
    if not asked.parent_id:
        return None
    query = sa.select(Comment.id).where(
        Comment.site_id == site_id, Comment.external_id == EXTERNAL_ID + asked.parent_id,
        Comment.post_id == asked.story_id, Comment.deleted_at.is_(None),
    )  # fmt: skip
    return session.scalar(query)
