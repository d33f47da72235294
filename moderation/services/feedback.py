"""Feedback from outside: labels that a site's software sends through a door, kept as training rows."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import new_id
from moderation.models import Feedback, Site, insert_missing, utc_now
from moderation.services import audit, facts

_HALF = 0.5


def record(
    session: Session,
    site: Any,
    *,
    source: str,
    names: Sequence[str],
    text: str,
    labels: Mapping[str, float],
    actor: str,
) -> Feedback:
    """Keep a label; ``names`` name what was judged, and the same names again change that row.

    Where they are all empty the text itself is the name. Saying the same twice leaves one row as it was.
    """
    text = text.replace("\x00", "")
    named = list(names) if any(names) else [facts.text_hash(text)]
    token = hashlib.sha256(json.dumps(named).encode()).hexdigest()
    key = {"site_id": site.id, "source": source, "token": token}
    now = utc_now()
    made = {"id": new_id("fbk"), "actor": actor, "text": text, "labels": {}, "created_at": now, "updated_at": now}
    insert_missing(session, Feedback, key | made)
    # Locked on PostgreSQL, where two may say something of the same thing at once; SQLite has one writer.
    row = session.scalars(sa.select(Feedback).filter_by(**key).with_for_update()).one()
    said = {label: float(value >= _HALF) for label, value in labels.items()}
    if row.text == text and row.labels == row.labels | said:
        return row
    row.labels = row.labels | said if row.text == text else said
    row.text, row.actor, row.updated_at = text, actor, now
    session.flush()
    audit.record(
        session, site_id=site.id, actor=actor, action="feedback.received", subject=row.id, source=source, labels=said
    )
    return row


def rows(session: Session, site: Site | None, since: datetime | None) -> Iterator[tuple[Feedback, str]]:
    """Return what was said, oldest first, each with the name of its site."""
    query = sa.select(Feedback, Site.name).join(Site, Site.id == Feedback.site_id)
    if site is not None:
        query = query.where(Feedback.site_id == site.id)
    if since is not None:
        query = query.where(Feedback.updated_at >= since)
    for row in session.execute(query.order_by(Feedback.updated_at, Feedback.id).execution_options(yield_per=1_000)):
        yield row.Feedback, row.name
