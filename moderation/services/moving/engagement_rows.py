"""The rows of a batch of readers, written in as many statements as there are tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import id_of_then, new_id
from moderation.models import (
    Allowance,
    Grant,
    LedgerEntry,
    PlanVersion,
    ProviderCustomer,
    ProviderSubscription,
    Reader,
    Site,
    State,
    Subscription,
    SubscriptionTransition,
    Unlock,
    insert_all_missing,
    table_of,
)
from moderation.services import lifecycle, outbox, periods
from moderation.services.lifecycle import Happening
from moderation.services.moving.engagement_books import CAUSE, KIND, Books, Need, kept_as, lot_references
from moderation.services.moving.engagement_record import Holding, Lot
from moderation.services.moving.record import OLDEST
from moderation.services.providers import STRIPE
from moderation.services.unlocks import REFUND_HOURS

_ALLOWANCE, _UNLOCK = table_of(Allowance), table_of(Unlock)
# In this order, because the later ones name the earlier.
_TABLES = (Subscription, SubscriptionTransition, Grant, LedgerEntry, Unlock, ProviderCustomer, ProviderSubscription)


def take(session: Session, site: Site, needs: Sequence[Need], now: datetime) -> dict[str, Any]:
    """Hold the readers' accounts until the transaction ends, by reader; make those that are missing."""
    ids = sorted({need.holding.reader_id for need in needs})
    names = {need.holding.reader_id: need.holding.reader_name for need in needs}
    readers = [{"site_id": site.id, "id": id, "name": names[id]} for id in ids]
    accounts = [{"id": new_id("alw"), "site_id": site.id, "reader_id": id, "created_at": now} for id in ids]
    insert_all_missing(session, Reader, readers)
    insert_all_missing(session, Allowance, accounts)
    held = (
        sa.update(_ALLOWANCE)
        .where(_ALLOWANCE.c.site_id == site.id, _ALLOWANCE.c.reader_id.in_(ids))
        .values(version=_ALLOWANCE.c.version + 1)
        .returning(*_ALLOWANCE.c)
    )
    return {row["reader_id"]: dict(row) for row in session.connection().execute(held).mappings()}


