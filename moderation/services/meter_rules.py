"""A site's meter: how many posts a window gives, and when a window ends. Stored in the site's settings."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from moderation.errors import NotFound
from moderation.models import Site
from moderation.services import audit, site_settings

SETTING = "meter"
MONTH = "month"
# The rule of every section that has none of its own.
GENERAL = ""


class Meter(NamedTuple):
    """``window`` is "month" or a number of days; ``posts`` is None without a general rule."""

    window: str | int
    posts: int | None
    sections: Mapping[str, int]

    def rule_of(self, section: str) -> tuple[str, int | None]:
        """Return the one rule that counts posts of this section, and its number; None: they are not metered."""
        if section in self.sections:
            return section, self.sections[section]
        return GENERAL, self.posts

    def rules(self) -> Iterator[tuple[str, int]]:
        if self.posts is not None:
            yield GENERAL, self.posts
        yield from self.sections.items()


def of_site(site: Site) -> Meter | None:
    stored = site.settings.get(SETTING)
    return Meter(stored["window"], stored["posts"], stored["sections"]) if stored else None


def get(site: Site) -> Meter:
    meter = of_site(site)
    if meter is None:
        raise NotFound("This site has no meter.")
    return meter


def save(session: Session, site: Site, data: Mapping[str, Any], *, actor: str) -> tuple[Meter, bool]:
    """Count by these rules from now on; return them and whether there was no meter before.

    What was counted stays counted, and stays open, until the window ends that it was counted in.
    """
    known = of_site(site)
    meter = Meter(data["window"], data["posts"], dict(data["sections"]))
    if meter != known:
        site_settings.change(session, site.id, **{SETTING: meter._asdict()})
        audit.record(session, site_id=site.id, actor=actor, action="meter.saved", subject=site.id, **meter._asdict())
    return meter, known is None


def remove(session: Session, site: Site, *, actor: str) -> None:
    """Give no free posts any more, the counted ones included; a meter set later counts on with them."""
    get(site)
    site_settings.change(session, site.id, **{SETTING: None})
    audit.record(session, site_id=site.id, actor=actor, action="meter.removed", subject=site.id)


def ends_at(meter: Meter, now: datetime, *, zone: str) -> datetime:
    """When a post that is counted now closes again (UTC): a number of days of 24 hours later, or next month."""
    if isinstance(meter.window, int):
        return now + timedelta(days=meter.window)
    return _next_month(now, zone)


def _next_month(now: datetime, zone: str) -> datetime:
    """The first midnight of a month, on the zone's clocks, that is still to come.

    A midnight that a change of clocks skips is moved on by the change, of two equal ones the first counts
    (PEP 495, fold=0). Clocks set back over it show the old month again: then it is the midnight after.
    """
    local = now.astimezone(ZoneInfo(zone))
    months = local.year * 12 + local.month
    starts = (
        datetime(month // 12, month % 12 + 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for month in (months, months + 1)
    )
    return next(moment for moment in starts if moment > now)
