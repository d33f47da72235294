"""The audit trail: one row for each act, in the transaction of the act."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Audit, table_of, utc_now
from moderation.services import batch

_INSERT = sa.insert(table_of(Audit))


def record(session: Session, *, site_id: str | None, actor: str, action: str, subject: str, **data: Any) -> None:
    """Write who did what to what; ``data`` must not hold a comment's text, a secret or an address."""
    row = {"site_id": site_id, "actor": actor, "action": action, "subject": subject, "data": data}
    batch.write(session, _INSERT, {**row, "request_id": "", "created_at": utc_now()})
