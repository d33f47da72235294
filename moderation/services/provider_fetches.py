"""Lines of a checkout that Stripe's event leaves out: which are to be fetched, and what came of it.

Nothing is fetched here: calling out takes time, in which nobody should wait for a lock.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Provider, ProviderEvent, Site
from moderation.services import provider_events, providers
from moderation.services.provider_events import QUARANTINED, TO_FETCH

AT_ONCE = 20
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)


class Wanted(NamedTuple):
    """A checkout whose lines are to be fetched, and the key to do it with."""

    event: str
    checkout: str
    api_key: str


class Answer(NamedTuple):
    """The lines as they are kept; or a sentence on why there are none."""

    lines: list[Any] | None
    fault: str = ""


def due(session: Session, *, now: datetime) -> Sequence[Wanted]:
    """What is to be fetched by now, oldest first."""
    return [_wanted(row, key) for row, key in _waiting(session) if _not_before(row) <= now][:AT_ONCE]


def of_events(session: Session, site_id: str, names: Collection[str]) -> Sequence[Wanted]:
    """What these events of a site wait for, whenever they were to be tried again."""
    return [_wanted(row, key) for row, key in _waiting(session) if row.site_id == site_id and row.event_id in names]


def _wanted(row: ProviderEvent, api_key: str) -> Wanted:
    return Wanted(row.id, row.object_id, api_key)


def _waiting(session: Session) -> Iterator[tuple[ProviderEvent, str]]:
    query = (
        sa.select(ProviderEvent, Provider.api_key)
        .join(Provider, sa.and_(Provider.site_id == ProviderEvent.site_id, Provider.name == ProviderEvent.provider))
        .where(ProviderEvent.state == QUARANTINED, ProviderEvent.reason == TO_FETCH, Provider.api_key.is_not(None))
        .order_by(ProviderEvent.told_at, ProviderEvent.event_id)
    )
    yield from ((row, str(key)) for row, key in session.execute(query))


def record(session: Session, wanted: Wanted, answer: Answer, *, now: datetime) -> None:
    """Apply the event with its lines; or let it wait, ever longer, with the reason."""
    row = session.get_one(ProviderEvent, wanted.event)
    site = session.get_one(Site, row.site_id)
    account = providers.of_site(session, site, row.provider)
    session.refresh(row)
    if (row.state, row.reason) != (QUARANTINED, TO_FETCH):
        # Meanwhile it was applied, dismissed or erased.
        return
    if answer.lines is not None:
        row.facts = {**row.facts, "bought": answer.lines, "fetch": None}
        provider_events.settle(session, site, account, row)
        return
    tries = (row.facts.get("fetch") or {}).get("tries", 0)
    pause = min(_FIRST_PAUSE * 2 ** min(tries, 20), _LONGEST_PAUSE)
    row.facts = {**row.facts, "fetch": {"tries": tries + 1, "at": (now + pause).isoformat()}}
    row.detail = f"Its lines could not be fetched from Stripe: {answer.fault}"
    session.flush()


def _not_before(row: ProviderEvent) -> datetime:
    fetch = row.facts.get("fetch")
    return datetime.fromisoformat(fetch["at"]) if fetch else row.created_at
