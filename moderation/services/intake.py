"""A reply comes in: the one path that every comment takes, so it is written for speed.

Statements are built once and run through SQLAlchemy Core on the session's own connection: on this path
the unit of work would cost more than everything else together (``bench/intake.py``).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import ExternalIdReused, Invalid
from moderation.ids import new_id
from moderation.models import Comment, Post, Reader, Site, insert_missing, table_of, utc_now
from moderation.policy import Policy, Status, decide
from moderation.services import audit, commenting, comments, facts
from moderation.services.comments import Asked, Scored
from moderation.services.facts import Named

_COMMENT, _POST, _READER = table_of(Comment), table_of(Post), table_of(Reader)
_COLUMNS = tuple(_COMMENT.columns.keys())
_INSERT = sa.insert(_COMMENT)
_KNOWN = sa.select(_COMMENT.c.id, _COMMENT.c.fingerprint).where(
    _COMMENT.c.site_id == sa.bindparam("site"), _COMMENT.c.external_id == sa.bindparam("external_id")
)
_THE_PARENT = sa.select(
    _COMMENT.c.id,
    _COMMENT.c.site_id,
    _COMMENT.c.post_id,
    _COMMENT.c.root_id,
    _COMMENT.c.depth,
    _COMMENT.c.deleted_at,
).where(_COMMENT.c.id == sa.bindparam("id"))
_THE_POST = sa.select(_POST).where(_POST.c.site_id == sa.bindparam("site"), _POST.c.id == sa.bindparam("id"))
_THE_READER = sa.select(_READER).where(_READER.c.site_id == sa.bindparam("site"), _READER.c.id == sa.bindparam("id"))
_KEPT_OF_READER = ("id", "name", "email", "url", "roles")


def submit(
    session: Session, site: Site, policy: Policy, scored: Scored, data: Mapping[str, Any], *, actor: str,
    asked: Asked | None = None, of_anybody: bool = False,
) -> tuple[Comment, bool]:  # fmt: skip
    """Store a new comment with its verdict; return it and whether it is new (``external_id`` repeats).

    ``asked`` is the answer of the site's own rule; without one a policy that asks for it publishes nothing.
    Raises ``SubscribersOnly`` for who may not comment on the site; ``of_anybody`` does not ask.
    """
    fingerprint = _fingerprint(data)
    known = _known(session, site, data["external_id"], fingerprint)
    if known is not None:
        return known, False
    post = name_post(session, site, data["post"])
    reader = name_reader(session, site, data["reader"])
    if not of_anybody:
        roles = reader.roles if reader else data["reader"].get("roles", ())
        commenting.check(session, site, reader and reader.id, roles)
    parent = _parent(session, site, post.id, data["parent_id"])
    hashed = facts.text_hash(data["text"])
    gathered = facts.gather(
        session, text=data["text"], hashed=hashed, policy=policy, post=post, reader=reader, signals=data["signals"],
        hook=asked.answer if asked else None,
    )  # fmt: skip
    verdict = decide(scored.scores, policy, gathered)
    id, now = new_id("cmt"), utc_now()
    comment = Comment(
        id=id, site_id=site.id, external_id=data["external_id"], post_id=post.id,
        parent_id=parent.id if parent else None,
        root_id=parent.root_id if parent else id,
        depth=parent.depth + 1 if parent else 0,
        reader_id=reader.id if reader else None,
        reader_name=data["reader"].get("name") or (reader.name if reader else ""),
        text=data["text"], text_hash=hashed, fingerprint=fingerprint, status=verdict.status,
        signals=data["signals"], flag_count=0, decided_by="policy", version=1, priority=0, event_sequence=1,
        created_at=data["created_at"] or now, updated_at=now,
    )  # fmt: skip
    comments.apply(comment, verdict, scored, policy)
    if verdict.status is Status.PENDING:
        comment.priority = commenting.priority(session, site, comment.reader_id)
    session.connection().execute(_INSERT, {name: getattr(comment, name) for name in _COLUMNS})
    if verdict.status is Status.PUBLISHED:
        comments.touch_thread(session, comment)
    comments.log(session, comment, kind="submitted", old_status=None, actor="policy", verdict=verdict,
                 hook=asked.as_dict() if asked else None)  # fmt: skip
    audit.record(session, site_id=site.id, actor=actor, action="comment.submitted", subject=id, status=comment.status)
    comments.announce(session, comment, sequence=comment.event_sequence)
    return comment, True


def name_post(session: Session, site: Site, data: Mapping[str, Any]) -> Named:
    """Return the post's row, made where it is new; what the site says of it anew is taken over."""
    return _named(session, Post, _THE_POST, {"site": site.id, "id": data["id"]}, data)


def name_reader(session: Session, site: Site, data: Mapping[str, Any]) -> Named | None:
    """Return the reader's row, made where it is new; None for one who gave a name only."""
    if not data.get("id"):
        return None
    kept = {name: data[name] for name in _KEPT_OF_READER if name in data}
    return _named(session, Reader, _THE_READER, {"site": site.id, "id": data["id"]}, kept)


def _named(
    session: Session,
    model: type[Post | Reader],
    query: sa.Select[Any],
    key: Mapping[str, str],
    said: Mapping[str, Any],
) -> Named:
    connection = session.connection()
    row = connection.execute(query, key).one_or_none()
    if row is None:
        insert_missing(session, model, {"site_id": key["site"], **said})
        row = connection.execute(query, key).one()
    news = {name: value for name, value in said.items() if getattr(row, name) != value}
    if news:
        found = sa.and_(model.site_id == key["site"], model.id == key["id"])
        session.execute(sa.update(model).where(found).values(news))
        row = connection.execute(query, key).one()
    return row


def _known(session: Session, site: Site, external_id: str | None, fingerprint: str) -> Comment | None:
    if external_id is None:
        return None
    row = session.connection().execute(_KNOWN, {"site": site.id, "external_id": external_id}).one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise ExternalIdReused(f"The comment “{external_id}” came before with another content.", id=row.id)
    return session.get_one(Comment, row.id)


def _fingerprint(data: Mapping[str, Any]) -> str:
    reader = data["reader"].get("id") or data["reader"].get("name")
    content = [data["text"], data["post"]["id"], data["parent_id"], reader]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _parent(session: Session, site: Site, post_id: str, id: str | None) -> Named | None:
    if id is None:
        return None
    parent = session.connection().execute(_THE_PARENT, {"id": id}).one_or_none()
    if parent is None or parent.site_id != site.id or parent.deleted_at is not None:
        raise Invalid.field("parent_id", "There is no such comment.")
    if parent.post_id != post_id:
        raise Invalid.field("parent_id", "That comment belongs to another post.")
    return parent
