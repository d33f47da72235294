"""A reader's standing on a site: banned for a while or until lifted, looked at before publishing."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from moderation.errors import NotFound
from moderation.models import Reader, utc_now
from moderation.services import audit

# A ban without an end; the column tells every ban by its end.
UNTIL_LIFTED = datetime(9999, 12, 31, tzinfo=UTC)


def find(session: Session, site_id: str, reader_id: str) -> Reader:
    reader = session.get(Reader, (site_id, reader_id))
    if reader is None:
        raise NotFound("There is no such reader here.")
    return reader


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
