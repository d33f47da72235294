"""When a period ends: calendar months in the site's time zone, or days of 24 hours. Pure arithmetic."""

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def end(anchor: datetime, period: str | int | None, count: int, *, zone: str) -> datetime | None:
    """Return the end (UTC) of the ``count``-th period from ``anchor``; None for a period without end.

    ``period`` is "month", a number of days or None. Every month is counted from the anchor and not from
    the end before, so 31 January gives 28 (or 29) February and then 31 March.
    """
    if period is None:
        return None
    days = 28 * count if period == "month" else int(period) * count
    # Asked before anything is added: no calendar knows what lies behind its last year.
    if days >= (LATEST - anchor).days:
        return LATEST
    moment = _months_later(anchor, count, zone) if period == "month" else anchor + timedelta(days=days)
    return min(moment, LATEST)


def _months_later(anchor: datetime, count: int, zone: str) -> datetime:
    # The wall clock is kept: what began at ten ends at ten, whatever summer time did in between. A time
    # that a change of clocks skips is moved on by the change (PEP 495, fold=0); of two equal ones the first.
    local = anchor.astimezone(ZoneInfo(zone)).replace(fold=0)
    year, month = divmod(local.year * 12 + local.month - 1 + count, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(UTC)
