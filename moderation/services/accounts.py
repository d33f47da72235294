"""A reader's account held for one transaction, with everything that fell due before written down first."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict
from moderation.ids import new_id
from moderation.models import Allowance, Reader, Site, Subscription, insert_missing
from moderation.services import ledger, lifecycle

CLOCK = "clock"
# Where a session holds who wants to see the account before and after the change (``figures.watched``).
WATCH = "account_watch"
# Built once: to build a statement costs more than to run it.
_TAKE = (
    sa.update(Allowance)
    .where(Allowance.site_id == sa.bindparam("of_site"), Allowance.reader_id == sa.bindparam("of_reader"))
    .values(version=Allowance.version + 1)
    .returning(Allowance)
)
_FRESH = {"synchronize_session": False, "populate_existing": True}
# An erasure may take the row away between making and locking it; one such erasure at a time is plenty.
_TRIES = 5


def find(session: Session, site_id: str, reader_id: str) -> Allowance | None:
    """The account as it stands; None for a reader whose unlocks were never named."""
    query = sa.select(Allowance).where(Allowance.site_id == site_id, Allowance.reader_id == reader_id)
    return session.scalar(query)


@contextmanager
def held(session: Session, site: Site, reader_id: str, *, now: datetime) -> Iterator[Allowance]:
    """Lock the reader's account until the transaction ends; make it where the reader is new.

    The lock is an UPDATE of its row, so on every database a second request waits here and then sees
    what the first has done. At the end ``due_at`` is worked out anew. What was asked for with ``If-Match``
    is compared in here: what fell due is settled, and nobody else can change anything. ``Conflict`` where the
    reader is erased again and again meanwhile.
    """
    allowance = _take_or_make(session, site.id, reader_id, now)
    settle(session, allowance, now)
    watch = session.info.get(WATCH)
    if watch:
        watch.begins(allowance, now)
    yield allowance
    reckon(session, allowance)
    if watch:
        watch.ends(allowance, now)


def _take_or_make(session: Session, site_id: str, reader_id: str, now: datetime) -> Allowance:
    made = False
    for _ in range(_TRIES):
        allowance = _take(session, site_id, reader_id)
        if allowance is not None:
            if made:
                # Only now, as an erasure takes them: the reader before the account is a deadlock.
                insert_missing(session, Reader, {"site_id": site_id, "id": reader_id})
            return allowance
        made = True
        values = {"id": new_id("alw"), "site_id": site_id, "reader_id": reader_id, "created_at": now}
        insert_missing(session, Allowance, values)
    raise Conflict("This reader is being erased; ask again.")


def _take(session: Session, site_id: str, reader_id: str) -> Allowance | None:
    # Not "site_id" and "reader_id": an UPDATE keeps the columns' own names for what it sets.
    whose = {"of_site": site_id, "of_reader": reader_id}
    return session.scalars(_TAKE, whose, execution_options=_FRESH).one_or_none()


def settle(session: Session, allowance: Allowance, now: datetime) -> None:
    """Write what time has brought to a held account."""
    if allowance.due_at is None or allowance.due_at > now:
        return
    subscription = lifecycle.of_allowance(session, allowance.id)
    if subscription is not None:
        advance(session, allowance, subscription, now)
    ledger.settle(session, allowance, now)


def advance(session: Session, allowance: Allowance, subscription: Subscription, now: datetime) -> None:
    for step in list(lifecycle.clock_steps(subscription, now)):
        lifecycle.turn(session, allowance, subscription, step.happening, step.new, at=step.at, actor=CLOCK, cause=CLOCK)


def reckon(session: Session, allowance: Allowance) -> None:
    """Note when time next changes something, for the worker and for readers of the row."""
    session.flush()
    subscription = lifecycle.of_allowance(session, allowance.id)
    moments = [ledger.next_expiry(session, allowance.id), subscription and lifecycle.next_step_at(subscription)]
    due_at = min((moment for moment in moments if moment), default=None)
    if allowance.due_at != due_at or allowance.set_aside_until is not None:
        allowance.due_at, allowance.set_aside_until = due_at, None
        session.flush()
