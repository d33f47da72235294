"""Readers of the JNews Paywall plugin for WordPress: what it keeps as options of its users."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from moderation.models import State
from moderation.services.moving.engagement_meta import User, users
from moderation.services.moving.engagement_php import is_serialized, loads
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
from moderation.services.moving.record import Refusal, Skipped, identity

# The plugin names no plan: it has one kind of subscription. ``--plan PLAN`` says which plan that is here.
LEVEL = "jnews"
_WANTED = re.compile(
    r"(\w{0,40}?)jpw_(unlock_remaining|unlocked_post_list|subscribe_status|expired_date|subs_type|stripe_customer_id"
    r"|stripe_subs_id|paypal_subs_id|subscribe_id)",
    re.ASCII,
)
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_DAY = re.compile(rf"({'|'.join(_MONTHS)}) ([0-9]{{1,2}}), ([0-9]{{4}})", re.ASCII)


def holdings(stream: IO[bytes], *, reader_prefix: str, blog: str | None) -> Iterator[Holding | Skipped]:
    """Give each user that has anything of the plugin, in the order of the file."""
    for user in users(stream, _WANTED, blog):
        if isinstance(user, Skipped):
            yield user
            continue
        try:
            yield _holding(user, reader_prefix)
        except Refusal as refusal:
            yield Skipped(user.where, refusal.reason, f"(user {user.id}) {refusal.detail}", refusal.meant)


def _holding(user: User, reader_prefix: str) -> Holding:
    told = {name: _plain(value) for name, value in user.told.items()}
    units = told.get("unlock_remaining") or 0
    posts, repeated = distinct(_posts(told.get("unlocked_post_list")))
    active = _active(told.get("subscribe_status"))
    by_stripe = active and told.get("subs_type") in ("stripe", "", None)
    return checked(Holding(
        where=user.where,
        source_id=user.id,
        reader_id=identity("user_id", f"{reader_prefix}{user.id}"),
        lots=[Lot(units)] if (units := whole("jpw_unlock_remaining", units)) else [],
        posts=posts,
        repeated=repeated,
        plan=LEVEL if active else None,
        state=State.ACTIVE,
        paid_until=_expires(told.get("expired_date")) if active else None,
        customer=provider_id("customer", _word(told, "stripe_customer_id")),
        subscription=provider_id("subscription", _word(told, "stripe_subs_id")) if by_stripe else "",
    ))  # fmt: skip


def _plain(value: Any) -> Any:
    return loads(value) if isinstance(value, str) and is_serialized(value) else value


def _word(told: Mapping[str, Any], name: str) -> str:
    """A text; WordPress keeps false as an empty one."""
    value = told.get(name) or ""
    if not isinstance(value, str):
        raise Refusal("bad_value", f"has a jpw_{name} that is no text")
    return value.strip()


def _posts(value: Any) -> list[Opened]:
    """The list of post numbers, whether PHP, WP-CLI or nobody has packed it."""
    if value in ("", None, False):
        return []
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise Refusal("bad_posts", "has a jpw_unlocked_post_list that is no list")
    if not all(_is_post(item) for item in items):
        raise Refusal("bad_posts", "has a jpw_unlocked_post_list with what is no number of a post")
    return [Opened(str(item)) for item in items]


def _is_post(item: Any) -> bool:
    return (isinstance(item, int) and not isinstance(item, bool) and 0 < item < 2**63) or (
        isinstance(item, str) and re.fullmatch(r"[1-9][0-9]{0,18}", item) is not None
    )


def _active(value: Any) -> bool:
    if value in ("", None, False, 0, "0"):
        return False
    if value != "ACTIVE":
        raise Refusal(
            "bad_state", f"has “{str(value)[:40]}” for jpw_subscribe_status; the plugin writes ACTIVE or nothing"
        )
    return True


def _expires(value: Any) -> datetime:
    """The end of the paid time, UTC; where only its day is kept, the end of that day."""
    text = value.strip() if isinstance(value, str) else ""
    day = _DAY.fullmatch(text)
    if day is None:
        return instant("jpw_expired_date", text)
    try:
        begins = datetime(int(day[3]), _MONTHS.index(day[1]) + 1, int(day[2]), tzinfo=UTC)
    except ValueError:
        raise Refusal("bad_time", f"has “{text}” for jpw_expired_date, which is no day") from None
    return instant("jpw_expired_date", (begins + timedelta(days=1)).isoformat())
