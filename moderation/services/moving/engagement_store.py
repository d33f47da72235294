"""Holdings become accounts, a batch at a time: grants, ledger entries, open posts, subscriptions, provider ids.

A batch is one transaction of the caller's; a reader is written whole or not at all. What stands under its
reference already is passed over, so that a run that was killed is simply begun again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Grant, LedgerEntry, ProviderEvent, Site, table_of, utc_now
from moderation.services import audit
from moderation.services.moving.engagement_books import KIND, Books, Need, Plans, lot_references
from moderation.services.moving.engagement_record import Holding
from moderation.services.moving.engagement_rows import Rows, take
from moderation.services.moving.record import Refusal, Skipped
from moderation.services.provider_events import QUARANTINED, UNKNOWN_READER, retry

_GRANT, _ENTRY = table_of(Grant), table_of(LedgerEntry)
COUNTED = ("units", "posts", "subscriptions")


@dataclass(frozen=True)
class Source:
    """What is being read, what its plans are called here, and whether the site's endpoints are told."""

    name: str
    plans: Plans
    events: bool = False


@dataclass
class Batch:
    """What became of a batch, and its sums: in the file, and where each unit of it went."""

    stored: int = 0
    there: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    in_file: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    in_ledger: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))

    def count(self, sums: dict[str, int], units: int, posts: int, subscriptions: int) -> None:
        for name, number in zip(COUNTED, (units, posts, subscriptions), strict=True):
            sums[name] += number


def store(session: Session, site: Site, source: Source, holdings: Sequence[Holding], *, first: bool) -> Batch:
    """Store what is new; ``first``: nothing of this run is stored yet, so that its audit row is still to be written."""
    batch, now = Batch(), utc_now()
    books = Books(session, site, source.name, holdings, now)
    needs = list(_needs(books, source.plans, holdings, batch))
    writing = [need for need in needs if need]
    batch.stored, batch.there = len(writing), len(needs) - len(writing)
    if writing:
        rows = Rows(site, source.name, now)
        accounts = take(session, site, writing, now)
        for need in writing:
            rows.add(need, accounts[need.holding.reader_id], books)
        rows.write(session, tell=source.events)
        if first:
            audit.record(
                session, site_id=site.id, actor=f"import:{source.name}", action="readers.imported", subject=site.id
            )
    _reckon(session, site, source, needs, batch, now)
    return batch


def _needs(books: Books, plans: Plans, holdings: Sequence[Holding], batch: Batch) -> Iterable[Need]:
    for holding in holdings:
        units, subscribed = sum(lot.unlocks for lot in holding.lots), holding.plan is not None
        posts = len(holding.posts) + holding.repeated
        batch.count(batch.in_file, units, posts, subscribed)
        try:
            need = books.need(holding, plans)
        except Refusal as refusal:
            batch.skipped.append(refusal.at(holding.where))
            batch.count(batch.left_out, units, posts, subscribed)
        else:
            batch.count(batch.left_out, need.expired, posts - need.opened, 0)
            yield need


def _reckon(session: Session, site: Site, source: Source, needs: Sequence[Need], batch: Batch, now: datetime) -> None:
    """Ask the ledger itself what it says of these readers."""
    names = [name for need in needs for name in lot_references(need.reference, len(need.holding.lots))]
    if not names:
        return
    # What was opened by the import stands at the very moment of its grant; what was spent since does not.
    at_once = sa.and_(_ENTRY.c.kind == "unlock", _ENTRY.c.created_at == _GRANT.c.created_at)
    sums = (
        sa.select(
            sa.func.sum(sa.case((_ENTRY.c.kind == "grant", _ENTRY.c.unlocks), else_=0)),
            sa.func.sum(sa.case((at_once, 1), else_=0)),
        )
        .select_from(_GRANT)
        .join(_ENTRY, sa.and_(_ENTRY.c.allowance_id == _GRANT.c.allowance_id, _ENTRY.c.grant_id == _GRANT.c.id))
        .where(_GRANT.c.site_id == site.id, _GRANT.c.kind == KIND, _GRANT.c.reference.in_(names))
    )
    granted, opened = session.connection().execute(sums).one()
    holdings = [need.holding for need in needs]
    books = Books(session, site, source.name, holdings, now)
    subscribed = sum(one.plan is not None and books.has_subscription(one) for one in holdings)
    batch.count(batch.in_ledger, (granted or 0) - (opened or 0), opened or 0, subscribed)


def disagreements(totals: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A sentence for each sum of the file that is not found again."""
    return [
        f"{name}: the file has {totals['in_file'][name]:,}, the ledger {totals['in_ledger'][name]:,} and "
        f"{totals['left_out'][name]:,} were left out."
        for name in COUNTED
        if totals["in_file"][name] != totals["in_ledger"][name] + totals["left_out"][name]
    ]


def wake(session: Session, site: Site, source: Source, holdings: Sequence[Holding]) -> int:
    """Apply the provider's events that came before anybody knew whose they are; return how many left quarantine."""
    customers = {one.customer for one in holdings if one.customer}
    subscriptions = {one.subscription for one in holdings if one.subscription}
    waiting = sa.select(ProviderEvent).where(
        ProviderEvent.site_id == site.id, ProviderEvent.state == QUARANTINED, ProviderEvent.reason == UNKNOWN_READER,
        sa.or_(ProviderEvent.customer.in_(customers), ProviderEvent.subscription.in_(subscriptions)),
    )  # fmt: skip
    woken = 0
    for event in session.scalars(waiting.order_by(ProviderEvent.told_at, ProviderEvent.event_id)).all():
        # One before it may have taken it along.
        if event.state == QUARANTINED:
            woken += retry(session, site, event, actor=f"import:{source.name}")
        else:
            woken += 1
    return woken
