"""What an import of readers refuses, with its line, and that nothing of it is left."""

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.models import Reader
from moderation.services.moving import engagement_store
from tests.engagement import access, left, subscribe, travel
from tests.readers_moving import (
    bring,
    held,
    is_proved,
    json_lines,
    plain,
    reasons,
    row,
    sold,
    text,
)

# What is wrong with a row, and under which reason it is told.
BAD = [
    ({"reader_id": ""}, "no_id"),
    ({"reader_id": "u" * 1_000}, "bad_id"),
    ({"reader_id": "u\0"}, "bad_id"),
    ({"reader_id": 7}, "bad_value"),
    ({"unlocks_left": -1}, "bad_unlocks"),
    ({"unlocks_left": "-1"}, "bad_unlocks"),
    ({"unlocks_left": "=1+1"}, "bad_unlocks"),
    ({"unlocks_left": 10**30}, "bad_unlocks"),
    ({"unlocks_left": "9" * 5_000}, "bad_unlocks"),
    ({"unlocks_left": 1.5}, "bad_unlocks"),
    ({"unlocks_left": True}, "bad_unlocks"),
    ({"unlocks_left": 1_000_000}, "bad_unlocks"),
    ({"unlocks_left": None, "grants": [{"unlocks": 1}] * 21}, "bad_unlocks"),
    ({"unlocks_left": 4, "grants": [{"unlocks": 1}]}, "bad_unlocks"),
    ({"grants": [{"units": 1}]}, "bad_grants"),
    ({"grants": 3}, "bad_grants"),
    ({"unlocked_posts": ["p" * 1_000]}, "bad_id"),
    ({"unlocked_posts": [""]}, "no_id"),
    ({"unlocked_posts": [[]]}, "bad_unlocked_posts"),
    ({"unlocked_posts": "[1,"}, "bad_posts"),
    ({"unlocked_posts": [f"{number}" for number in range(20_001)]}, "too_many_posts"),
    ({"plan": "gold"}, "unknown_plan"),
    ({"plan": None}, "no_plan"),
    ({"state": "happy"}, "bad_state"),
    ({"cancel_at_period_end": "perhaps"}, "bad_value"),
    ({"paid_until": None}, "no_paid_until"),
    ({"paid_until": "0000-00-00 00:00:00"}, "bad_time"),
    ({"paid_until": "tomorrow"}, "bad_time"),
    ({"unlocks_expires_at": "9999-12-31T23:59:59-23:59"}, "bad_time"),
    ({"stripe_customer": "=cmd()"}, "bad_provider_id"),
    ({"stripe_subscription": "cus_1"}, "bad_provider_id"),
    ({"price": "5.00"}, "unknown_column"),
]


@pytest.fixture
def site(installation):
    with travel():
        yield sold(installation)


@pytest.fixture
def file(tmp_path):
    return lambda *rows: json_lines(tmp_path / "readers.jsonl", *rows)


class TestWhatIsRefused:
    def test_every_bad_row_is_told_with_its_line_and_leaves_nothing_behind(self, site, file):
        rows = [
            row(**({"reader_id": f"r-{number}", "stripe_customer": None, "stripe_subscription": None} | told))
            for number, (told, _) in enumerate(BAD)
        ]

        done = bring(site, file(*rows, plain(2)), code=1)

        found = {one["where"]: reason for reason, told in done["skipped"].items() for one in told["first"]}
        assert found == {f"line {number}": reason for number, (_, reason) in enumerate(BAD, 1)}
        assert list(held(site)) == ["u-2"]
        with site.app.app_context():
            assert db.session.scalars(sa.select(Reader.id)).all() == ["u-2"]
        assert is_proved(site)

    def test_a_reader_that_the_file_names_again_is_taken_the_first_time(self, site, file):
        told = bring(site, file(plain(1), plain(1, unlocks_left=9), plain(2, reference="u-1")), code=1)

        assert reasons(told) == {"twice": 2}
        assert left(site.client, "u-1") == 2

    def test_ids_at_the_provider_belong_to_one_reader(self, site, file):
        told = bring(site, file(row(), row(reader_id="u-2", stripe_subscription="sub_2")), code=1)
        again = bring(site, file(row(reader_id="u-3", stripe_customer="cus_3")), code=1)

        assert reasons(told) == reasons(again) == {"provider_id_taken": 1}
        assert list(held(site)) == ["u-1"]

    def test_a_subscription_that_began_here_is_not_written_over(self, site, file):
        subscribe(site.client, "monthly", "u-1")

        told = bring(site, file(row()), code=1)

        assert reasons(told) == {"subscribed_here": 1}
        assert left(site.client, "u-1") == 0

    def test_bytes_that_are_no_text_cost_their_row_only(self, site, tmp_path):
        path = tmp_path / "readers.csv"
        path.write_bytes(b"reader_id,unlocks_left\nu-\xff,3\nu-2,3\n" + b"u-3," + b"9" * 10_000_000 + b"\n")

        told = bring(site, path, form="csv", code=1)

        assert reasons(told) == {"not_utf8": 1, "bad_unlocks": 1}
        assert list(held(site)) == ["u-2"]

    def test_cells_that_a_spreadsheet_would_compute_are_text(self, site, tmp_path):
        path = text(tmp_path / "readers.csv", "reader_id,unlocks_left,unlocked_posts", "=1+1,3,@SUM(A1) -2")

        bring(site, path, form="csv", code=0)

        assert access(site.client, "@SUM(A1)", "=1+1")["allowed"]

    @pytest.mark.parametrize(
        ("head", "says"),
        [("reader_id,price", "Unknown columns: price"), ("unlocks_left", "no column reader_id"), ("", "empty")],
    )
    def test_a_file_of_other_columns_is_not_read(self, site, tmp_path, head, says):
        path = tmp_path / "readers.csv"
        path.write_text(head and f"{head}\nu-1,1\n")

        told = site.run("import", "readers", path, "--format", "csv")

        assert (told.exit_code, says in told.stderr) == (1, True), told.stderr

    def test_columns_that_are_not_known_are_passed_over_where_that_is_said(self, site, file):
        bring(site, file(row(price="5.00")), "--ignore-unknown", code=0)

        assert left(site.client, "u-1") == 3

    def test_a_plan_that_does_not_exist_ends_the_run_at_once(self, site, file):
        told = site.run("import", "readers", file(row()), "--format", "jsonl", "--plan", "gold=golden")

        assert (told.exit_code, "no plan “golden”" in told.stderr) == (1, True)

    def test_sums_that_do_not_agree_end_the_run_with_a_fault(self, site, file, monkeypatch):
        take = engagement_store.take

        def short(session, *words):
            accounts = take(session, *words)
            for need in words[1]:
                need.posts = need.posts[:-1]
            return accounts

        monkeypatch.setattr(engagement_store, "take", short)

        told = site.run("import", "readers", file(plain(1)), "--format", "jsonl")

        assert (told.exit_code, "The sums do not agree." in told.stderr) == (1, True)
        assert "posts in file 2 IS NOT posts in ledger 1" in told.stdout
