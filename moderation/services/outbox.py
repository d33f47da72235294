"""The transactional outbox: an event is written with its cause and told later by the worker."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import new_id
from moderation.models import Event, table_of, utc_now

EVENT_TYPES = (
    "comment.published",
    "comment.rejected",
    "comment.pending",
    "comment.edited",
    "comment.deleted",
    "comment.flagged",
    "unlock.created",
    "allowance.changed",
    "subscription.changed",
    "model.promoted",
    "model.rolled_back",
    "endpoint.test",
)


_INSERT = sa.insert(table_of(Event))


def emit(session: Session, *, site_id: str, type: str, data: Mapping[str, Any]) -> str:
    """Write one event and return its id; ``data`` holds JSON values and datetimes."""
    id, now = new_id("evt"), utc_now()
    body = {"id": id, "type": type, "timestamp": _iso(now), "site": site_id, "data": data}
    # Serialised once: every attempt signs and sends these very bytes.
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=_iso)
    row = {"id": id, "site_id": site_id, "type": type, "body": text, "created_at": now, "dispatched_at": None}
    session.connection().execute(_INSERT, row)
    return id


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
