"""When a window ends: months by the site's clocks, days to the second, and clocks that are set back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.ids import new_id
from moderation.services.meter_rules import Meter, ends_at
from tests.engagement import access, configure, problem, travel
from tests.meter import set_meter, view

MONTHLY = Meter("month", 5, {})
BERLIN, AUCKLAND, NEW_YORK, ASUNCION, ST_JOHNS = (
    "Europe/Berlin", "Pacific/Auckland", "America/New_York", "America/Asuncion", "America/St_Johns",
)  # fmt: skip


def moment(text):
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "now", "end"),
    [
        ("UTC", "2031-01-31T23:59:59.999999Z", "2031-02-01T00:00:00Z"),
        ("UTC", "2031-02-01T00:00:00Z", "2031-03-01T00:00:00Z"),
        ("UTC", "2031-02-28T23:59:59Z", "2031-03-01T00:00:00Z"),
        ("UTC", "2032-02-28T23:59:59Z", "2032-03-01T00:00:00Z"),
        ("UTC", "2032-02-29T12:00:00Z", "2032-03-01T00:00:00Z"),
        ("UTC", "2031-12-31T23:59:59Z", "2032-01-01T00:00:00Z"),
        # Summer time begins and ends inside the month: its ends are an hour apart from 31 times 24.
        (BERLIN, "2031-03-01T00:00:00+01:00", "2031-03-31T22:00:00Z"),
        (BERLIN, "2031-03-31T23:59:59+02:00", "2031-03-31T22:00:00Z"),
        (BERLIN, "2031-10-01T00:00:00+02:00", "2031-10-31T23:00:00Z"),
        (BERLIN, "2031-10-31T22:59:59Z", "2031-10-31T23:00:00Z"),
        (BERLIN, "2031-10-31T23:00:00Z", "2031-11-30T23:00:00Z"),
        (BERLIN, "2032-02-29T22:59:59Z", "2032-02-29T23:00:00Z"),
        (NEW_YORK, "2031-11-01T03:59:59Z", "2031-11-01T04:00:00Z"),
        (NEW_YORK, "2031-11-01T04:00:00Z", "2031-12-01T05:00:00Z"),
        (NEW_YORK, "2031-03-31T23:59:59-04:00", "2031-04-01T04:00:00Z"),
        (AUCKLAND, "2031-03-31T10:59:59Z", "2031-03-31T11:00:00Z"),
        (AUCKLAND, "2031-04-30T11:59:59Z", "2031-04-30T12:00:00Z"),
        (AUCKLAND, "2031-09-30T10:59:59Z", "2031-09-30T11:00:00Z"),
        # 1 October 2023 had no midnight in Paraguay: after 23:59:59 came one o'clock.
        (ASUNCION, "2023-10-01T03:59:59Z", "2023-10-01T04:00:00Z"),
        (ASUNCION, "2023-10-01T04:00:00Z", "2023-11-01T03:00:00Z"),
        # On 1 November 2009 Newfoundland's clocks went back at one past midnight: October came again.
        (ST_JOHNS, "2009-11-01T02:29:59Z", "2009-11-01T02:30:00Z"),
        (ST_JOHNS, "2009-11-01T02:30:30Z", "2009-12-01T03:30:00Z"),
        (ST_JOHNS, "2009-11-01T02:31:30Z", "2009-12-01T03:30:00Z"),
        (ST_JOHNS, "2009-11-01T03:30:00Z", "2009-12-01T03:30:00Z"),
    ],
)
def test_a_month_ends_at_midnight_of_the_first_on_the_sites_clocks(zone, now, end):
    assert ends_at(MONTHLY, moment(now), zone=zone) == moment(end)


@given(
    now=st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)),  # noqa: DTZ001 -- hypothesis wants bounds without zone
    zone=st.sampled_from([BERLIN, AUCKLAND, NEW_YORK, ASUNCION, ST_JOHNS, "Pacific/Apia", "Africa/Cairo", "UTC"]),
)
def test_a_month_always_ends_later_and_within_a_month(now, zone):
    now = now.replace(tzinfo=UTC)

    assert timedelta(0) < ends_at(MONTHLY, now, zone=zone) - now <= timedelta(days=31, hours=2)


def test_a_new_month_gives_the_posts_again_and_closes_those_of_the_old(client, app):
    configure(app, time_zone=BERLIN)
    set_meter(client, 1)
    with travel(moment("2032-02-29T22:59:59Z")):
        first = view(client)
        second = view(client, "2042")
    with travel(moment("2032-02-29T23:00:00Z")):
        closed, third = access(client), view(client, "2042")
        refused = view(client)

    assert (first.json["until"], first.status_code) == ("2032-02-29T23:00:00Z", 201)
    assert problem(second) == (409, "meter_used_up")
    assert second.json["renews_at"] == "2032-02-29T23:00:00Z"
    assert (closed["because"], closed["meter_left"]) == ("meter", 1)
    assert (third.status_code, third.json["until"]) == (201, "2032-03-31T22:00:00Z")
    assert problem(refused) == (409, "meter_used_up")


def test_days_roll_to_the_second(client):
    set_meter(client, 2, 7)
    start = moment("2031-03-28T10:00:00Z")
    with travel(start):
        first = view(client, "1").json["until"]
    with travel(start + timedelta(days=3)):
        view(client, "2")
        full = view(client, "3")
    with travel(start + timedelta(days=7) - timedelta(seconds=1)):
        before = [view(client, "3").status_code, access(client, "1")["allowed"]]
    with travel(start + timedelta(days=7)):
        after = [access(client, "1")["meter_left"], view(client, "3").status_code, view(client, "1").status_code]
    with travel(start + timedelta(days=10)):
        again = view(client, "1").status_code

    # Berlin changes to summer time in between: days of 24 hours do not notice.
    assert (first, full.json["renews_at"]) == ("2031-04-04T10:00:00Z", "2031-04-04T10:00:00Z")
    assert before == [409, True]
    assert after == [1, 201, 409]
    assert again == 201


@pytest.mark.parametrize("window", ["month", 7])
def test_a_clock_that_is_set_back_over_the_end_of_a_window_gives_nothing_more(client, window):
    set_meter(client, 2, window)
    end = moment("2031-02-01T00:00:00Z")
    before = end - timedelta(minutes=10)
    with travel(before - timedelta(days=7 if window == 7 else 0)):
        assert [view(client, post).status_code for post in ("1", "2", "3")] == [201, 201, 409]
    with travel(end + timedelta(minutes=10)):
        assert [view(client, post).status_code for post in ("4", "1", "3")] == [201, 201, 409]
    with travel(end - timedelta(minutes=50)):
        assert view(client, "5").status_code == 409
        assert access(client, "4")["allowed"] is True
    with travel(end + timedelta(minutes=10)):
        assert view(client, "5").status_code == 409


def test_another_time_zone_moves_no_window_that_has_begun(client, app):
    set_meter(client, 1)
    with travel(moment("2031-01-31T12:00:00Z")):
        view(client)
    configure(app, time_zone=AUCKLAND)
    with travel(moment("2031-01-31T23:00:00Z")):
        assert view(client, "2042").status_code == 409
    with travel(moment("2031-02-01T00:00:00Z")):
        assert view(client, "2042").json["until"] == "2031-02-28T11:00:00Z"


_STEPS = st.lists(
    st.tuples(
        st.integers(0, 5),
        # Mostly on, sometimes back, by up to an hour.
        st.one_of(st.integers(0, 12 * 24 * 3_600), st.integers(-3_600, 0)),
    ),
    max_size=25,
)


@given(steps=_STEPS, window=st.sampled_from(["month", 1, 7, 30]), posts=st.integers(0, 3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_steps_of_the_clock_ever_give_more_than_the_rule(client, window, posts, steps):
    reader = new_id("reader")
    set_meter(client, posts, window)
    now, open_until = moment("2031-01-20T10:00:00Z"), {}
    for post, seconds in steps:
        now += timedelta(seconds=seconds)
        living = {name for name, until in open_until.items() if until > now}
        with travel(now):
            asked, answer = access(client, str(post), reader), view(client, str(post), reader)

        expected = 200 if post in living else 201 if len(living) < posts else 409
        assert answer.status_code == expected
        assert asked["allowed"] is (expected != 409)
        if expected == 201:
            open_until[post] = moment(answer.json["until"])
            assert asked["until"] == answer.json["until"]
            assert answer.json["meter_left"] == asked["meter_left"] - 1 == posts - len(living) - 1
