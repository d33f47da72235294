"""A view of a post is counted by the meter: once a post and window, and never more than the rule gives."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from moderation.errors import MeterUsedUp, NotMetered
from moderation.models import MeterAccount, Post, Site, utc_now
from moderation.services import access, anonymous_readers, metering
from moderation.services.metering import Standing, Who


def count(session: Session, site: Site, reader_id: str, post_id: str) -> tuple[dict[str, Any], bool]:
    """Count a registered reader's view; return the answer and whether it was counted.

    Nothing is spent where something else opens the post, or where it was counted already. Raises
    ``MeterUsedUp`` where no free post is left, ``NotMetered`` where no rule counts this one.
    """
    now, found = utc_now(), access.find(session, site, reader_id, post_id)
    if found["allowed"] and found["because"] != "meter":
        return _answer(post_id, found), False
    who = metering.Who(reader_id)
    meter, account = _count(
        session, site, who, lambda: metering.hold_reader(session, site.id, reader_id, now=now), post_id, now
    )
    if account is not None and not meter.left:
        metering.tell_if_used_up(session, site, account, meter.section, meter.posts, now=now)
    return _metered(post_id, meter), account is not None


def count_anonymous(session: Session, site: Site, token: str, post_id: str) -> tuple[dict[str, Any], bool]:
    """The same for a visitor who is known by a token only; ``AnonymousReaderMerged`` once they have signed in."""
    now, found = utc_now(), anonymous_readers.access(session, site, token, post_id)
    if found["allowed"] and found["because"] != "meter":
        return _answer(post_id, found), False
    account_id = anonymous_readers.find_unmerged(session, site.id, token).id
    meter, account = _count(
        session, site, Who(account_id=account_id),
        lambda: anonymous_readers.hold_unmerged(session, site.id, token), post_id, now,
    )  # fmt: skip
    return _metered(post_id, meter), account is not None


def _count(
    session: Session, site: Site, who: Who, hold: Callable[[], MeterAccount], post_id: str, now: datetime
) -> tuple[Standing, MeterAccount | None]:
    """Return how the meter stands afterwards, and the held account where the view was counted."""
    post = session.get(Post, (site.id, post_id))
    section = post.section if post else ""
    meter = metering.standing(session, site, who, post_id, section, now=now)
    if meter is None or (meter.left is None and not meter.counted):
        raise NotMetered("Nothing opens this post, and the site's meter does not count it.")
    if meter.counted:
        return meter, None
    account = hold()
    # Asked again now that nobody else counts for this reader.
    meter = metering.standing(session, site, who, post_id, section, now=now) or meter
    if meter.counted:
        return meter, None
    if not meter.left or meter.until is None:
        renews_at = metering.renews_at(session, account, meter.section, meter.posts, now=now)
        raise MeterUsedUp("No free posts are left.", meter_left=0, renews_at=metering.iso(renews_at))
    metering.put(session, account, section=meter.section, post_id=post_id, counted_at=now, ends_at=meter.until)
    account.used_at = max(account.used_at or now, now)
    session.flush()
    return meter._replace(left=meter.left - 1, counted=True), account


def _answer(post_id: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {"post_id": post_id} | {name: found[name] for name in ("because", "meter_left", "until")}


def _metered(post_id: str, meter: Standing) -> dict[str, Any]:
    return {"post_id": post_id, "because": "meter", "meter_left": meter.left, "until": meter.until}
