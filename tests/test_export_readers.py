"""`export --readers`: what a site's readers hold moves into an empty site, to the unit and the second."""

import json

import pytest

from moderation.services.moving import engagement_leaving
from tests.engagement import access, at, give, left, overview, sell, subscribe, travel, turn, unlock
from tests.installation import Installation
from tests.readers_moving import bring, held, is_proved, json_lines, plain, row, sold
from tests.stripe_events import CUSTOMER, send, set_up, told

POSTS = ("a", "b", "c")


@pytest.fixture
def site(installation):
    with travel():
        yield sold(installation)


@pytest.fixture
def other(tmp_path, monkeypatch, site):
    """An empty installation with the same plans."""

    def make():
        for name, value in Installation.environment(tmp_path / "other").items():
            monkeypatch.setenv(name, value)
        made = Installation.make(tmp_path / "other")
        sell(made.client, "units", unlocks=4, grace_days=3)
        return sold(made)

    return make


def filled(site):
    sell(site.client, "units", unlocks=4, grace_days=3)
    set_up(site.app, price_month="monthly")
    give(site.client, 5, "u-1")
    give(site.client, 2, "u-1", expires_at="2031-06-01T00:00:00Z")
    unlock(site.client, "a", "u-1")
    subscribe(site.client, "units", "u-2")
    unlock(site.client, "b", "u-2")
    subscribe(site.client, "monthly", "u-3")
    turn(site.client, "cancel", "u-3", at="period_end")
    send(site.client, told("created", reader="u-4"))
    subscribe(site.client, "monthly", "u-5")
    turn(site.client, "pause", "u-5")
    subscribe(site.client, "monthly", "u-6")
    turn(site.client, "cancel", "u-6", at="now")
    left(site.client, "never-seen")


def seen(installation):
    """What readers would notice."""
    found = {}
    for reader in (f"u-{number}" for number in range(1, 7)):
        whole = overview(installation.client, reader)
        told = whole["subscription"]
        found[reader] = (
            whole["unlock_left"],
            told and {name: told[name] for name in ("plan", "state", "paid_until", "access_until")},
            [access(installation.client, post, reader)["because"] for post in POSTS],
        )
    return found


def test_what_goes_out_of_one_site_is_the_same_in_another_now_and_later(site, other, tmp_path):
    filled(site)
    path = tmp_path / "readers.jsonl"
    assert site.run("export", "--readers", path).exit_code == 0
    moments = [at(), at(days=27, hours=23), at(days=30), at(days=32), at(days=130)]
    before = []
    for moment in moments:
        with moment:
            before.append(seen(site))

    new = other()
    bring(new, path, code=0)

    after = []
    for moment in moments:
        with moment:
            after.append(seen(new))
    assert before == after
    assert held(new) == {json.loads(line)["reader_id"]: json.loads(line) for line in path.read_text().splitlines()}
    assert held(new)["u-4"]["stripe_customer"] == CUSTOMER
    assert is_proved(new)
    new.close()


def test_what_has_run_out_is_left_out_before_the_worker_has_written_it(site):
    give(site.client, 2, "u-1", expires_at="2031-02-02T00:00:00Z")
    give(site.client, 3, "u-1")

    with at(days=10):
        assert held(site)["u-1"]["grants"] == [{"unlocks": 3}]


def test_what_is_carried_on_counts_before_the_worker_has_written_it(site):
    sell(site.client, "units", unlocks=4, rollover_cap=2)
    subscribe(site.client, "units", "u-1")
    turn(site.client, "renew", "u-1", reference="pay-1")

    with at(days=30):
        assert sum(lot["unlocks"] for lot in held(site)["u-1"]["grants"]) == left(site.client, "u-1") == 6


def test_an_export_goes_on_over_many_readers(site, tmp_path, monkeypatch):
    monkeypatch.setattr(engagement_leaving, "ROWS_AT_ONCE", 3)
    bring(site, json_lines(tmp_path / "in.jsonl", *(plain(number) for number in range(10))), code=0)

    assert sorted(held(site)) == sorted(f"u-{number}" for number in range(10))


def test_a_name_of_an_imported_reader_goes_out_again(site, tmp_path):
    bring(site, json_lines(tmp_path / "in.jsonl", row()), code=0)

    assert held(site)["u-1"]["reader_name"] == "Ana"
