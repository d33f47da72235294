"""Drift: scores of a week beside those of the four weeks before, told once."""

import json
import math
import random
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from moderation import worker
from moderation.db import db
from moderation.ids import new_id
from moderation.models import Comment, Decision, Post, Site
from moderation.policy import LABELS, Status
from moderation.services import alerts, drift
from tests.factories import comment

# A Thursday.
NOW = datetime(2027, 3, 11, 12, tzinfo=UTC)
MONDAY = date(2027, 3, 8)
ENOUGH = drift.FEWEST


@pytest.fixture
def clock(app, client):
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def wrote(app, when, scores, *, site="demo", version="tiers-1", status=Status.PUBLISHED):
    """As many replies at that time, with these scores of toxicity."""
    with app.app_context():
        session = db.session()
        site_id = session.scalar(sa.select(Site.id).where(Site.name == site))
        session.merge(Post(site_id=site_id, id="p", created_at=when))
        session.flush()
        same = {"site_id": site_id, "post_id": "p", "root_id": "x", "text": "", "text_hash": "", "fingerprint": ""}
        comments = [{"id": new_id("cmt"), "status": status, **same} for _ in scores]
        session.execute(sa.insert(Comment), comments)
        at = new_id("dec", at=when)[:14]
        session.execute(sa.insert(Decision), [
            {"id": at + new_id("dec")[14:], "site_id": site_id, "comment_id": row["id"], "comment_version": 1,
             "kind": "submitted", "new_status": status, "actor": "policy", "model_version": version,
             "scores": dict.fromkeys(LABELS, score), "created_at": when}
            for row, score in zip(comments, scores, strict=True)
        ])  # fmt: skip
        session.commit()


def drawn(seed, *, shift=0.0, count=ENOUGH):
    chance = random.Random(seed)
    return [min(chance.betavariate(1, 8) + shift, 1.0) for _ in range(count)]


def measured(app, week=MONDAY, site="demo"):
    with app.app_context():
        session = db.session()
        return drift.measure(session, session.scalar(sa.select(Site.id).where(Site.name == site)), week)


def events(client, type="model.drifted"):
    return [event for event in client.get("/v1/events?limit=100").json["items"] if event["type"] == type]


def test_the_index_is_zero_for_the_same_and_grows_with_the_distance():
    before = drawn(1, count=5_000)

    found = [drift.stability(before, drawn(2, shift=shift, count=5_000)) for shift in (0.0, 0.02, 0.1, 0.4)]

    assert drift.stability(before, before) == pytest.approx(0.0, abs=1e-12)
    assert found[0] < 0.02
    assert found == sorted(found)
    assert found[2] > drift.CHANGED


def test_the_index_agrees_with_a_sum_by_hand():
    # Ten values once each; then all in the last part: 0.5 is added to each count.
    before, now = [part / 10 for part in range(10)], [0.95] * 10

    found = drift.stability(before, now)

    # p = 1/10 of 15 each, q = 0.5/15 nine times and 10.5/15 once.
    p, low, high = 1.5 / 15, 0.5 / 15, 10.5 / 15
    assert found == pytest.approx(9 * (low - p) * math.log(low / p) + (high - p) * math.log(high / p))


def test_values_that_are_all_alike_are_one_part():
    assert drift.stability([0.0] * 600, [0.0] * 700) == pytest.approx(0.0, abs=1e-4)


def test_a_week_like_those_before_is_steady_and_another_is_not(app, client, clock):
    wrote(app, NOW - timedelta(days=10), drawn(1))
    wrote(app, NOW - timedelta(hours=3), drawn(2))
    steady = measured(app)
    wrote(app, NOW - timedelta(hours=2), drawn(3, shift=0.3), status=Status.PENDING)

    moved = measured(app)

    assert (steady.comments, steady.queued, max(steady.stability.values()) < 0.1) == (ENOUGH, 0.0, True)
    assert (moved.comments, moved.queued) == (2 * ENOUGH, 0.5)
    assert min(moved.stability.values()) > drift.CHANGED


