"""What a site is told in time: trials and periods that end, payments that did not come. Each once."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from moderation.db import db
from moderation.models import Event, utc_now
from moderation.services import period_notices
from tests.engagement import at, configure, sell, subscribe, the_worker_comes, turn
from tests.stripe_events import DAY, MONTH, NOW, send, set_up, told

ENDING, TRIAL, FAILED = "subscription.period_ending", "subscription.trial_ending", "subscription.payment_failed"


@pytest.fixture
def shop(client):
    sell(client, "monthly", grace_days=5)
    sell(client, "strict")
    sell(client, "tried", trial_days=14)
    return client


def noticed(app):
    with app.app_context():
        rows = db.session.query(Event).filter(Event.type.in_([ENDING, TRIAL, FAILED])).order_by(Event.id)
        return [(row.type, json.loads(row.body)["data"]) for row in rows]


def types(app):
    return [type for type, _ in noticed(app)]


def comes(app, *, days, hours=0):
    with at(days=days, hours=hours):
        the_worker_comes(app)
        the_worker_comes(app)


def test_a_period_is_told_three_days_before_its_end_and_once(shop, app):
    with at():
        subscribe(shop)
    comes(app, days=24, hours=23)
    too_early = noticed(app)
    for days in (25, 26, 27):
        comes(app, days=days)

    [(type, data)] = noticed(app)
    assert (too_early, type) == ([], ENDING)
    expected = {"reader_id": "u-77", "plan": "monthly", "state": "active", "ends_at": "2031-02-28T10:00:00Z"}
    assert {name: data[name] for name in expected} == expected


def test_a_trial_has_a_notice_of_its_own(shop, app):
    with at():
        subscribe(shop, "tried")
    comes(app, days=11)

    assert types(app) == [TRIAL]


def test_each_period_is_told(shop, app):
    with at():
        subscribe(shop)
    comes(app, days=26)
    with at(days=27):
        turn(shop, "renew")
    comes(app, days=40)
    between = types(app)
    comes(app, days=57)

    assert (between, types(app)) == ([ENDING], [ENDING, ENDING])


def test_turns_within_a_period_do_not_tell_it_again(shop, app):
    with at():
        subscribe(shop)
    comes(app, days=26)
    with at(days=26):
        for what in ("cancel", "resume", "pause", "resume"):
            turn(shop, what)
        turn(shop, "change", plan="strict")
    comes(app, days=27)

    assert types(app) == [ENDING]


@pytest.mark.parametrize("what", ["cancel", "pause"])
def test_who_cancelled_or_paused_is_told_nothing(shop, app, what):
    with at():
        subscribe(shop)
        turn(shop, what)
    comes(app, days=27)
    with at(days=27):
        turn(shop, "resume")
        none = types(app)
        the_worker_comes(app)

    assert (none, types(app)) == ([], [ENDING])


def test_a_worker_that_comes_after_the_end_tells_no_end(shop, app):
    with at():
        subscribe(shop, "strict")
    comes(app, days=29)

    assert types(app) == []


def test_the_days_are_the_sites(shop, app):
    configure(app, notice_days=10)
    with at():
        subscribe(shop)
    comes(app, days=18)

    assert types(app) == [ENDING]


def test_no_days_mean_no_notice(shop, app):
    configure(app, notice_days=0)
    with at():
        subscribe(shop)
    comes(app, days=27)

    assert types(app) == []


def test_the_days_are_set_by_a_command(installation):
    said = installation.run("site", "set", "demo", "--notice-days", "7")

    assert "notice days 7" in said.stdout


def test_a_lapse_into_grace_is_a_payment_that_did_not_come(shop, app):
    with at():
        subscribe(shop)
        subscribe(shop, "strict", "u-2")
    comes(app, days=28)
    comes(app, days=29)

    [(type, data)] = noticed(app)
    assert (type, data["reader_id"], data["cause"]) == (FAILED, "u-77", "clock")
    assert data["access_until"] == "2031-03-05T10:00:00Z"


def test_the_provider_says_that_a_payment_failed(shop, app):
    set_up(app, price_month="monthly", price_strict="strict")
    with at():
        send(shop, told())
    with at(days=27, hours=23):
        failed = {"start": NOW + MONTH, "end": NOW + 2 * MONTH}
        send(shop, told(created=NOW + MONTH + 5, **failed))
        send(shop, told(status="past_due", created=NOW + MONTH + 60, **failed))
        send(shop, told(status="past_due", created=NOW + MONTH + 90, **failed))
        the_worker_comes(app)
        once = noticed(app)
        send(shop, told(created=NOW + MONTH + 100, **failed))
        send(shop, told(status="past_due", created=NOW + MONTH + 120, **failed))

    assert [(type, data["cause"]) for type, data in once] == [(FAILED, "provider")]
    assert types(app) == [FAILED]


def test_it_is_told_also_where_no_grace_follows(shop, app):
    set_up(app, price_strict="strict")
    with at(days=1):
        send(shop, told(price="price_strict"))
        send(shop, told(status="past_due", price="price_strict", created=NOW + DAY))

    assert types(app) == [FAILED]


def test_workers_that_come_at_once_tell_it_once(installation):
    app, client = installation.app, installation.client
    sell(client, "short", period=1)
    for number in range(20):
        subscribe(client, "short", f"u-{number}")
    begin = Barrier(4)

    def work():
        begin.wait(timeout=10)
        for _ in range(10):
            with app.app_context():
                period_notices.tell_due(db.session(), 7, now=utc_now())
                db.session.commit()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result(timeout=60)

    assert sorted(data["reader_id"] for _, data in noticed(app)) == sorted(f"u-{number}" for number in range(20))
