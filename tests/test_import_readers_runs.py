"""An import of readers that is run again, killed, tried, or asked to tell."""

import json
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from moderation.cli import moving_in
from moderation.db import db
from moderation.models import Audit, Event, Grant, LedgerEntry
from moderation.services.moving import engagement_store
from tests.engagement import at, left, travel, turn, unlock
from tests.readers_moving import (
    PAID_UNTIL,
    bring,
    everything,
    held,
    is_proved,
    json_lines,
    plain,
    reasons,
    row,
    sold,
)


@pytest.fixture
def site(installation):
    with travel():
        yield sold(installation)


@pytest.fixture
def file(tmp_path):
    return lambda *rows: json_lines(tmp_path / "readers.jsonl", *rows)


class TestRuns:
    def test_a_second_run_changes_nothing_at_all(self, site, file):
        path = file(row(), plain(2), plain(3, stripe_customer="cus_3", unlocks_left=0, unlocked_posts=[]))
        first = bring(site, path, code=0)
        before = everything(site)

        second = bring(site, path, code=0)

        assert (second["stored"], second["there"]) == (0, 3)
        assert second["totals"] == first["totals"]
        assert everything(site) == before

    def test_it_changes_nothing_either_after_readers_have_spent_and_time_has_passed(self, site, file):
        lots = [{"unlocks": 2, "expires_at": "2031-02-02T10:00:00Z"}]
        path = file(row(), plain(2, unlocks_left=None, grants=lots))
        first = bring(site, path, code=0)
        with at(hours=1):
            unlock(site.client, "new", "u-2")

        with at(days=40):
            turn(site.client, "cancel", "u-1", at="now")
            left(site.client, "u-2")
            second = bring(site, path, code=0)

        assert (second["stored"], second["there"], second["totals"]) == (0, 2, first["totals"])

    def test_a_dry_run_says_the_same_and_changes_nothing(self, site, file):
        path = file(row(), plain(2), plain(3, unlocks_left="many"))
        before = everything(site)

        tried = bring(site, path, "--dry-run")
        untouched = everything(site)
        done = bring(site, path)

        assert (tried.pop("dry_run"), done.pop("dry_run")) == (True, False)
        assert untouched == before
        assert tried == done
        assert (done["stored"], done["wrong"]) == (2, 1)

    def test_a_run_that_was_killed_is_simply_begun_again(self, site, file, monkeypatch):
        monkeypatch.setattr(moving_in, "BATCH", 10)
        path = file(*(plain(number) for number in range(35)))
        store = engagement_store.store
        stored = []

        def killed(*words, **more):
            if len(stored) == 2:
                raise KeyboardInterrupt
            stored.append(store(*words, **more))
            return stored[-1]

        monkeypatch.setattr(engagement_store, "store", killed)
        site.run("import", "readers", path, "--format", "jsonl")
        half = held(site)
        monkeypatch.setattr(engagement_store, "store", store)

        told = bring(site, path, code=0)

        assert len(half) == 20
        assert (told["stored"], told["there"], len(held(site))) == (15, 20, 35)
        assert told["totals"]["in_ledger"] == {"units": 70, "posts": 70, "subscriptions": 0}
        assert is_proved(site)

    def test_a_batch_that_fails_in_the_middle_leaves_nothing_of_its_readers(self, site, file):
        before = everything(site)
        with site.app.app_context():
            db.session.execute(sa.text(
                "CREATE TRIGGER planted BEFORE INSERT ON unlock WHEN NEW.post_id = 'x' "
                "BEGIN SELECT RAISE(ABORT, 'planted'); END"
            ))  # fmt: skip
            db.session.commit()

        site.run("import", "readers", file(plain(1), plain(2, unlocked_posts=["x"])), "--format", "jsonl")

        assert everything(site) == before

    def test_what_changed_at_the_source_since_is_told_and_changes_nothing(self, site, file):
        bring(site, file(plain(1)), code=0)

        told = bring(site, file(plain(1, unlocks_left=1)), code=1)

        assert reasons(told) == {"changed": 1}
        assert left(site.client, "u-1") == 2

    def test_a_reader_who_was_erased_does_not_come_back_with_an_old_file(self, site, file):
        path = file(plain(1))
        bring(site, path, code=0)
        site.run("reader", "erase", "u-1", "--yes")

        told = bring(site, path, code=1)

        assert reasons(told) == {"imported_before": 1}
        assert held(site) == {}
        assert is_proved(site)

    def test_nobody_is_told_unless_it_is_asked_for(self, site, file):
        with site.app.app_context():
            count = sa.select(sa.func.count()).select_from(Event)
            before = db.session.scalar(count)
        bring(site, file(row()), code=0)
        with site.app.app_context():
            silent = db.session.scalar(count)

        bring(site, file(row(reader_id="u-2", stripe_customer=None, stripe_subscription=None)), "--events", code=0)

        with site.app.app_context():
            told = [json.loads(event.body) for event in db.session.scalars(sa.select(Event)) if "u-2" in event.body]
        assert silent == before
        assert sorted(event["type"] for event in told) == ["allowance.changed", "subscription.changed"]

    def test_the_audit_trail_has_one_row_and_the_ledger_the_rest(self, site, file, monkeypatch):
        monkeypatch.setattr(moving_in, "BATCH", 1)
        bring(site, file(plain(1), plain(2)), code=0)

        with site.app.app_context():
            acts = db.session.scalars(sa.select(Audit).where(Audit.action == "readers.imported")).all()
            named = db.session.scalars(sa.select(Grant.reference)).all()
            entries = db.session.scalars(sa.select(LedgerEntry.reference).where(LedgerEntry.kind == "grant")).all()
        assert [act.actor for act in acts] == ["import:readers"]
        assert sorted(named) == sorted(entries)
        assert len(set(named)) == 2
        assert not any("u-1" in name for name in named)