@pytest.mark.parametrize(
    "before",
    [
        {"when": NOW - timedelta(days=40)},
        {"when": NOW - timedelta(days=10), "version": "tiers-0"},
        {"when": NOW - timedelta(days=10), "site": "other"},
        {"when": NOW - timedelta(days=10), "fewer": 1},
    ],
    ids=["too long ago", "another model", "another site", "too few"],
)
def test_nothing_is_said_where_there_is_nothing_to_compare_with(app, client, clock, before):
    fewer = before.pop("fewer", 0)
    wrote(app, before.pop("when"), drawn(1, count=ENOUGH - fewer), **before)
    wrote(app, NOW - timedelta(hours=3), drawn(2, shift=0.5))

    found = measured(app)

    assert (found.comments, found.stability, found.worst) == (ENOUGH, {}, "")


def test_what_people_overturned_is_counted_and_what_they_took_back_is_not(app, client, clock, jo):
    ids = [client.post("/v1/comments", json=comment(f"Good morning {n}.")).json["id"] for n in range(3)]
    for id, button in zip(ids, ({"do": "approve"}, {"reason": "abuse"}, {"reason": "abuse"}), strict=True):
        jo.get(f"/demo/comments/{id}")
        jo.decide(id, **button)
        # The last one, which is taken back, is found by its time.
        clock.shift(timedelta(seconds=1))
    jo.post("/demo/undo")

    found = measured(app)

    assert (found.comments, found.decided, found.overturned) == (3, 2, 0.5)


def test_the_site_is_told_once_a_week_by_event_and_by_alert(app, client, clock):
    with app.app_context():
        site = db.session.scalar(sa.select(Site).where(Site.name == "demo"))
        site.settings = {**site.settings, alerts.SLACK_URL: "https://chat.example/x"}
        db.session.commit()
    wrote(app, NOW - timedelta(days=10), drawn(1))
    wrote(app, NOW - timedelta(hours=3), drawn(2, shift=0.3))

    for _ in range(3):
        worker.do_chores(app)
        clock.shift(timedelta(minutes=61))

    (event,) = events(client)
    with app.app_context():
        alerts.check(db.session(), now=datetime.now(UTC), public_url="")
        told = db.session.execute(sa.text("SELECT title FROM notice WHERE topic = 'drift'")).scalars().all()
    assert event["data"]["version"] == "tiers-1"
    assert event["data"]["week"] == "2027-03-08"
    assert event["data"]["stability"] > drift.CHANGED
    assert [("has changed this week" in title) for title in told] == [True]


def test_a_week_is_measured_once_an_hour(app, client, clock):
    worker.do_chores(app)
    wrote(app, NOW - timedelta(hours=3), drawn(2))
    counts = []
    for minutes in (30, 31):
        clock.shift(timedelta(minutes=minutes))
        worker.do_chores(app)
        with app.app_context():
            rows = db.session.execute(sa.text("SELECT figures FROM drift")).scalars().all()
        counts.append(sorted((json.loads(row) if isinstance(row, str) else row)["comments"] for row in rows))

    assert counts == [[0, 0], [0, ENOUGH]]


def test_the_command_prints_the_weeks_newest_first(installation):
    installation.submit("Good morning.")
    words = ("models", "drift", "--weeks", "2")

    told, figures = installation.run(*words), installation.run(*words, "--json")

    assert (told.exit_code, figures.exit_code) == (0, 0), figures.output
    items = json.loads(figures.stdout)["items"]
    assert [item["comments"] for item in items] == [1, 0]
    assert items[0]["week"] > items[1]["week"]
    assert [line.split()[1] for line in told.stdout.splitlines()[1:]] == ["1", "0"]
    assert "too few to say" in told.stdout
