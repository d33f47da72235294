"""Erasure: everything personal of one reader goes, from every table; what must stay means nobody any more.

What stays is what other people's things hang on (a comment's place in its thread, the count of reports) and
what proves the books (ledger, grants, subscriptions), under an id that was made for the purpose.
"""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import new_id
from moderation.models import (
    Allowance,
    Appeal,
    Audit,
    Comment,
    Decision,
    Flag,
    IdempotencyKey,
    Reader,
    Site,
    State,
    Unlock,
    utc_now,
)
from moderation.services import accounts, audit, comments, grants, lifecycle, metering, outbox, provider_people
from moderation.services.coral import people as coral_people
from moderation.services.lifecycle import Happening

CAUSE = "erasure"
_UNSEEN = {"synchronize_session": False}
_COMMENT_ROUTE = "POST /v1/comments/"


def erase(session: Session, site: Site, reader_id: str, *, actor: str) -> None:
    """Erase a reader; one who is not known is erased already. The same id begins anew afterwards."""
    alias = new_id("gone")
    _close_account(session, site, reader_id, alias, actor)
    theirs = sa.and_(Comment.site_id == site.id, Comment.reader_id == reader_id)
    # Stored answers are found by the comments, so they go first.
    _forget_answers(session, site.id, reader_id, sa.select(Comment.id).where(theirs))
    coral_people.forget(session, site.id, reader_id)
    _take_down(session, theirs, actor)
    given = sa.and_(Flag.site_id == site.id, Flag.reader_id == reader_id)
    _change(session, sa.update(Flag).where(given).values(reader_id=alias, note=""))
    provider_people.forget(session, site.id, reader_id)
    metering.forget(session, site.id, reader_id)
    outbox.forget_reader(session, site.id, reader_id, alias)
    acts = sa.and_(Audit.site_id == site.id, Audit.subject == reader_id, Audit.action.startswith("reader."))
    _change(session, sa.update(Audit).where(acts).values(subject=alias, data={}))
    _change(session, sa.delete(Reader).where(Reader.site_id == site.id, Reader.id == reader_id))
    audit.record(session, site_id=site.id, actor=actor, action="reader.erased", subject=alias)


def _close_account(session: Session, site: Site, reader_id: str, alias: str, actor: str) -> None:
    if accounts.find(session, site.id, reader_id) is None:
        return
    now = utc_now()
    with accounts.held(session, site, reader_id, now=now) as allowance:
        # From here on its events and rows tell of nobody.
        allowance.reader_id = alias
        session.flush()
        subscription = lifecycle.of_allowance(session, allowance.id)
        if subscription is not None and subscription.state is not State.ENDED:
            paid = subscription.paid_until
            subscription.paid_until = now if paid is None else min(paid, now)
            lifecycle.turn(
                session, allowance, subscription, Happening.CANCEL_NOW, State.ENDED, at=now, actor=actor, cause=CAUSE
            )
            grants.end_plan(session, allowance, subscription, now=now)
        _change(session, sa.delete(Unlock).where(Unlock.allowance_id == allowance.id))
        _forget_reasons(session, allowance)


def _forget_reasons(session: Session, allowance: Allowance) -> None:
    """Why a grant was given is the site's own sentence, and may name anybody."""
    given = sa.select(Audit).where(Audit.subject == allowance.id, Audit.action == "grant.created")
    for row in session.scalars(given):
        row.data = row.data | {"reason": ""}


def _take_down(session: Session, theirs: sa.ColumnElement[bool], actor: str) -> None:
    ids = sa.select(Comment.id).where(theirs)
    for comment in session.scalars(sa.select(Comment).where(theirs, Comment.deleted_at.is_(None))).all():
        comments.remove(session, comment, actor=actor)
    # What moderators and other readers wrote about the text may quote it, or name its author.
    _change(session, sa.update(Decision).where(Decision.comment_id.in_(ids)).values(note="", reasons=[], hook=None))
    _change(session, sa.update(Appeal).where(Appeal.comment_id.in_(ids)).values(text=""))
    _change(session, sa.update(Flag).where(Flag.comment_id.in_(ids)).values(note=""))
    blanks = dict.fromkeys(("reader_name", "text", "text_hash", "fingerprint"), "")
    _change(session, sa.update(Comment).where(theirs).values(**blanks, reader_id=None, reasons=[], signals={}))


def _forget_answers(session: Session, site_id: str, reader_id: str, comment_ids: sa.Select[Any]) -> None:
    """Delete the answers kept for repeated requests that tell of the reader."""
    stored = IdempotencyKey
    kept = sa.select(stored).where(stored.site_id == site_id)
    address = f"POST /v1/readers/{reader_id}/"
    on_theirs = sa.func.substr(stored.route, len(_COMMENT_ROUTE) + 1, len(new_id("cmt"))).in_(comment_ids)
    named = [
        stored.body.contains(json.dumps(reader_id, ensure_ascii=ascii), autoescape=True) for ascii in (True, False)
    ]
    for answer in session.scalars(kept.where(on_theirs)).all():
        session.delete(answer)
    session.flush()
    # Looked at again, because LIKE on SQLite does not tell upper case from lower.
    for answer in session.scalars(kept.where(sa.or_(stored.route.startswith(address, autoescape=True), *named))).all():
        if answer.route.startswith(address) or _tells_of(json.loads(answer.body), reader_id):
            session.delete(answer)
    session.flush()


def _tells_of(value: Any, reader_id: str) -> bool:
    if isinstance(value, dict):
        return value.get("reader_id") == reader_id or _any_tells_of(value.values(), reader_id)
    return isinstance(value, list) and _any_tells_of(value, reader_id)


def _any_tells_of(values: Iterable[Any], reader_id: str) -> bool:
    return any(_tells_of(value, reader_id) for value in values)


def _change(session: Session, statement: sa.Update | sa.Delete) -> None:
    session.execute(statement, execution_options=_UNSEEN)