def grants(installation):
    with installation.app.app_context():
        return db.session.scalar(sa.select(sa.func.count()).select_from(Grant))


# So many that the process is still at it when the killer looks, also on a machine that is busy.
MANY = 8_000


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_whole_readers_and_the_next_run_brings_the_rest(installation, tmp_path):
    sold(installation)
    rows = [plain(number, plan="monthly", paid_until=PAID_UNTIL) for number in range(MANY)]
    path = json_lines(tmp_path / "readers.jsonl", *rows)
    words = ["-c", "from moderation.cli import main; main()", "import", "readers", str(path), "--format", "jsonl"]
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    while process.poll() is None and not grants(installation):
        time.sleep(0.01)
    process.kill()
    process.wait()
    half, proved = held(installation), is_proved(installation)
    told = bring(installation, path, code=0)

    assert 500 <= len(half) < MANY
    assert {(one["state"], len(one["unlocked_posts"]), str(one["grants"])) for one in half.values()} == {
        ("active", 2, "[{'unlocks': 2}]")
    }
    assert proved
    assert (told["stored"], told["there"]) == (MANY - len(half), len(half))
    assert told["totals"]["in_ledger"] == {"units": 2 * MANY, "posts": 2 * MANY, "subscriptions": MANY}
    assert is_proved(installation)


def test_what_the_provider_or_the_site_writes_at_the_same_moment_is_seen_in_a_second_try(site, file, monkeypatch):
    store, asked = engagement_store.store, []

    def overtaken(*words, **more):
        asked.append(1)
        if len(asked) == 1:
            raise sa.exc.IntegrityError("planted", None, Exception("planted"))
        return store(*words, **more)

    monkeypatch.setattr(engagement_store, "store", overtaken)

    told = bring(site, file(plain(1)), code=0)

    assert (len(asked), told["stored"], left(site.client, "u-1")) == (2, 1, 2)
