"""What time brings to many readers at once: a handful of statements for a batch instead of a dozen a reader.

Where a batch cannot be written so, its readers are settled one by one, as a request of theirs would do it. One who
cannot be settled at all is set aside for an hour, with an error in the log and a finding of ``replydesk doctor``.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Allowance, Grant, LedgerEntry, PlanVersion, Site, State, Subscription, table_of
from moderation.services import accounts, batch, ledger, lifecycle, lots
from moderation.services.lots import Lot

log = logging.getLogger("replydesk.expiry")
SET_ASIDE = timedelta(hours=1)
# The database is away, which is no reader's fault.
AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
_ENTRY = sa.insert(table_of(LedgerEntry))
_GRANTS = table_of(Grant)
_EXPIRE = (
    sa.update(_GRANTS)
    .where(_GRANTS.c.id == sa.bindparam("spent_of"), _GRANTS.c.unlocks_left >= sa.bindparam("spent"))
    .values(
        unlocks_left=_GRANTS.c.unlocks_left - sa.bindparam("spent"),
        unlocks_expired=_GRANTS.c.unlocks_expired + sa.bindparam("spent"),
    )
)


_ALLOWANCES = table_of(Allowance)
_KEPT = ("unlocks_left", "sequence", "version", "due_at", "set_aside_until")
_ACCOUNT = (
    sa.update(_ALLOWANCES)
    .where(_ALLOWANCES.c.id == sa.bindparam("account"))
    .values({name: sa.bindparam(f"new_{name}") for name in _KEPT})
)


class NotTogether(Exception):  # noqa: N818 -- no error: what cannot be done for many is done for each
    """Something in the batch needs more than the statements that write many readers."""


def expire_due(session: Session, *, now: datetime, limit: int) -> int:
    """Write down what has fallen due, for at most ``limit`` readers; return for how many.

    Workers may run side by side: each takes readers that no other holds.
    """
    ready = sa.or_(Allowance.set_aside_until.is_(None), Allowance.set_aside_until <= now)
    due = sa.select(Allowance).where(Allowance.due_at <= now, ready).order_by(Allowance.due_at).limit(limit)
    found = session.scalars(due.with_for_update(skip_locked=True)).all()
    if found and not _all_together(session, found, now):
        for allowance in found:
            _alone(session, allowance, now)
    return len(found)


def _all_together(session: Session, found: Sequence[Allowance], now: datetime) -> bool:
    """Settle the batch, or change nothing and return False."""
    try:
        with session.begin_nested():
            _settle(session, found, now)
    except AWAY:
        raise
    except NotTogether:
        return False
    except Exception:
        log.exception("a batch of %d readers could not be settled together", len(found))
        return False
    return True


def _alone(session: Session, allowance: Allowance, now: datetime) -> None:
    id = allowance.id
    try:
        with session.begin_nested():
            allowance.version += 1
            accounts.settle(session, allowance, now)
            accounts.reckon(session, allowance)
    except AWAY:
        raise
    except Exception:
        log.exception("allowance %s could not be settled; it is tried again in an hour", id)
        aside = sa.update(Allowance).where(Allowance.id == id).values(set_aside_until=now + SET_ASIDE)
        session.execute(aside, execution_options={"synchronize_session": False})


def _settle(session: Session, found: Sequence[Allowance], now: datetime) -> None:
    ids = [allowance.id for allowance in found]
    living = sa.select(Subscription).where(Subscription.allowance_id.in_(ids), Subscription.state != State.ENDED)
    subscriptions = {subscription.allowance_id: subscription for subscription in session.scalars(living)}
    held = _lots(session, ids)
    # Kept in hand, so that each subscription finds its plan's versions and its site without a query.
    known = [*_versions(session, subscriptions), *_sites(session, subscriptions)]
    spent: list[Mapping[str, Any]] = []
    with batch.collected(session):
        for allowance in found:
            allowance.version += 1
            _one(session, allowance, subscriptions.get(allowance.id), held[allowance.id], spent, now)
        accounts_now = [_taken_over(allowance) for allowance in found]
        session.connection().execute(_ACCOUNT, accounts_now)
    del known
    if spent and session.connection().execute(_EXPIRE, spent).rowcount != len(spent):
        raise NotTogether("a grant holds less than it did a moment ago")


def _one(
    session: Session, allowance: Allowance, subscription: Subscription | None, held: Sequence[Lot],
    spent: list[Mapping[str, Any]], now: datetime,
) -> None:  # fmt: skip
    if subscription is not None:
        accounts.advance(session, allowance, subscription, now)
    left = [replace(lot) for lot in held]
    for step in lots.steps_due(left, now):
        if step.unlocks > 0:
            raise NotTogether("unlocks are carried on into another period")
        allowance.unlocks_left += step.unlocks
        allowance.sequence += 1
        spent.append({"spent_of": step.lot.id, "spent": -step.unlocks})
        entry = {
            "allowance_id": allowance.id, "sequence": allowance.sequence, "unlocks": step.unlocks, "kind": "expiry",
            "reference": step.lot.reference, "post_id": None, "grant_id": step.lot.id,
            "balance": allowance.unlocks_left, "created_at": now,
        }  # fmt: skip
        batch.write(session, _ENTRY, entry)
        ledger.announce(session, allowance, step.unlocks, "expiry", reference=step.lot.reference)
    moments = [lot.expires_at for lot in left if lot.unlocks_left]
    moments += [lifecycle.next_step_at(subscription)] if subscription else []
    allowance.due_at = min((moment for moment in moments if moment), default=None)
    allowance.set_aside_until = None


def _taken_over(allowance: Allowance) -> dict[str, Any]:
    """The account's values for one statement over all of the batch; the session need not write them again."""
    values = {name: getattr(allowance, name) for name in _KEPT}
    for name, value in values.items():
        sa.orm.attributes.set_committed_value(allowance, name, value)
    return {"account": allowance.id} | {f"new_{name}": value for name, value in values.items()}


def _lots(session: Session, ids: Sequence[str]) -> Mapping[str, Sequence[Lot]]:
    held: dict[str, list[Lot]] = defaultdict(list)
    for allowance_id, *lot in session.execute(ledger.lots_of(Grant.allowance_id.in_(ids), Grant.allowance_id)):
        held[allowance_id].append(Lot(*lot))
    return held


def _versions(session: Session, subscriptions: Mapping[str, Subscription]) -> Sequence[PlanVersion]:
    keys = {(found.site_id, found.plan, found.plan_version) for found in subscriptions.values()}
    keys |= {(found.site_id, *lifecycle.next_plan(found)) for found in subscriptions.values()}
    columns = sa.tuple_(PlanVersion.site_id, PlanVersion.name, PlanVersion.version)
    return session.scalars(sa.select(PlanVersion).where(columns.in_(sorted(keys)))).all() if keys else []


def _sites(session: Session, subscriptions: Mapping[str, Subscription]) -> Sequence[Site]:
    ids = {found.site_id for found in subscriptions.values()}
    return session.scalars(sa.select(Site).where(Site.id.in_(sorted(ids)))).all() if ids else []
