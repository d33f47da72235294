"""Events of Stripe that come at the same moment: each counts once, and none is left waiting for another."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from moderation.db import db
from moderation.models import ProviderEvent
from moderation.services import ledger_check
from tests.engagement import ledger, overview, sell
from tests.stripe_events import DAY, SECRET, bundle, checkout, post, send, set_up, signature, told

THREADS = 12


@pytest.fixture
def shop(installation):
    sell(installation.client, "monthly", unlocks=5)
    set_up(installation.app, price_month="monthly", price_five=5)
    return installation


def at_once(shop, events):
    begin = Barrier(len(events))

    def deliver(sent):
        body = json.dumps(sent)
        client, header = shop.app.test_client(), signature(body, SECRET)
        begin.wait(timeout=10)
        return post(client, body, header).json["outcome"]

    with ThreadPoolExecutor(len(events)) as pool:
        return sorted(pool.map(deliver, events))


def test_the_same_event_at_once_counts_once(shop):
    became = at_once(shop, [bundle(id="evt_1")] * THREADS)

    assert became == ["applied"] + ["duplicate"] * (THREADS - 1)
    assert [item["unlocks"] for item in ledger(shop.client)] == [5]


def test_who_and_what_at_once_find_each_other(shop):
    nameless = [told(created=2_000_000_000 + n, end=2_000_000_000 + 30 * DAY, start=2_000_000_000, reader=None)
                for n in range(THREADS - 1)]  # fmt: skip

    at_once(shop, [*nameless, checkout()])

    with shop.app.app_context():
        assert {row.state for row in db.session.query(ProviderEvent)} == {"applied"}
        assert ledger_check.faults(db.session()) == []
    seen = overview(shop.client)
    assert (seen["subscription"]["state"], seen["unlock_left"]) == ("active", 5)
    assert send(shop.client, nameless[0]) == "duplicate"
