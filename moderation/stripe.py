"""Stripe's events (protocols.md 4): their signature, and what of an event is read and kept.

Only the facts below are kept: names, addresses and cards that come with an event are never stored. No database,
no clock.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moderation.errors import Malformed

TOLERANCE_SECONDS = 300
SECRET = re.compile(r"whsec_[\x21-\x7e]{8,240}")
API_KEY = re.compile(r"(rk|sk)_(live|test)_\w{8,250}", re.ASCII)
SUBSCRIPTION = "customer.subscription."
SUBSCRIPTION_TYPES = {
    SUBSCRIPTION + what
    for what in ("created", "updated", "deleted", "paused", "resumed", "pending_update_applied",
                 "pending_update_expired")
}  # fmt: skip
CHECKOUT_TYPES = {"checkout.session.completed", "checkout.session.async_payment_succeeded"}
# Understood, and without effect: the subscription's own events say what follows from them.
TOLD_ONLY = {
    "invoice.paid", "invoice.payment_succeeded", "invoice.payment_failed", "invoice.payment_action_required",
    "customer.subscription.trial_will_end", "customer.created", "customer.updated", "customer.deleted",
    "checkout.session.expired", "checkout.session.async_payment_failed",
}  # fmt: skip
MONEY_BACK = ("charge.refund", "refund.", "charge.dispute.", "credit_note.")
READER_NAMES = ("replydesk_reader", "reader_id")
PRICE_NAME, SITE_NAME = "replydesk_price", "replydesk_site"
DEAD = {"canceled", "incomplete_expired"}
_WITH_PERIOD = {"active", "trialing", "past_due", "unpaid"}
_COMPARED = (
    "status", "cancel_at_period_end", "cancel_at", "canceled_at", "ended_at", "trial_end", "current_period_start",
    "current_period_end", "pause_collection", "latest_invoice", "default_payment_method", "quantity",
)  # fmt: skip
_ID, _TYPE, _WORD = re.compile(r"\w{1,255}", re.ASCII), re.compile(r"[a-z0-9_.]{1,100}"), re.compile(r"[a-z_]{1,40}")
_TIME, _MAC = re.compile(r"[1-9][0-9]{0,11}"), re.compile(r"[0-9a-f]{64}")
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_LATEST = 32_503_680_000  # the year 3000
_MOST_MONEY = 10**12
_MOST_PARTS, _MOST_READER, _MOST_UNITS = 40, 255, 10_000


def is_signed(header: str, body: bytes, secrets: Sequence[str], *, now: int) -> bool:
    """Whether ``Stripe-Signature`` proves this body under one of the secrets, at most five minutes away from now."""
    pairs = [part.strip().partition("=") for part in header.split(",")[:_MOST_PARTS]]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == "v1" and _MAC.fullmatch(value)]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        return False
    signed = times[0].encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    # All are compared, so that the time tells nothing of which one it was.
    matches = [hmac.compare_digest(mac, value) for mac in expected for value in given]
    return any(matches) and abs(now - int(times[0])) <= TOLERANCE_SECONDS


@dataclass(frozen=True)
class Told:
    """An event as it is kept. ``fault``: why it cannot be read; then the facts are empty."""

    id: str
    type: str
    created_at: datetime
    livemode: bool | None
    object_id: str = ""
    customer: str = ""
    subscription: str = ""
    payment: str | None = None
    reader: str | None = None
    site: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


class _Unreadable(Exception):  # noqa: N818 -- a reason, told in the quarantine
    pass


def read(body: bytes, *, now: datetime) -> Told:
    """Read an event whose signature was good; raise ``Malformed`` for what is none and could not be stored."""
    try:
        data = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Malformed("The body is not a JSON document in UTF-8.") from None
    if not (isinstance(data, dict) and _is(_ID, data.get("id")) and _is(_TYPE, data.get("type"))):
        raise Malformed("This is no event: it has no id or no type.")
    id, type = str(data["id"]), str(data["type"])
    try:
        _must_be_whole(data)
        created, content = _moment(data, "created") or now, data.get("data")
        parts = _parts(type, content if isinstance(content, dict) else {})
    except _Unreadable as reason:
        return Told(id, type, now, None, fault=str(reason))
    return Told(id, type, created, data["livemode"], **parts)


def _must_be_whole(data: Mapping[str, Any]) -> None:
    if data.get("object") != "event":
        raise _Unreadable("it is not a whole event (a thin one carries no object)")
    if not isinstance(data.get("livemode"), bool):
        raise _Unreadable("livemode is not true or false")


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _parts(type: str, content: Mapping[str, Any]) -> dict[str, Any]:
    found = content.get("object")
    if not isinstance(found, dict):
        raise _Unreadable("it carries no object")
    metadata = found.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    parts: dict[str, Any] = {"object_id": _id(found, "id"), "customer": _id(found, "customer")}
    if type in SUBSCRIPTION_TYPES:
        if not parts["object_id"]:
            raise _Unreadable("the subscription has no id")
        previous = content.get("previous_attributes")
        before = _compared(previous) if isinstance(previous, dict) else {}
        parts |= {"subscription": parts["object_id"], "facts": _of_subscription(found, before)}
    elif type in CHECKOUT_TYPES:
        facts = _of_checkout(found, named)
        parts |= {"subscription": _id(found, "subscription"), "facts": facts, "payment": facts["payment"] or None}
    elif type.startswith(MONEY_BACK):
        payment = _id(found, "payment_intent") or _id(found, "charge") or parts["object_id"]
        return parts | {"payment": payment or None, "facts": _of_money_back(found)}
    else:
        return parts
    said = [named.get(name) for name in READER_NAMES]
    if type in CHECKOUT_TYPES:
        said.append(found.get("client_reference_id"))
    return parts | {"reader": _reader(said), "site": _short(named.get(SITE_NAME))}


def _of_subscription(found: Mapping[str, Any], previous: dict[str, Any]) -> dict[str, Any]:
    now, items = _compared(found), _items(found.get("items"))
    status = now.get("status")
    if not _is(_WORD, status):
        raise _Unreadable("the subscription has no status")
    periods = [(_moment(of, "current_period_end"), _moment(of, "current_period_start")) for of in (found, *items)]
    whole = [(end, start) for end, start in periods if end and start]
    if not whole and status in _WITH_PERIOD:
        raise _Unreadable("the subscription has no period")
    end, start = max(whole, default=(None, None))
    times = {name: _seconds(_moment(found, name)) for name in ("cancel_at", "ended_at", "trial_end")}
    return {
        **times, "status": status, "period_end": _seconds(end), "period_start": _seconds(start),
        "cancel_at_period_end": found.get("cancel_at_period_end") is True, "pause": now.get("pause_collection"),
        "prices": [_names(item) for item in items], "now": now, "previous": previous,
    }  # fmt: skip


def _of_checkout(found: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    items = _items(found.get("line_items"))
    bought = [[_names(item), _units(item.get("quantity", 1))] for item in items]
    if not bought and _is(_ID, named.get(PRICE_NAME)):
        bought = [[[named[PRICE_NAME]], 1]]
    words = {name: found[name] if _is(_WORD, found.get(name)) else "" for name in ("mode", "payment_status")}
    amount = _amount(found, "amount_total")
    return words | {"bought": bought, "payment": _id(found, "payment_intent") or _id(found, "id"), "amount": amount}


def _of_money_back(found: Mapping[str, Any]) -> dict[str, Any]:
    """Of a charge, a refund or a dispute. Amounts are in the one currency of their payment, so it is not kept."""
    return {
        "status": found["status"] if _is(_WORD, found.get("status")) else "",
        "amount": _amount(found, "amount"), "back": _amount(found, "amount_refunded"),
        "of_invoice": bool(_id(found, "invoice")),
    }  # fmt: skip


def lines(body: bytes) -> list[Any]:
    """Read the fetched lines of a checkout, names and quantity of each; ``ValueError`` for anything else."""
    data = json.loads(body, parse_constant=_no_constant)
    if not isinstance(data, dict) or data.get("has_more") is not False:
        raise ValueError("it is no list, or one that is cut short")
    try:
        return [[_names(item), _units(item.get("quantity", 1))] for item in _items(data)]
    except _Unreadable as reason:
        raise ValueError(str(reason)) from None


def _compared(found: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values by which two states of a subscription are told apart."""
    kept: dict[str, Any] = {}
    for name in _COMPARED:
        if name in found:
            value = found[name]
            if name == "pause_collection" and isinstance(value, dict):
                value = value.get("behavior") if _is(_WORD, value.get("behavior")) else "unknown"
            if isinstance(value, dict):
                value = value.get("id")
            plain = value is None or (isinstance(value, int) and abs(value) <= _LATEST) or _is(_ID, value)
            kept[name] = value if plain else "unknown"
    return kept


