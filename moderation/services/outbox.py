"""The transactional outbox: an event is written with its cause and told later by the worker."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import new_id
from moderation.models import Event, table_of, utc_now
from moderation.services import batch, delivery_log

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
    "subscription.trial_ending",
    "subscription.period_ending",
    "subscription.payment_failed",
    "meter.used_up",
    "model.promoted",
    "model.rolled_back",
    "model.drifted",
    "endpoint.disabled",
    "delivery.dead",
    "endpoint.test",
)
# About telling itself; of these none is told of.
OPERATIONAL = ("endpoint.disabled", "delivery.dead", "endpoint.test")
# Standard Webhooks asks for bodies under 20 kB; what is larger is fetched from the API.
MOST_BODY_BYTES = 19_000

_INSERT = sa.insert(table_of(Event))


def emit(session: Session, *, site_id: str, type: str, data: Mapping[str, Any]) -> str:
    """Write one event and return its id; ``data`` holds JSON values and datetimes.

    Where the body would be too large, the largest values are left out and named in ``data.left_out``.
    """
    if type not in EVENT_TYPES:
        raise ValueError(f"{type} is not in EVENT_TYPES")
    id, now = new_id("evt"), utc_now()
    body = {"id": id, "type": type, "timestamp": _iso(now), "site": site_id}
    # Serialised once: every attempt signs and sends these very bytes.
    text = _serialise(body | {"data": data})
    if len(text.encode()) > MOST_BODY_BYTES:
        text = _serialise(body | {"data": _lightened(data)})
    row = {"id": id, "site_id": site_id, "type": type, "body": text, "created_at": now, "dispatched_at": None}
    batch.write(session, _INSERT, row)
    return id


def forget_reader(session: Session, site_id: str, reader_id: str, alias: str) -> None:
    """Put ``alias`` in the reader's place in every event of the site, and leave out reasons, which may quote.

    What is sent or replayed after that has other bytes than before: an erasure is the one thing that may.
    """
    said = f'"reader_id":{_serialise(reader_id)}'
    mine = sa.and_(Event.site_id == site_id, Event.body.contains(said, autoescape=True))
    for event in session.scalars(sa.select(Event).where(mine)).all():
        body = json.loads(event.body)
        # The search on SQLite does not tell upper case from lower.
        if body["data"].get("reader_id") != reader_id:
            continue
        blanks: dict[str, Any] = {"reasons": []} if "reasons" in body["data"] else {}
        event.body = _serialise(body | {"data": body["data"] | {"reader_id": alias} | blanks})
        delivery_log.forget_event(session, event.id)
    delivery_log.forget_words(session, site_id, reader_id)
    session.flush()


def _serialise(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_iso)


def _lightened(data: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {name: len(_serialise(value).encode()) for name, value in data.items()}
    kept, left_out = dict(data), []
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if sum(sizes[name] + len(name) for name in kept) < MOST_BODY_BYTES // 2:
            break
        del kept[name]
        left_out.append(name)
    return kept | {"left_out": left_out}


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