class Rows:
    """Gathers rows, reader by reader."""

    def __init__(self, site: Site, source: str, now: datetime) -> None:
        self.site, self.actor, self.now = site, f"import:{source}", now
        # Nobody knows when these posts were opened: long enough ago that nobody gives them back.
        hours = int(site.settings.get("refund_hours", REFUND_HOURS))
        self.long_ago = now - timedelta(hours=hours)
        self.rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in _TABLES}
        self.accounts: list[dict[str, Any]] = []
        self.closed: list[dict[str, str]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []

    def add(self, need: Need, account: dict[str, Any], books: Books) -> None:
        """Make everything that the reader needs; ``account`` is its row, held."""
        if need.lots or need.posts:
            self._forget_closed(need, account, books)
            self._grants(need, account)
        if need.plan is not None:
            self._subscription(need, need.plan, account)
        if need.customer:
            self.rows[ProviderCustomer].append({
                "site_id": self.site.id, "provider": STRIPE, "customer": need.holding.customer,
                "reader_id": need.holding.reader_id, "told_at": OLDEST, "event_id": self.actor,
            })  # fmt: skip
        self.accounts.append(account)

    def _forget_closed(self, need: Need, account: Mapping[str, Any], books: Books) -> None:
        """Unlocks of the same posts that are over make room, as when a reader opens a post again."""
        posts = {post.post_id for post in need.posts}
        here = books.unlocks.get(account["id"], ())
        self.closed += [{"of": account["id"], "post": row[1]} for row in here if row[1] in posts]

    def _grants(self, need: Need, account: dict[str, Any]) -> None:
        """A grant for each lot, the first of which has paid for the open posts, and its entries."""
        lots = list(need.lots) or [Lot(0)]
        names = lot_references(need.reference, len(lots))
        for number, (lot, name) in enumerate(zip(lots, names, strict=True)):
            posts = need.posts if number == 0 else ()
            units, grant_id = lot.unlocks + len(posts), new_id("gra")
            self.rows[Grant].append({
                "id": grant_id, "site_id": self.site.id, "allowance_id": account["id"], "kind": KIND,
                "reference": name, "unlocks": units, "unlocks_left": lot.unlocks, "unlocks_expired": 0,
                "expires_at": lot.expires_at, "rollover_cap": 0, "created_at": self.now,
            })  # fmt: skip
            self._entry(account, units, "grant", grant_id, name, None)
            for place, post in enumerate(posts):
                at = post.unlocked_at or self.long_ago - timedelta(milliseconds=len(posts) - place)
                id = id_of_then("unl", at, f"{need.reference} {post.post_id}")
                self.rows[Unlock].append({
                    "id": id, "allowance_id": account["id"], "post_id": post.post_id, "grant_id": grant_id,
                    "unlocked_at": at, "expires_at": post.expires_at,
                })  # fmt: skip
                self._entry(account, -1, "unlock", grant_id, id, post.post_id)
            self._falls_due(account, lot.expires_at if lot.unlocks else None)
        self._tell(need, account)

    def _entry(
        self, account: dict[str, Any], unlocks: int, kind: str, grant_id: str, reference: str, post_id: str | None
    ) -> None:
        account["sequence"] += 1
        account["unlocks_left"] += unlocks
        self.rows[LedgerEntry].append({
            "allowance_id": account["id"], "sequence": account["sequence"], "unlocks": unlocks, "kind": kind,
            "reference": reference, "post_id": post_id, "grant_id": grant_id, "balance": account["unlocks_left"],
            "created_at": self.now,
        })  # fmt: skip

    def _falls_due(self, account: dict[str, Any], at: datetime | None) -> None:
        account["due_at"] = min((moment for moment in (account["due_at"], at) if moment), default=None)

    def _subscription(self, need: Need, version: PlanVersion, account: dict[str, Any]) -> None:
        """The subscription as it is now, by what the source says and the clock; with one row of history."""
        held = need.holding
        made = _as_it_is(self.site, version, held, account["id"], self.now)
        row = {column.key: getattr(made, column.key) for column in table_of(Subscription).c}
        self.rows[Subscription].append(row)
        turn = {
            "subscription_id": made.id, "version": 1, "event": Happening.IMPORT, "old_state": None,
            "new_state": made.state, "plan": made.plan, "plan_version": made.plan_version,
            "paid_until": made.paid_until, "cause": CAUSE, "actor": self.actor, "reference": need.reference,
            "effective_at": made.ended_at or self.now, "created_at": self.now,
        }  # fmt: skip
        self.rows[SubscriptionTransition].append(turn)
        if name := kept_as(held):
            self.rows[ProviderSubscription].append({
                "id": new_id("psu"), "site_id": self.site.id, "provider": STRIPE, "subscription": name,
                "customer": held.customer, "reader_id": held.reader_id, "plan": made.plan,
                "plan_version": made.plan_version, "state": made.state,
                "paid_until": made.paid_until or periods.LATEST, "trial_ends_at": made.trial_ends_at,
                "event_id": self.actor, "told_at": OLDEST, "subscription_id": made.id,
            })  # fmt: skip
        self._falls_due(account, lifecycle.next_step_at(made))
        told = {
            "id": made.id, "version": 1, "reader_id": held.reader_id, "event": Happening.IMPORT, "cause": CAUSE,
            "old_state": None, "state": made.state, "plan": made.plan, "paid_until": made.paid_until,
            "access_until": made.access_until,
        }  # fmt: skip
        self.told.append(("subscription.changed", told))

    def _tell(self, need: Need, account: Mapping[str, Any]) -> None:
        told = {
            "id": account["id"], "version": account["version"], "sequence": account["sequence"],
            "reader_id": need.holding.reader_id, "unlocks": sum(lot.unlocks for lot in need.lots), "kind": "grant",
            "grant_kind": KIND, "reference": need.reference, "post_id": None, "unlock_left": account["unlocks_left"],
        }  # fmt: skip
        self.told.append(("allowance.changed", told))

    def write(self, session: Session, *, tell: bool) -> None:
        connection = session.connection()
        if self.closed:
            same = sa.and_(_UNLOCK.c.allowance_id == sa.bindparam("of"), _UNLOCK.c.post_id == sa.bindparam("post"))
            connection.execute(sa.delete(_UNLOCK).where(same), self.closed)
        for table in _TABLES:
            if self.rows[table]:
                connection.execute(sa.insert(table_of(table)), self.rows[table])
        change = sa.update(_ALLOWANCE).where(_ALLOWANCE.c.id == sa.bindparam("of"))
        names = ("unlocks_left", "sequence", "due_at")
        values = [{"of": account["id"]} | {name: account[name] for name in names} for account in self.accounts]
        connection.execute(change.values({name: sa.bindparam(name) for name in names}), values)
        for type, data in self.told if tell else ():
            outbox.emit(session, site_id=self.site.id, type=type, data=data)


def _as_it_is(site: Site, version: PlanVersion, held: Holding, allowance_id: str, now: datetime) -> Subscription:
    """The subscription, not stored; what the source still called active may be past its end by now."""
    paid = held.paid_until
    if held.state is State.ENDED:
        paid = min(paid or now, now)
    made = Subscription(
        id=new_id("sub"), site_id=site.id, allowance_id=allowance_id, plan=version.name, plan_version=version.version,
        state=held.state, period=0, paid_until=paid, trial_ends_at=paid if held.state is State.TRIALING else None,
        anchored_at=paid or now, anchor_period=0, version=1, created_at=now,
    )  # fmt: skip
    grace = 0 if held.state in (*lifecycle.NO_GRACE, State.ENDED) else version.grace_days
    made.access_until = paid + timedelta(days=grace) if paid else None
    made.state = lifecycle.state_at(made, now)
    if made.state is State.ENDED:
        made.ended_at = made.access_until
    return made
