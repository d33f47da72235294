"""Subscribers of Leaky Paywall for WordPress, as its Reporting Tool exports them: CSV."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import IO, Any

from moderation.models import State
from moderation.services.moving.engagement_record import Holding, checked, instant, provider_id
from moderation.services.moving.lines import Form, rows_of_csv
from moderation.services.moving.record import Refusal, Skipped, clean, identity

COLUMNS: Mapping[str, str] = dict.fromkeys(
    ("user_id", "user_login", "user_email", "first_name", "last_name", "level_id", "hash", "subscriber_id", "price",
     "description", "plan", "created", "expires", "payment_gateway", "payment_status"),
    "a column of the Reporting Tool",
)  # fmt: skip
REQUIRED = ("user_id", "level_id", "expires", "payment_status")
# What the source gives access for: anything that is not deactivated, until it expires.
STATES: Mapping[str, State] = {
    "active": State.ACTIVE,
    "trial": State.ACTIVE,
    "past_due": State.ACTIVE,
    "pending_cancel": State.CANCELING,
    "canceled": State.CANCELING,
    "cancelled": State.CANCELING,
    "expired": State.CANCELING,
    "deactivated": State.ENDED,
}
_NEVER = ("", "0", "0000-00-00", "0000-00-00 00:00:00")


def holdings(stream: IO[bytes], *, reader_prefix: str) -> Iterator[Holding | Skipped]:
    """Give each subscriber; columns of one's own fields are passed over."""
    form = Form(COLUMNS, REQUIRED, partial(_holding, reader_prefix))
    return rows_of_csv(stream, form, ignore_unknown=True)


def _holding(reader_prefix: str, where: str, row: Mapping[str, Any], *, now: str) -> Holding:  # noqa: ARG001 -- the signature of a form
    cells = {name: str(row.get(name, "")).strip() for name in COLUMNS}
    if cells["user_id"] == "user_id":
        # The tool writes it anew for every thousand subscribers.
        raise Refusal("header_again", "is the first line again", meant=True)
    user = cells["user_id"]
    if not (user.isascii() and user.isdigit()):
        raise Refusal("no_id", f"has “{user[:40]}” for user_id, which is no number")
    status = cells["payment_status"].lower()
    if status and status not in STATES:
        raise Refusal("bad_state", f"has “{status[:40]}” for payment_status; known are {', '.join(STATES)}")
    name = clean(f"{cells['first_name']} {cells['last_name']}".strip())[:100]
    subscribed = bool(status and cells["level_id"])
    return checked(Holding(
        where=where,
        source_id=user,
        reader_id=identity("user_id", f"{reader_prefix}{user}"),
        reader_name=name,
        plan=cells["level_id"] if subscribed else None,
        state=STATES[status] if subscribed else State.ENDED,
        paid_until=_expires(cells["expires"]) if subscribed else None,
        customer=_customer(cells),
    ))  # fmt: skip


def _customer(cells: Mapping[str, str]) -> str:
    """The customer at Stripe; with other gateways, or none, the column is the site's own affair."""
    if not cells["payment_gateway"].startswith("stripe") or not cells["subscriber_id"].startswith("cus_"):
        return ""
    return provider_id("customer", cells["subscriber_id"])


def _expires(text: str) -> datetime | None:
    return None if text in _NEVER else instant("expires", text)
