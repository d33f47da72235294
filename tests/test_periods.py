"""When periods end: ends of months, 29 February, and clocks that are put forward or back. By hand, from calendars."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from moderation.db import db
from moderation.services import ledger_check, periods
from tests.engagement import (
    access,
    configure,
    give,
    history,
    left,
    sell,
    subscribe,
    subscription,
    the_worker_comes,
    travel,
    turn,
    unlock,
    url,
)

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
# Zone, beginning (its wall clock), periods of a month, end (its wall clock), end (UTC).
MONTHS = [
    # Ends of months: counted from the first day, so that the day comes back.
    ("UTC", "2027-01-31 10:00", 1, "2027-02-28 10:00", "2027-02-28 10:00"),
    ("UTC", "2027-01-31 10:00", 2, "2027-03-31 10:00", "2027-03-31 10:00"),
    ("UTC", "2027-01-31 10:00", 3, "2027-04-30 10:00", "2027-04-30 10:00"),
    ("UTC", "2027-01-30 23:59", 1, "2027-02-28 23:59", "2027-02-28 23:59"),
    ("UTC", "2027-10-31 00:00", 1, "2027-11-30 00:00", "2027-11-30 00:00"),
    ("UTC", "2027-12-31 10:00", 2, "2028-02-29 10:00", "2028-02-29 10:00"),
    # 29 February: once in four years, not in 2100, but in 2400.
    ("UTC", "2028-01-31 10:00", 1, "2028-02-29 10:00", "2028-02-29 10:00"),
    ("UTC", "2028-02-29 10:00", 1, "2028-03-29 10:00", "2028-03-29 10:00"),
    ("UTC", "2028-02-29 10:00", 12, "2029-02-28 10:00", "2029-02-28 10:00"),
    ("UTC", "2028-02-29 10:00", 48, "2032-02-29 10:00", "2032-02-29 10:00"),
    ("UTC", "2096-02-29 10:00", 48, "2100-02-28 10:00", "2100-02-28 10:00"),
    ("UTC", "2399-02-28 10:00", 12, "2400-02-28 10:00", "2400-02-28 10:00"),
    # The month is that of the site: late on the 31st there is the 30th or the 1st elsewhere.
    (BERLIN, "2027-01-31 00:30", 1, "2027-02-28 00:30", "2027-02-27 23:30"),
    (NEW_YORK, "2027-01-31 22:00", 1, "2027-02-28 22:00", "2027-03-01 03:00"),
    (LORD_HOWE, "2027-01-31 05:00", 1, "2027-02-28 05:00", "2027-02-27 18:00"),
    # Over the beginning and the end of summer time the wall clock stays.
    (BERLIN, "2027-03-15 10:00", 1, "2027-04-15 10:00", "2027-04-15 08:00"),
    (BERLIN, "2027-10-15 10:00", 1, "2027-11-15 10:00", "2027-11-15 09:00"),
    (NEW_YORK, "2027-02-20 10:00", 1, "2027-03-20 10:00", "2027-03-20 14:00"),
    (NEW_YORK, "2027-10-20 10:00", 1, "2027-11-20 10:00", "2027-11-20 15:00"),
    (LORD_HOWE, "2027-03-20 10:00", 1, "2027-04-20 10:00", "2027-04-19 23:30"),
    (LORD_HOWE, "2027-09-20 10:00", 1, "2027-10-20 10:00", "2027-10-19 23:00"),
    # A time that is skipped is moved on by as much as the clocks are: an hour, on Lord Howe half of one.
    (BERLIN, "2027-02-28 02:30", 1, "2027-03-28 03:30", "2027-03-28 01:30"),
    (NEW_YORK, "2027-02-14 02:30", 1, "2027-03-14 03:30", "2027-03-14 07:30"),
    (LORD_HOWE, "2027-09-03 02:15", 1, "2027-10-03 02:45", "2027-10-02 15:45"),
    # Of a time that comes twice the first is meant.
    (BERLIN, "2027-09-30 02:30", 1, "2027-10-30 02:30", "2027-10-30 00:30"),
    (BERLIN, "2027-08-31 02:30", 2, "2027-10-31 02:30", "2027-10-31 00:30"),
    (NEW_YORK, "2027-10-07 01:30", 1, "2027-11-07 01:30", "2027-11-07 05:30"),
    (LORD_HOWE, "2027-03-04 01:45", 1, "2027-04-04 01:45", "2027-04-03 14:45"),
    # After such a month the time is the old one again.
    (BERLIN, "2027-02-28 02:30", 2, "2027-04-28 02:30", "2027-04-28 00:30"),
    (LORD_HOWE, "2027-09-03 02:15", 2, "2027-11-03 02:15", "2027-11-02 15:15"),
]


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def there(text, zone):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(("zone", "begin", "count", "local", "end"), MONTHS)
def test_months_end_by_the_sites_clock(zone, begin, count, local, end):
    ended = periods.end(there(begin, zone).astimezone(UTC), "month", count, zone=zone)

    assert ended == utc(end)
    assert ended.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") == local


@pytest.mark.parametrize("zone", ["UTC", BERLIN, NEW_YORK, LORD_HOWE])
def test_months_follow_each_other_without_gap_for_forty_years(zone):
    for begin in (there("2027-01-31 02:30", zone), there("2028-02-29 01:45", zone)):
        ends = [periods.end(begin.astimezone(UTC), "month", count, zone=zone) for count in range(1, 481)]
        lengths = [later - earlier for earlier, later in pairwise(ends)]

        assert timedelta(days=28) - timedelta(hours=1) <= min(lengths)
        assert max(lengths) <= timedelta(days=31, hours=1)
        months = [end.astimezone(ZoneInfo(zone)).month for end in ends]
        assert months == [(begin.month + count) % 12 or 12 for count in range(1, 481)]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE])
def test_days_have_24_hours_also_when_clocks_are_changed(zone):
    begin = there("2027-03-01 12:00", zone).astimezone(UTC)

    assert periods.end(begin, 7, 9, zone=zone) - begin == timedelta(days=63)


@pytest.mark.parametrize(("zone", "begin", "count", "local", "end"), MONTHS)
def test_a_subscription_ends_when_the_table_says(client, app, zone, begin, count, local, end):
    """Open one second before, closed at the second itself, without a worker and with one."""
    configure(app, time_zone=zone)
    sell(client)
    with travel(there(begin, zone)):
        subscribe(client)
        for _ in range(count - 1):
            turn(client, "renew")
    with travel(utc(end) - timedelta(seconds=1)):
        before = access(client)["allowed"]
    with travel(utc(end)):
        after = access(client)["allowed"]
        the_worker_comes(app)
        written = subscription(client)

    assert (before, after, written["state"]) == (True, False, "ended")
    assert written["paid_until"] == utc(end).strftime("%Y-%m-%dT%H:%M:%SZ")


class TestTheClockIsSetBack:
    """An hour back after something was over: what is written stays so, and nothing is given or taken twice."""

    NOON = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)

    def test_what_had_run_out_by_reading_is_there_again_until_its_time_comes(self, client):
        with travel(self.NOON):
            give(client, 5, expires_at="2027-02-02T12:00:00Z")
        with travel(self.NOON + timedelta(days=1, minutes=5)):
            over = left(client)
        with travel(self.NOON + timedelta(days=1, minutes=-55)):
            again, opened = left(client), unlock(client)["unlock_left"]
        with travel(self.NOON + timedelta(days=1)):
            assert (over, again, opened, left(client)) == (0, 5, 4, 0)

    def test_what_the_worker_has_written_stays_and_is_written_once(self, client, app):
        sell(client, unlocks=5)
        with travel(self.NOON):
            subscribe(client)
        for minutes in (5, -55, 5):
            with travel(datetime(2027, 3, 1, 12, 0, tzinfo=UTC) + timedelta(minutes=minutes)):
                the_worker_comes(app)
                seen = subscription(client)["state"], left(client), [item["event"] for item in history(client)]
                assert seen == ("ended", 0, ["start", "end"])
        with app.app_context():
            assert ledger_check.faults(db.session()) == []

    def test_a_payment_of_the_second_before_counts_once_after_it(self, client):
        sell(client)
        with travel(self.NOON):
            subscribe(client)
            turn(client, "renew", reference="inv-1")
        with travel(self.NOON - timedelta(hours=1)):
            again = client.post(url("/subscription/renew"), json={"reference": "inv-1"})
            late = turn(client, "renew", reference="inv-2")

        assert (again.status_code, again.json["paid_until"]) == (200, "2027-04-01T12:00:00Z")
        assert late["paid_until"] == "2027-05-01T12:00:00Z"

    def test_an_unlock_can_be_given_back_and_the_post_opened_anew(self, client):
        with travel(self.NOON):
            give(client, 1)
            unlock(client)
        with travel(self.NOON - timedelta(hours=1)):
            returned = client.delete(url("/unlocks/2041"))

            assert (returned.status_code, returned.json["unlock_left"]) == (200, 1)
            assert unlock(client)["unlock_left"] == 0
