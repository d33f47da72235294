"""When periods end in the plain model."""

import calendar
from datetime import timedelta


def period_end(anchor, period, count):
    """The end of so many periods from a day, in UTC."""
    if period is None:
        return None
    if period != "month":
        return anchor + timedelta(days=period * count)
    years, month = divmod(anchor.month - 1 + count, 12)
    year = anchor.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, last))
