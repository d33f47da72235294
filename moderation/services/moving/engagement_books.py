"""What is here already of the readers of a batch, looked up at once, and what each of them still needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound, ReplydeskError
from moderation.models import (
    Allowance,
    Grant,
    PlanVersion,
    ProviderCustomer,
    ProviderSubscription,
    Site,
    State,
    Subscription,
    SubscriptionTransition,
    Unlock,
    table_of,
)
from moderation.services import plans
from moderation.services.moving.engagement_record import Holding, Lot, Opened
from moderation.services.moving.record import Refusal
from moderation.services.provider_subscriptions import PLACEHOLDER
from moderation.services.providers import STRIPE

KIND, CAUSE = "import", "import"
_ALLOWANCE, _GRANT, _UNLOCK = table_of(Allowance), table_of(Grant), table_of(Unlock)
_SUBSCRIPTION, _TURN = table_of(Subscription), table_of(SubscriptionTransition)
_CUSTOMER, _THEIRS = table_of(ProviderCustomer), table_of(ProviderSubscription)


@dataclass
class Plans:
    """What the source's words for plans mean here: ``named`` for some, ``other`` for all others."""

    named: Mapping[str, str] = field(default_factory=dict)
    other: str | None = None
    # Whether a word that nobody translates is a plan's own name.
    own_names: bool = False
    _found: dict[str, PlanVersion | None] = field(default_factory=dict)

    def check(self, session: Session, site: Site) -> None:
        """Raise where a plan that was named does not exist."""
        for name in {*self.named.values(), *filter(None, [self.other])}:
            if self._version(session, site, name) is None:
                raise ReplydeskError(f"There is no plan “{name}” on the site {site.name}.")

    def of(self, session: Session, site: Site, holding: Holding) -> PlanVersion | None:
        if holding.plan is None:
            return None
        name = self.named.get(holding.plan) or self.other or (holding.plan if self.own_names else None)
        version = self._version(session, site, name) if name else None
        if version is None:
            raise Refusal("unknown_plan", f"has the plan “{holding.plan[:40]}”; say --plan {holding.plan[:40]}=NAME")
        if version.period is not None and holding.paid_until is None and holding.state is not State.ENDED:
            raise Refusal("no_paid_until", f"has no end of its paid time, and the plan “{version.name}” counts periods")
        return version

    def _version(self, session: Session, site: Site, name: str) -> PlanVersion | None:
        if name not in self._found:
            try:
                self._found[name] = plans.get(session, site.id, name)
                session.expunge(self._found[name])
            except NotFound:
                self._found[name] = None
        return self._found[name]


@dataclass
class Need:
    """What is to be written for one reader; nothing where all of it is here."""

    holding: Holding
    reference: str
    lots: Sequence[Lot] = ()
    posts: Sequence[Opened] = ()
    plan: PlanVersion | None = None
    customer: bool = False
    # What the ledger must show for the reader under this reference, now or since an earlier run.
    units: int = 0
    opened: int = 0
    expired: int = 0

    def __bool__(self) -> bool:
        return bool(self.lots or self.posts or self.plan or self.customer)


def reference_of(site: Site, source: str, source_id: str) -> str:
    """The name of a reader's import in the ledger, which outlives the reader: it tells the id to nobody."""
    named = f"{site.id} {source} {source_id}"
    return f"{source}:{sha256(named.encode()).hexdigest()[:32]}"


def lot_references(reference: str, lots: int) -> list[str]:
    """One for each lot, and at least one: it stands for posts without any lot, too."""
    return [reference, *(f"{reference}#{number}" for number in range(2, lots + 1))]


