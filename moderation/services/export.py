"""Everything that is held on a reader, as JSON values."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import (
    Allowance,
    Appeal,
    Audit,
    Base,
    Comment,
    Decision,
    Flag,
    Grant,
    GrantRefund,
    LedgerEntry,
    Reader,
    Revision,
    Subscription,
    SubscriptionTransition,
    Unlock,
    utc_now,
)
from moderation.services import accounts, ledger, metering, provider_people
from moderation.services.coral import people as coral_people

# Not the reader's: whose installation it is, colleagues' names, and sums that only a program reads.
_LEFT_OUT = {
    "site_id", "text_hash", "fingerprint", "claimed_by", "claimed_until", "moderator_id", "allowance_id", "request_id",
    "account_id", "token_sha256", "merged_into",
}  # fmt: skip


def of_reader(session: Session, site_id: str, reader_id: str) -> dict[str, Any]:
    """Return it for a reader, known or not; nothing is changed."""
    profile = session.get(Reader, (site_id, reader_id))
    allowance = accounts.find(session, site_id, reader_id)
    flagged = sa.select(Flag).where(Flag.site_id == site_id, Flag.reader_id == reader_id)
    acts = sa.select(Audit).where(
        Audit.site_id == site_id, Audit.subject == reader_id, Audit.action.startswith("reader.")
    )
    return {
        "reader_id": reader_id,
        "exported_at": _plain(utc_now()),
        "profile": _row(profile) if profile else None,
        **_writing(session, site_id, reader_id),
        "flags": _rows(session.scalars(flagged.order_by(Flag.id))),
        **(_account(session, allowance) if allowance else _NO_ACCOUNT),
        "coral_comments": _rows(coral_people.held_on(session, site_id, reader_id)),
        **{name: _rows(found) for name, found in provider_people.held_on(session, site_id, reader_id).items()},
        **{name: _rows(found) for name, found in metering.held_on(session, site_id, reader_id).items()},
        "standing_history": _rows(session.scalars(acts.order_by(Audit.id))),
    }


_NO_ACCOUNT: dict[str, Any] = {"unlock_left": 0, "unlocks": [], "grants": [], "grant_refunds": [], "ledger": [],
                               "subscriptions": []}  # fmt: skip


def _writing(session: Session, site_id: str, reader_id: str) -> dict[str, Any]:
    """The reader's comments, each with its decisions and earlier texts, and the appeals for them."""
    mine = sa.and_(Comment.site_id == site_id, Comment.reader_id == reader_id)
    ids = sa.select(Comment.id).where(mine)
    decided = sa.select(Decision).where(Decision.comment_id.in_(ids)).order_by(Decision.comment_version)
    replaced = sa.select(Revision).where(Revision.comment_id.in_(ids)).order_by(Revision.version)
    decisions = _by_comment(_rows(session.scalars(decided)))
    revisions = _by_comment(_rows(session.scalars(replaced)))
    comments = [
        _row(comment) | {"history": decisions.get(comment.id, []), "revisions": revisions.get(comment.id, [])}
        for comment in session.scalars(sa.select(Comment).where(mine).order_by(Comment.id))
    ]
    appeals = session.scalars(sa.select(Appeal).where(Appeal.comment_id.in_(ids)).order_by(Appeal.id))
    return {"comments": comments, "appeals": _rows(appeals)}


def _by_comment(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.pop("comment_id"), []).append(row)
    return found


def _account(session: Session, allowance: Allowance) -> dict[str, Any]:
    def all_of(model: type[Base], *order: Any) -> list[dict[str, Any]]:
        mine = model.__table__.c.allowance_id == allowance.id
        return _rows(session.scalars(sa.select(model).where(mine).order_by(*order)))

    subscriptions = all_of(Subscription, Subscription.id)
    for subscription in subscriptions:
        turned = SubscriptionTransition.subscription_id == subscription["id"]
        query = sa.select(SubscriptionTransition).where(turned).order_by(SubscriptionTransition.version)
        subscription["transitions"] = _rows(session.scalars(query))
    return {
        "unlock_left": ledger.left_at(session, allowance, utc_now()),
        "unlocks": all_of(Unlock, Unlock.id),
        "grants": all_of(Grant, Grant.id),
        "grant_refunds": all_of(GrantRefund, GrantRefund.id),
        "ledger": all_of(LedgerEntry, LedgerEntry.sequence),
        "subscriptions": subscriptions,
    }


def _rows(found: Iterable[Base]) -> list[dict[str, Any]]:
    return [_row(row) for row in found]


def _row(row: Base) -> dict[str, Any]:
    names = (column.key for column in row.__table__.columns)
    return {name: _plain(getattr(row, name)) for name in names if name not in _LEFT_OUT}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.value if isinstance(value, Enum) else value
