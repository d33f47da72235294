"""Any order of renewals, unlocks, waiting and a worker that comes or not: the books agree with a plain sum."""

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.db import db
from moderation.models import Grant
from moderation.services import ledger_check
from moderation.services.ledger import open_lots
from tests.engagement import START, ledger, left, sell, subscribe, the_worker_comes, travel, turn, url

PERIOD, GIVEN = 10, 4
# The examples share a database: each has a reader of its own, a repeated one too.
_NUMBERS = count()
_STEPS = st.lists(
    st.tuples(st.sampled_from(["renew", "unlock", "refund", "worker", "wait"]), st.integers(0, 9)), max_size=25
)


@given(steps=_STEPS, cap=st.integers(0, 6), grace=st.sampled_from([0, 15]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_books_agree_whatever_happens_in_whatever_order(client, app, steps, cap, grace):
    plan, reader = f"plan-{cap}-{grace}", f"u-{next(_NUMBERS)}"
    sell(client, plan, period=PERIOD, unlocks=GIVEN, rollover_cap=cap, grace_days=grace)
    now = START
    with travel(now):
        subscribe(client, plan, reader)
    for number, (what, figure) in enumerate(steps):
        now += timedelta(days=figure) if what == "wait" else timedelta(seconds=1)
        with travel(now):
            step(client, app, reader, what, number, figure)
            check(client, app, reader)
    with travel(now + timedelta(days=400)):
        the_worker_comes(app)
        check(client, app, reader)
        assert left(client, reader) == 0


def step(client, app, reader, what, number, figure):
    if what == "renew":
        client.post(url("/subscription/renew", reader), json={})
    elif what == "unlock":
        client.post(url("/unlocks", reader), json={"post_id": f"post-{figure}"})
    elif what == "refund":
        client.delete(url(f"/unlocks/post-{figure}", reader))
    elif what == "worker":
        the_worker_comes(app)


def check(client, app, reader):
    items = ledger(client, reader)
    balance = 0
    for number, item in enumerate(items, 1):
        balance += item["unlocks"]
        assert (item["sequence"], item["balance"]) == (number, balance)
    assert left(client, reader) == balance >= 0
    with app.app_context():
        assert ledger_check.faults(db.session()) == []
        for row in db.session.query(Grant).filter_by(kind="rollover"):
            assert row.unlocks <= max(cap_of(row), 0)


def cap_of(rollover):
    plan = db.session.query(Grant).filter_by(
        subscription_id=rollover.subscription_id, period=rollover.period, kind="plan"
    )
    return plan.one().rollover_cap


@pytest.mark.parametrize("cap", [0, 2])
def test_what_is_over_for_good_is_not_looked_at_again(client, app, cap):
    sell(client, "daily", period=1, unlocks=1, rollover_cap=cap)
    with travel():
        subscribe(client, "daily")
    for day in range(1, 31):
        with travel(START + timedelta(days=day) - timedelta(hours=1)):
            turn(client, "renew")

    with travel(START + timedelta(days=30)), app.app_context():
        allowance_id = db.session.query(Grant).first().allowance_id
        assert len(open_lots(db.session(), allowance_id)) <= 6