class Books:
    """What is here of some readers, at one moment."""

    def __init__(self, session: Session, site: Site, source: str, holdings: Sequence[Holding], now: datetime) -> None:
        self.session, self.site, self.now = session, site, now
        self.references = {id(one): reference_of(site, source, one.source_id) for one in holdings}
        readers = [one.reader_id for one in holdings]
        of_site = _ALLOWANCE.c.site_id == site.id
        self.accounts = dict(self._rows(_ALLOWANCE.c.reader_id, _ALLOWANCE.c.id, of_site, "reader_id", readers))
        self.grants = self._grants(holdings)
        self.unlocks = self._unlocks()
        # Ids at the provider that an earlier one of these readers has.
        self.claimed: dict[str, str] = {}
        self._subscriptions()
        self._providers(holdings)

    def _rows(self, *asked: Any) -> list[Any]:
        """The columns that are asked for, under a condition, where the named column has one of the values."""
        *columns, where, name, values = asked
        column = columns[0].table.c[name]
        query = sa.select(*columns).where(where, column.in_(sorted(set(values))))
        return [tuple(row) for row in self.session.connection().execute(query)] if values else []

    def _grants(self, holdings: Sequence[Holding]) -> dict[str, Any]:
        names = [name for one in holdings for name in lot_references(self.references[id(one)], len(one.lots))]
        columns = (_GRANT.c.reference, _GRANT.c.allowance_id, _GRANT.c.id, _GRANT.c.unlocks, _GRANT.c.created_at)
        mine = sa.and_(_GRANT.c.site_id == self.site.id, _GRANT.c.kind == KIND)
        return {row[0]: row for row in self._rows(*columns, mine, "reference", names)}

    def _unlocks(self) -> dict[str, list[Any]]:
        columns = (_UNLOCK.c.allowance_id, _UNLOCK.c.post_id, _UNLOCK.c.grant_id, _UNLOCK.c.unlocked_at,
                   _UNLOCK.c.expires_at)  # fmt: skip
        found: dict[str, list[Any]] = {}
        for row in self._rows(*columns, sa.true(), "allowance_id", self.accounts.values()):
            found.setdefault(row[0], []).append(row)
        return found

    def _subscriptions(self) -> None:
        columns = (_SUBSCRIPTION.c.allowance_id, _SUBSCRIPTION.c.id, _SUBSCRIPTION.c.state)
        rows = self._rows(*columns, sa.true(), "allowance_id", self.accounts.values())
        self.living = {row[0] for row in rows if row[2] is not State.ENDED}
        owners = {row[1]: row[0] for row in rows}
        turned = self._rows(
            _TURN.c.subscription_id, _TURN.c.reference, _TURN.c.cause == CAUSE, "subscription_id", owners
        )
        self.moved = {(owners[subscription], reference) for subscription, reference in turned}

    def _providers(self, holdings: Sequence[Holding]) -> None:
        stripe = sa.and_(_CUSTOMER.c.site_id == self.site.id, _CUSTOMER.c.provider == STRIPE)
        customers = [one.customer for one in holdings if one.customer]
        self.customers = dict(self._rows(_CUSTOMER.c.customer, _CUSTOMER.c.reader_id, stripe, "customer", customers))
        names = [name for one in holdings if (name := kept_as(one))]
        stripe = sa.and_(_THEIRS.c.site_id == self.site.id, _THEIRS.c.provider == STRIPE)
        self.theirs = dict(self._rows(_THEIRS.c.subscription, _THEIRS.c.reader_id, stripe, "subscription", names))

    def need(self, holding: Holding, plans: Plans) -> Need:
        """What the reader still needs; raise ``Refusal`` where something here contradicts it."""
        version = plans.of(self.session, self.site, holding)
        self._check_owners(holding)
        need = Need(holding, self.references[id(holding)])
        account = self.accounts.get(holding.reader_id)
        self._unlocks_needed(need, account)
        if version is not None and not self.has_subscription(holding):
            if account in self.living and holding.state is not State.ENDED:
                raise Refusal("subscribed_here", "has a living subscription here that is not from this import")
            need.plan = version
        need.customer = bool(holding.customer) and holding.customer not in self.customers
        return need

    def has_subscription(self, holding: Holding) -> bool:
        """Whether the subscription is here: from an earlier run, or from the provider itself."""
        moved = (self.accounts.get(holding.reader_id), self.references[id(holding)])
        return moved in self.moved or (bool(holding.subscription) and holding.subscription in self.theirs)

    def _check_owners(self, holding: Holding) -> None:
        told = (("customer", self.customers, holding.customer), ("subscription", self.theirs, kept_as(holding)))
        for kind, known, name in told:
            owner = known.get(name) or self.claimed.setdefault(name, holding.reader_id)
            if name and owner != holding.reader_id:
                raise Refusal("provider_id_taken", f"has the {kind} at Stripe that is another reader's")

    def _unlocks_needed(self, need: Need, account: str | None) -> None:
        names = lot_references(need.reference, len(need.holding.lots))
        granted = [self.grants[name] for name in names if name in self.grants]
        if granted and granted[0][1] != account:
            raise Refusal("imported_before", "was imported before as another reader, or as one who was erased since")
        then = granted[0][4] if granted else self.now
        mine = {row[2] for row in granted}
        others = {
            row[1] for row in self.unlocks.get(account or "", ())
            if row[2] not in mine and row[3] <= then and (row[4] is None or row[4] > then)
        }  # fmt: skip
        lots = need.holding.living_lots(then)
        posts = [post for post in need.holding.living_posts(then) if post.post_id not in others]
        need.units, need.opened = sum(lot.unlocks for lot in lots), len(posts)
        need.expired = sum(lot.unlocks for lot in need.holding.lots) - need.units
        if not granted:
            need.lots, need.posts = lots, posts
        elif sum(row[3] for row in granted) != need.units + need.opened:
            raise Refusal("changed", "was imported before with other units or posts; what is here stays")


def kept_as(holding: Holding) -> str:
    """The subscription's id at the provider; one made of the customer's where the source tells no other."""
    if holding.plan is None or holding.subscription or not holding.customer:
        return holding.subscription
    return f"{PLACEHOLDER}{holding.customer}"
