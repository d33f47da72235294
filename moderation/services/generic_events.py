"""The words in which other payment providers speak at the generic endpoint, put as events are kept here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moderation.models import State
from moderation.stripe import Told

PAID, REFUNDED, SUBSCRIPTION = "order.paid", "order.refunded", "subscription.updated"
# What Stripe would say of a subscription in this state: one machine follows both.
_STATUS = {State.PAST_DUE: "past_due", State.ENDED: "canceled", State.TRIALING: "trialing"}


def told(id: str, type: str, created_at: datetime, data: Mapping[str, Any]) -> Told:
    """The event as it is kept; ``data`` has been checked, or is empty where the type is not known."""
    parts: dict[str, Any] = {}
    if type == PAID:
        grant = {name: data[name] for name in ("kind", "reference", "unlocks")} | {"reason": ""}
        ends = data["expires_at"]
        parts = {"payment": data["reference"], "facts": {"grant": grant | {"expires_at": ends and ends.isoformat()}}}
    elif type == REFUNDED:
        facts = {"kind": data["kind"], "unlocks": data["unlocks"], "refund_reference": data["refund_reference"] or id}
        parts = {"payment": data["reference"], "facts": facts}
    elif type == SUBSCRIPTION:
        parts = {"subscription": data["subscription"], "object_id": data["subscription"], "facts": _followed(data)}
    return Told(id, type, created_at, livemode=True, reader=data.get("reader_id"), site=data.get("site"), **parts)


def _followed(data: Mapping[str, Any]) -> dict[str, Any]:
    state, end, start = State(data["state"]), _seconds(data["paid_until"]), _seconds(data["period_started_at"])
    past_due = state is State.PAST_DUE
    return {
        "plan": data["plan"], "status": _STATUS.get(state, "active"), "prices": [], "now": {}, "previous": {},
        "cancel_at": None, "cancel_at_period_end": state is State.CANCELING,
        "pause": "keep" if state is State.PAUSED else None, "trial_end": end if state is State.TRIALING else None,
        "ended_at": end if state is State.ENDED else None,
        # The unpaid period begins where the paid one ended.
        "period_start": end if past_due else start, "period_end": None if past_due else end,
    }  # fmt: skip


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
