"""Imported readers and Stripe: its later events find the reader and go on with the subscription that was imported."""

import pytest

from tests.engagement import START, access, at, left, sell, travel
from tests.engagement import history as history_of
from tests.engagement import subscription as subscription_of
from tests.readers_moving import LEAKY_HEAD, bring, held, is_proved, json_lines, leaky, row, sold, text
from tests.stripe_events import CUSTOMER, DAY, MONTH, NOW, SUBSCRIPTION, send, set_up, told

READER = "u-1"
SOON = "2031-02-10T10:00:00Z"


@pytest.fixture
def site(installation):
    with travel():
        sell(sold(installation).client, "units", unlocks=10)
        set_up(installation.app, price_month="monthly", price_units="units")
        yield installation


@pytest.fixture
def file(tmp_path):
    def write(**changes):
        ids = {"stripe_customer": CUSTOMER, "stripe_subscription": SUBSCRIPTION, "paid_until": SOON}
        return json_lines(tmp_path / "readers.jsonl", row(**ids | changes))

    return write


def unnamed(*words, **changes):
    """An event that names no reader, as it comes from a subscription that another system began."""
    return told(*words, reader=None, **changes)


def renewed(**changes):
    return unnamed("updated", created=NOW + 60, end=NOW + MONTH, **changes)


def test_an_event_of_an_imported_subscription_changes_it(site, file):
    bring(site, file(), code=0)
    before = subscription_of(site.client, READER)

    became = send(site.client, renewed())

    after = subscription_of(site.client, READER)
    assert became == "applied"
    assert (after["id"], after["paid_until"]) == (before["id"], "2031-02-28T10:00:00Z")
    assert [turn["event"] for turn in history_of(site.client, READER)] == ["import", "follow"]


def test_the_providers_word_counts_whenever_it_was_said(site, file):
    bring(site, file(), code=0)

    send(site.client, unnamed("updated", created=NOW - 90 * DAY, start=NOW - 90 * DAY, end=NOW + DAY))

    assert subscription_of(site.client, READER)["paid_until"] == "2031-02-01T10:00:00Z"


def test_its_end_ends_it(site, file):
    bring(site, file(), code=0)

    send(site.client, unnamed("deleted", "canceled", created=NOW + 60, ended_at=NOW + 60))

    with at(hours=1):
        assert subscription_of(site.client, READER)["state"] == "ended"
        assert not access(site.client, "other", READER)["allowed"]
        assert access(site.client, "2041", READER)["allowed"]


def test_a_customer_alone_is_enough_for_the_subscription_that_goes_on(site, file):
    bring(site, file(stripe_subscription=None), code=0)
    before = subscription_of(site.client, READER)

    became = send(site.client, renewed(), unnamed("updated", created=NOW + 90, end=NOW + 2 * MONTH))

    after = subscription_of(site.client, READER)
    assert became == ["applied", "applied"]
    assert (after["id"], after["paid_until"]) == (before["id"], "2031-03-28T10:00:00Z")
    assert held(site)[READER]["stripe_subscription"] == SUBSCRIPTION


def test_nothing_is_left_of_the_imported_time_when_the_customers_subscription_ends(site, file):
    bring(site, file(stripe_subscription=None), code=0)

    send(site.client, renewed(), unnamed("deleted", "canceled", created=NOW + 90, ended_at=NOW + 90))

    with at(hours=1):
        assert not access(site.client, "other", READER)["allowed"]


def test_a_subscriber_of_leaky_paywall_is_found_by_the_customer(site, tmp_path):
    path = text(tmp_path / "report.csv", LEAKY_HEAD, leaky(subscriber=CUSTOMER))
    bring(site, path, "--plan", "0=monthly", form="leaky-paywall", code=0)

    assert send(site.client, renewed()) == "applied"
    assert subscription_of(site.client, "wp:7")["paid_until"] == "2031-02-28T10:00:00Z"


def test_an_event_that_came_before_the_reader_is_applied_by_the_import(site, file):
    early = send(site.client, renewed())

    done = bring(site, file(), code=0)

    assert (early, done["woken"]) == ("quarantined", 1)
    assert subscription_of(site.client, READER)["paid_until"] == "2031-02-28T10:00:00Z"
    assert bring(site, file(), code=0)["woken"] == 0


def test_a_subscription_that_stripe_told_of_before_is_not_imported_again(site, file):
    send(site.client, told("created", created=NOW + 30, reader=READER))

    done = bring(site, file(), code=0)

    assert done["totals"]["in_ledger"] == {"units": 3, "posts": 2, "subscriptions": 1}
    assert [turn["event"] for turn in history_of(site.client, READER)] == ["follow"]


def test_the_period_in_which_a_reader_came_gives_no_units_again_and_the_next_one_does(site, file):
    bring(site, file(plan="units"), code=0)

    send(site.client, renewed(price="price_units", start=NOW - 20 * DAY))
    same = left(site.client, READER)
    with at(days=30):
        new = {"created": NOW + 29 * DAY, "start": NOW + 29 * DAY, "end": NOW + 29 * DAY + MONTH}
        send(site.client, unnamed("updated", price="price_units", **new))

        assert (same, left(site.client, READER)) == (3, 13)
        assert is_proved(site)


def test_erasure_forgets_the_ids_at_the_provider_too(site, file):
    bring(site, file(), code=0)

    site.run("reader", "erase", READER, "--yes")

    assert send(site.client, renewed()) == "quarantined"
    assert held(site) == {}


def test_what_is_held_on_a_reader_shows_the_import(site, file):
    bring(site, file(), code=0)

    shown = site.client.get(f"/v1/readers/{READER}/export").json

    assert shown["payment_customers"][0]["customer"] == CUSTOMER
    assert shown["payment_subscriptions"][0]["subscription"] == SUBSCRIPTION
    assert shown["grants"][0]["kind"] == "import"
    assert START.isoformat()[:10] in shown["grants"][0]["created_at"]
