"""What the worker does every few seconds beside telling events: throw old things away, look at conditions."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from moderation.services import alerts, anonymous_readers, delivery_log, digests, retention, token_keys
from moderation.services.coral import phase as coral_phase

Chore = Callable[[Session, datetime, Mapping[str, Any]], int]
# Each does a batch and returns how many it found; it is called again until it finds none.
CHORES: Mapping[str, Chore] = {
    "idempotency keys": lambda session, now, settings: retention.purge_idempotency_keys(
        session, now=now, hours=settings["IDEMPOTENCY_HOURS"]
    ),
    "delivery log": lambda session, now, settings: delivery_log.purge(
        session, now=now, days=settings["WEBHOOK_LOG_DAYS"]
    ),
    "claims": lambda session, now, _: retention.release_claims(session, now=now),
    "metered posts": lambda session, now, _: retention.purge_metered_posts(session, now=now),
    "anonymous readers": lambda session, now, settings: anonymous_readers.purge(
        session, now=now, days=settings["ANONYMOUS_READER_DAYS"]
    ),
    "coral answers": lambda session, now, _: coral_phase.purge(session, now=now),
    "token keys": lambda session, now, _: token_keys.purge(session, now=now),
    "alerts": lambda session, now, settings: alerts.check(session, now=now, public_url=settings["PUBLIC_URL"]),
    "digests": lambda session, now, settings: digests.plan(session, now=now, can_mail=bool(settings["SMTP_HOST"])),
}