def _items(listed: Any) -> list[Mapping[str, Any]]:
    data = listed.get("data") if isinstance(listed, dict) else None
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _names(item: Mapping[str, Any]) -> list[str]:
    """By what an item can be listed: its price, then its product."""
    price = item.get("price")
    found = [_id(item, "price"), _id(price, "product") if isinstance(price, dict) else ""]
    return [name for name in found if name]


def _units(quantity: Any) -> int:
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not 1 <= quantity <= _MOST_UNITS:
        raise _Unreadable("a quantity is not a number from 1 to 10,000")
    return quantity


def _id(found: Mapping[str, Any], name: str) -> str:
    """An id that stands alone or, expanded, inside of its object."""
    value = found.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    return str(value) if _is(_ID, value) else ""


def _amount(found: Mapping[str, Any], name: str) -> int | None:
    """Money in its smallest unit; None where it is no number that anybody pays."""
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_MONEY else None


def _moment(found: Mapping[str, Any], name: str) -> datetime | None:
    value = found.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _LATEST:
        raise _Unreadable(f"{name} is not a time in seconds")
    return datetime.fromtimestamp(value, UTC)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _reader(said: list[Any]) -> str | None:
    name = next((value for value in said if value not in (None, "")), None)
    if name is not None and (not isinstance(name, str) or len(name) > _MOST_READER or _NO_TEXT.search(name)):
        raise _Unreadable("the reader's id is not a text of 1 to 255 characters")
    return name


def _short(value: Any) -> str | None:
    return value[:64].encode("utf-8", "replace").decode().replace("\x00", "") if isinstance(value, str) else None


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
