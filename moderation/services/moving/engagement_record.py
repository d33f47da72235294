"""What one reader holds at the source, on its way in: units left, posts opened, a subscription, provider ids."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from moderation.models import State
from moderation.services import periods
from moderation.services.moving.record import OLDEST, Refusal, identity

# What the API takes in one grant (schemas.plans), and more posts than anybody has opened.
MOST_UNLOCKS = 1_000_000
MOST_POSTS = 20_000
MOST_LOTS = 20
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_STRIPE = {"customer": re.compile(r"cus_\w{1,200}", re.ASCII), "subscription": re.compile(r"sub_\w{1,200}", re.ASCII)}


class Lot(NamedTuple):
    """Units that run out together; ``expires_at`` None: never."""

    unlocks: int
    expires_at: datetime | None = None


class Opened(NamedTuple):
    """A post that is open; ``unlocked_at`` None: nobody knows since when."""

    post_id: str
    unlocked_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(slots=True)
class Holding:
    """One reader of the source. ``plan`` is the source's own word for it; None: no subscription."""

    where: str = field(compare=False)
    source_id: str
    reader_id: str
    reader_name: str = ""
    lots: Sequence[Lot] = ()
    posts: Sequence[Opened] = ()
    # Posts that the source names a second time: there they cost a unit, here they cannot be opened twice.
    repeated: int = 0
    plan: str | None = None
    state: State = State.ACTIVE
    paid_until: datetime | None = None
    customer: str = ""
    subscription: str = ""

    def living_lots(self, at: datetime) -> list[Lot]:
        return [lot for lot in self.lots if lot.expires_at is None or lot.expires_at > at]

    def living_posts(self, at: datetime) -> list[Opened]:
        return [post for post in self.posts if post.expires_at is None or post.expires_at > at]

    def is_empty(self) -> bool:
        return not (self.lots or self.posts or self.plan is not None or self.customer)


def whole(name: str, value: object) -> int:
    """A number of units; refuse what is none, below zero or beyond what can be granted at once."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_UNLOCKS:
        raise Refusal("bad_unlocks", f"has “{str(value)[:40]}” for {name}; it is a number from 0 to {MOST_UNLOCKS:,}")
    return value


def instant(name: str, value: str) -> datetime:
    """An instant, of the past or the future; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(value.strip())
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("bad_time", f"has “{value[:40]}” for {name}, which is no time") from None
    if not OLDEST <= found <= periods.LATEST:
        raise Refusal("bad_time", f"has {value[:40]} for {name}, which does not lie between 1995 and 9000")
    return found


def provider_id(kind: str, value: str) -> str:
    """An id of Stripe's, ``kind`` customer or subscription; empty stays empty."""
    if value and not _STRIPE[kind].fullmatch(value):
        raise Refusal("bad_provider_id", f"has “{value[:40]}” for the {kind} at Stripe; such an id begins {kind[:3]}_")
    return value


def distinct(posts: Sequence[Opened]) -> tuple[list[Opened], int]:
    """The posts without those named before, and how many those are; refuse more than anybody opens."""
    if len(posts) > MOST_POSTS:
        raise Refusal("too_many_posts", f"names {len(posts):,} posts; {MOST_POSTS:,} are taken")
    found: dict[str, Opened] = {}
    for post in posts:
        found.setdefault(identity("post", post.post_id), post)
    return list(found.values()), len(posts) - len(found)


def checked(holding: Holding) -> Holding:
    """The holding, where its parts agree."""
    units = sum(lot.unlocks for lot in holding.lots) + len(holding.posts)
    if units > MOST_UNLOCKS or len(holding.lots) > MOST_LOTS:
        raise Refusal("bad_unlocks", f"has {units:,} unlocks in {len(holding.lots)} lots; that is more than is taken")
    if holding.subscription and holding.plan is None:
        raise Refusal("no_plan", "has a subscription at Stripe and no plan")
    if holding.is_empty():
        raise Refusal("nothing", "has no units, posts, subscription or customer", meant=True)
    return holding
