"""Reports by readers, and appeals by authors."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict, Invalid, StateForbids
from moderation.models import Appeal, Comment, Decision, Flag, Site
from moderation.policy import Status
from moderation.services import audit, comments, intake, outbox


def report(session: Session, site: Site, comment: Comment, data: Mapping[str, Any], *, actor: str) -> tuple[Flag, bool]:
    """Record a reader's report, once a reader; it orders the queue and never changes the status."""
    reader = intake.name_reader(session, site, data["reader"])
    if reader is None:
        raise Invalid.field("reader/id", "A report needs the reader's id.")
    known = sa.select(Flag).where(Flag.comment_id == comment.id, Flag.reader_id == reader.id)
    flag = session.scalar(known)
    if flag is not None:
        return flag, False
    flag = Flag(site_id=site.id, comment_id=comment.id, reader_id=reader.id, reason=data["reason"], note=data["note"])
    session.add(flag)
    # Counted by the database: two readers may report at the same moment.
    comment.flag_count = Comment.flag_count + 1
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="comment.flagged", subject=comment.id)
    told = {
        "id": flag.id, "version": comment.version, "sequence": comments.next_sequence(session, comment),
        "comment_id": comment.id, "reason": flag.reason, "count": comment.flag_count,
    }  # fmt: skip
    outbox.emit(session, site_id=site.id, type="comment.flagged", data=told)
    return flag, True


def appeal(
    session: Session, site: Site, comment: Comment, data: Mapping[str, Any], *, actor: str
) -> tuple[Appeal, bool]:
    """Open an appeal against the last decision on a rejected comment, once a decision."""
    if comment.status is not Status.REJECTED:
        raise StateForbids("Only a rejected comment can be appealed.", state=comment.status)
    if comment.reader_id is None or data["reader"].get("id") != comment.reader_id:
        raise Conflict("Only its author can appeal.")
    last = sa.select(Decision.id).where(Decision.comment_id == comment.id).order_by(Decision.comment_version.desc())
    decision_id = session.scalars(last.limit(1)).one()
    known = session.scalar(sa.select(Appeal).where(Appeal.decision_id == decision_id))
    if known is not None:
        return known, False
    opened = Appeal(site_id=site.id, comment_id=comment.id, decision_id=decision_id, text=data["text"], state="open")
    session.add(opened)
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="appeal.opened", subject=comment.id)
    return opened, True
