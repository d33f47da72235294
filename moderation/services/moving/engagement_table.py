"""Our own columns for readers, of CSV and of JSON Lines: a row of named values becomes a holding."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from moderation.models import State
from moderation.services.moving.engagement_record import (
    Holding,
    Lot,
    Opened,
    checked,
    distinct,
    instant,
    provider_id,
    whole,
)
from moderation.services.moving.record import Refusal, clean, identity

# name -> what it means; docs/moving.md shows this table.
COLUMNS: Mapping[str, str] = {
    "reader_id": "required: the site's own id of the reader",
    "reader_name": "name as shown, for a reader who is new here",
    "unlocks_left": "units that the reader may still spend; empty: 0",
    "unlocks_expires_at": "when they run out; empty: never",
    "grants": 'JSON Lines only, instead of both: `[{"unlocks", "expires_at"}]`',
    "unlocked_posts": "ids of the open posts: in CSV divided by spaces, or a JSON list; in JSON Lines a list of ids "
    'or of `{"post_id", "unlocked_at", "expires_at"}`',
    "plan": "the plan of the subscription, or the word for it that `--plan` translates; empty: none",
    "state": "`trialing`, `active`, `past_due`, `paused`, `canceling` or `ended`; empty: `active`",
    "paid_until": "RFC 3339, UTC where it names no zone; empty for a plan without periods only",
    "cancel_at_period_end": "`true`: `active` means `canceling`; else `false` or empty",
    "stripe_customer": "`cus_...`: later events of this customer are the reader's",
    "stripe_subscription": "`sub_...`: later events of this subscription change the one here",
    "reference": "what the row is called at the source, where that is not `reader_id`: one reference is imported once",
}
_NO_TEXT = ("grants", "unlocked_posts", "unlocks_left", "cancel_at_period_end")
_TRUTH = {"": False, "false": False, "0": False, "no": False, "true": True, "1": True, "yes": True}


def holding(where: str, row: Mapping[str, Any], *, now: str) -> Holding:  # noqa: ARG001 -- the signature of a form
    """Make a holding of named values; raise ``Refusal`` where one is wrong."""
    cells = {name: _text(name, value) for name, value in row.items() if name in COLUMNS and name not in _NO_TEXT}
    get = cells.get
    posts, repeated = distinct(_posts(row.get("unlocked_posts")))
    reader_id = identity("reader_id", get("reader_id", ""))
    made = Holding(
        where=where,
        source_id=get("reference") or reader_id,
        reader_id=reader_id,
        reader_name=clean(get("reader_name", ""))[:100],
        lots=_lots(row, get("unlocks_expires_at", "")),
        posts=posts,
        repeated=repeated,
        plan=get("plan") or None,
        state=_state(get("state", ""), row.get("cancel_at_period_end")),
        paid_until=instant("paid_until", cells["paid_until"]) if get("paid_until") else None,
        customer=provider_id("customer", get("stripe_customer", "")),
        subscription=provider_id("subscription", get("stripe_subscription", "")),
    )
    if made.plan is None and (made.paid_until or get("state")):
        raise Refusal("no_plan", "has a state or a paid time and no plan")
    return checked(made)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refusal("bad_value", f"has a {name} that is not a string")
    return value.strip()


def _state(word: str, cancels: Any) -> State:
    if word and word not in tuple(State):
        raise Refusal("bad_state", f"has “{word[:40]}” for state; it is one of {', '.join(State)}")
    state = State(word) if word else State.ACTIVE
    ending = cancels if isinstance(cancels, bool) else _TRUTH.get(str(cancels if cancels is not None else "").lower())
    if ending is None:
        raise Refusal("bad_value", f"has “{str(cancels)[:40]}” for cancel_at_period_end; it is true or false")
    return State.CANCELING if ending and state is State.ACTIVE else state


def _lots(row: Mapping[str, Any], expires: str) -> list[Lot]:
    units = row.get("unlocks_left")
    alone = whole("unlocks_left", units) if units not in (None, "") else None
    end = instant("unlocks_expires_at", expires) if expires else None
    if row.get("grants") in (None, ""):
        return [Lot(alone, end)] if alone else []
    lots = [_lot(item) for item in _list("grants", row["grants"])]
    if end or (alone is not None and alone != sum(lot.unlocks for lot in lots)):
        raise Refusal("bad_unlocks", "has grants that do not agree with unlocks_left and unlocks_expires_at")
    return [lot for lot in lots if lot.unlocks]


def _lot(item: Any) -> Lot:
    told = _named("grants", item, ("unlocks", "expires_at"))
    expires = _text("expires_at", told.get("expires_at"))
    return Lot(whole("grants", told.get("unlocks")), instant("expires_at", expires) if expires else None)


def _posts(value: Any) -> list[Opened]:
    if isinstance(value, str):
        value = _of_cell(value.strip())
    return [_opened(item) for item in _list("unlocked_posts", value or [])]


def _of_cell(text: str) -> Any:
    if not text.startswith("["):
        return text.split()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal("bad_posts", "has unlocked_posts that begin as a JSON list and are none") from None


def _opened(item: Any) -> Opened:
    if isinstance(item, int) and not isinstance(item, bool):
        item = str(item) if abs(item) < 2**63 else ""
    if isinstance(item, str):
        return Opened(item)
    told = _named("unlocked_posts", item, ("post_id", "unlocked_at", "expires_at"))
    cells = {name: _text(name, value) for name, value in told.items()}
    times = {name: instant(name, cells[name]) for name in ("unlocked_at", "expires_at") if cells.get(name)}
    return Opened(cells.get("post_id", ""), times.get("unlocked_at"), times.get("expires_at"))


def _named(column: str, item: Any, names: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(item, dict) or not set(item) <= set(names):
        raise Refusal(f"bad_{column}", f"has {column} that are not as they should be: {', '.join(names)}")
    return item


def _list(column: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise Refusal(f"bad_{column}", f"has {column} that are no list")
    return value
