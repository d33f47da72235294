"""What a moderator sees of a reader's account: the books as they are right now, and who did what."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import (
    Allowance,
    Grant,
    GrantRefund,
    LedgerEntry,
    Moderator,
    Post,
    SubscriptionTransition,
    utc_now,
)
from moderation.services import accounts, grants, ledger, subscriptions, unlocks

LEDGER_ROWS = 25
MOST_UNLOCKS = 50
MOST_TRANSITIONS = 50
_ACTORS = {"clock": "time", "worker": "time"}
_MODERATOR = "moderator:"


@dataclass(frozen=True)
class Books:
    """An account, newest first; ``older`` is the sequence that the next page of the ledger goes on below."""

    left: int
    entries: Sequence[LedgerEntry]
    older: int | None
    newer: bool
    kinds: Mapping[str, str]
    # Sequences of the entries with which an order that was paid back took its units along.
    taken_back: Collection[int]
    grants: Sequence[Mapping[str, Any]]
    unlocks: Sequence[Mapping[str, Any]]
    more_unlocks: bool
    titles: Mapping[str, str]
    subscription: Mapping[str, Any] | None
    history: Sequence[SubscriptionTransition]
    actors: Mapping[str, str]


EMPTY = Books(0, [], None, False, {}, set(), [], [], False, {}, None, [], {})


def books(session: Session, site_id: str, reader_id: str, *, below: int | None = None) -> Books:
    """Gather the account of a reader; one whose unlocks were never named has an empty one."""
    now, allowance = utc_now(), accounts.find(session, site_id, reader_id)
    if allowance is None:
        return EMPTY
    last = allowance.sequence + len(ledger.steps_due(session, allowance, now))
    top = last if below is None else min(below - 1, last)
    after = max(top - LEDGER_ROWS, 0)
    entries, _ = ledger.page(session, allowance, after=after, limit=max(top - after, 1), now=now)
    shown = [entry for entry in entries if entry.sequence <= top][::-1]
    opened, more = unlocks.page(session, site_id, reader_id, after=None, limit=MOST_UNLOCKS)
    turns = subscriptions.history(session, site_id, reader_id)[::-1][:MOST_TRANSITIONS]
    posts = [item["post_id"] for item in opened] + [entry.post_id for entry in shown if entry.post_id]
    return Books(
        left=ledger.left_at(session, allowance, now), entries=shown, older=after + 1 if after else None,
        newer=top < last, kinds=_kinds(session, shown), taken_back=_taken_back(session, allowance, shown),
        grants=grants.still_open(session, site_id, reader_id),
        unlocks=opened, more_unlocks=more is not None, titles=_titles(session, site_id, posts),
        subscription=_subscription(session, site_id, reader_id) if turns else None, history=turns,
        actors=_actors(session, {turn.actor for turn in turns}),
    )  # fmt: skip


def _subscription(session: Session, site_id: str, reader_id: str) -> Mapping[str, Any]:
    return subscriptions.get(session, site_id, reader_id)


def _kinds(session: Session, entries: Sequence[LedgerEntry]) -> Mapping[str, str]:
    """Of each grant that an entry belongs to, for what it was given."""
    wanted = {entry.grant_id for entry in entries if entry.grant_id}
    found: Any = session.execute(sa.select(Grant.id, Grant.kind).where(Grant.id.in_(wanted)))
    return dict(found.all())


def _taken_back(session: Session, allowance: Allowance, entries: Sequence[LedgerEntry]) -> Collection[int]:
    told = sa.select(GrantRefund.refund_reference).where(GrantRefund.allowance_id == allowance.id)
    refunds = set(session.scalars(told))
    return {entry.sequence for entry in entries if entry.kind == "expiry" and entry.reference in refunds}


def _titles(session: Session, site_id: str, posts: Iterable[str]) -> Mapping[str, str]:
    query = sa.select(Post.id, Post.title).where(Post.site_id == site_id, Post.id.in_(set(posts)))
    found: Any = session.execute(query)
    return dict(found.all())


def _actors(session: Session, actors: Iterable[str]) -> Mapping[str, str]:
    """Who it was, as colleagues know them: time, a moderator by name, a payment provider, else the site."""
    ids = {actor.removeprefix(_MODERATOR) for actor in actors if actor.startswith(_MODERATOR)}
    found: Any = session.execute(sa.select(Moderator.id, Moderator.name).where(Moderator.id.in_(ids)))
    names = {f"{_MODERATOR}{id}": name for id, name in found}
    return {actor: names.get(actor) or _ACTORS.get(actor) or _site_or(actor) for actor in actors}


def _site_or(actor: str) -> str:
    return "the site" if ":" in actor else actor
