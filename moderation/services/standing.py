"""A reader's standing on a site: what they earned, banned for a while or until lifted, looked at before publishing."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound
from moderation.ids import new_id
from moderation.models import Comment, Reader, table_of, utc_now
from moderation.policy import Status
from moderation.policy.standing import Figure, Reply, figure
from moderation.services import audit

# A ban without an end; the column tells every ban by its end.
UNTIL_LIFTED = datetime(9999, 12, 31, tzinfo=UTC)
# What is older has faded to a sixteenth; and no reader costs the path of every comment more than so many rows.
COUNTED = timedelta(days=365)
MOST_COUNTED = 1_000
_ROW = table_of(Comment).c
_JUDGED = sa.or_(
    sa.and_(_ROW.status == Status.PUBLISHED, _ROW.deleted_at.is_(None)),
    # A rule alone (a closed post, a text too long) is no judgement; and who deletes a rejected reply keeps the loss.
    sa.and_(_ROW.status == Status.REJECTED, sa.or_(_ROW.decided_by != "policy", _ROW.harm >= 1)),
)
_REPLIES = (
    sa.select(
        sa.func.date(_ROW.created_at, type_=sa.Date()), _ROW.status, _ROW.decided_by, sa.func.length(_ROW.text),
        _ROW.text_hash,
    )
    .where(_ROW.site_id == sa.bindparam("site"), _ROW.reader_id == sa.bindparam("reader"))
    .where(_ROW.id >= sa.bindparam("since"), _ROW.id != sa.bindparam("but_not"), _JUDGED)
    .order_by(_ROW.id.desc())
    .limit(MOST_COUNTED)
)  # fmt: skip


def find(session: Session, site_id: str, reader_id: str) -> Reader:
    reader = session.get(Reader, (site_id, reader_id))
    if reader is None:
        raise NotFound("There is no such reader here.")
    return reader


def earned(session: Session, site_id: str, reader_id: str, *, but_not: str = "") -> Figure:
    """The reader's figure now, from how their newest 1,000 replies of the last year stand (``policy.standing``).

    Nothing of it is stored, so an undo, an overturned appeal or an erasure needs no correction. ``but_not`` is a
    comment that is left out. Subscriptions, unlocks and roles are not asked.
    """
    now = utc_now()
    asked = {"site": site_id, "reader": reader_id, "since": new_id("cmt", at=now - COUNTED), "but_not": but_not}
    replies = [
        Reply(day, status is Status.PUBLISHED, decided_by != "policy", characters, text_hash)
        for day, status, decided_by, characters, text_hash in session.connection().execute(_REPLIES, asked)
    ]
    return figure(replies, now.date())


def banned(reader: Reader) -> bool:
    return reader.banned_until is not None and reader.banned_until > utc_now()


def ban(session: Session, reader: Reader, *, days: int | None, reason: str, actor: str) -> None:
    """Refuse the reader's comments for ``days``, or until somebody lifts it."""
    reader.banned_until = UNTIL_LIFTED if days is None else utc_now() + timedelta(days=days)
    reader.ban_reason = reason
    session.flush()
    audit.record(session, site_id=reader.site_id, actor=actor, action="reader.banned", subject=reader.id,
                 days=days, reason=reason)  # fmt: skip


def unban(session: Session, reader: Reader, *, actor: str) -> None:
    reader.banned_until, reader.ban_reason = None, ""
    session.flush()
    audit.record(session, site_id=reader.site_id, actor=actor, action="reader.unbanned", subject=reader.id)


def premoderate(session: Session, reader: Reader, *, on: bool, actor: str) -> None:
    """Send everything that this reader writes to people first, or no longer."""
    reader.premoderated = on
    session.flush()
    audit.record(session, site_id=reader.site_id, actor=actor, action="reader.premoderated", subject=reader.id, on=on)
