"""One reader at a glance, right at this moment, however late the worker is."""

from typing import Any

from sqlalchemy.orm import Session

from moderation.models import Reader, utc_now
from moderation.policy.standing import NOTHING
from moderation.services import accounts, ledger, lifecycle, standing, subscriptions


def overview(session: Session, site_id: str, reader_id: str) -> dict[str, Any]:
    """What the reader has and how they stand; one who was never named has nothing and stands well."""
    now, allowance = utc_now(), accounts.find(session, site_id, reader_id)
    subscription = lifecycle.of_allowance(session, allowance.id) if allowance else None
    return {
        "reader_id": reader_id,
        "unlock_left": ledger.left_at(session, allowance, now) if allowance else 0,
        "subscription": subscriptions.describe(subscription, now) if subscription else None,
        "standing": _standing(session, session.get(Reader, (site_id, reader_id))),
    }


def _standing(session: Session, reader: Reader | None) -> dict[str, Any]:
    figure = standing.earned(session, reader.site_id, reader.id) if reader is not None else NOTHING
    earned = {"points": figure.points, "days_approved": figure.days_approved, "rejections": figure.rejections}
    if reader is None:
        return {"banned": False, "banned_until": None, "ban_reason": "", "premoderated": False, **earned}
    banned = standing.banned(reader)
    ends = banned and reader.banned_until != standing.UNTIL_LIFTED
    return {
        "banned": banned,
        "banned_until": reader.banned_until if ends else None,
        "ban_reason": reader.ban_reason if banned else "",
        "premoderated": reader.premoderated,
        **earned,
    }
