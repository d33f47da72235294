"""Readers' unlocks and subscriptions that come as our own columns: what is stored of them."""

import pytest

from tests.engagement import access, at, give, left, overview, travel, turn, unlock
from tests.engagement import ledger as ledger_of
from tests.readers_moving import (
    PAID_UNTIL,
    bring,
    is_proved,
    json_lines,
    plain,
    row,
    sold,
    text,
)


@pytest.fixture
def site(installation):
    with travel():
        yield sold(installation)


@pytest.fixture
def file(tmp_path):
    return lambda *rows: json_lines(tmp_path / "readers.jsonl", *rows)


class TestWhatIsStored:
    def test_units_posts_and_a_subscription_become_entries_that_prove_the_balance(self, site, file):
        bring(site, file(row()), code=0)

        entries = ledger_of(site.client, "u-1")
        assert [(entry["kind"], entry["unlocks"], entry["balance"]) for entry in entries] == [
            ("grant", 5, 5), ("unlock", -1, 4), ("unlock", -1, 3)
        ]  # fmt: skip
        assert [entry["post_id"] for entry in entries] == [None, "2041", "2042"]
        assert access(site.client, "2041", "u-1")["allowed"]
        seen = overview(site.client, "u-1")
        assert (seen["unlock_left"], seen["subscription"]["paid_until"]) == (3, PAID_UNTIL)
        assert is_proved(site)

    def test_the_report_says_that_the_sums_of_the_file_are_those_of_the_ledger(self, site, file):
        path = file(row(), plain(2), plain(3, unlocks_left=1_229, unlocked_posts=[]))

        told = site.run("import", "readers", path, "--format", "jsonl")

        assert told.exit_code == 0, told.output
        assert "units in file 1,234 = units in ledger 1,234\n" in told.stdout
        assert "posts in file 4 = posts in ledger 4\n" in told.stdout
        assert "subscriptions in file 1 = subscriptions in ledger 1\n" in told.stdout

    def test_units_that_run_out_are_spent_first_and_end_in_time(self, site, file):
        lots = [{"unlocks": 2}, {"unlocks": 3, "expires_at": "2031-02-02T10:00:00Z"}]
        bring(site, file(plain(1, unlocks_left=None, grants=lots)), code=0)
        unlock(site.client, "c", "u-1")

        with at(days=5):
            assert left(site.client, "u-1") == 2
            assert is_proved(site)

    def test_what_is_over_already_is_left_out_and_counted(self, site, file):
        posts = [{"post_id": "a", "expires_at": "2031-01-01T00:00:00Z"}, "b"]
        lots = [{"unlocks": 4, "expires_at": "2031-01-01T00:00:00Z"}, {"unlocks": 1}]

        told = bring(site, file(plain(1, unlocks_left=None, grants=lots, unlocked_posts=posts)), code=0)

        assert told["totals"]["in_file"] == {"units": 5, "posts": 2, "subscriptions": 0}
        assert told["totals"]["in_ledger"] == {"units": 1, "posts": 1, "subscriptions": 0}
        assert not access(site.client, "a", "u-1")["allowed"]
        assert access(site.client, "b", "u-1")["allowed"]

    def test_a_post_that_is_named_twice_opens_once(self, site, file):
        told = bring(site, file(plain(1, unlocked_posts=["a", "a"])), code=0)

        assert told["totals"]["left_out"]["posts"] == 1
        assert (left(site.client, "u-1"), len(ledger_of(site.client, "u-1"))) == (2, 2)

    def test_a_reader_who_is_here_already_keeps_everything_and_gets_the_rest(self, site, file):
        give(site.client, 5, "u-1")
        unlock(site.client, "a", "u-1")

        told = bring(site, file(plain(1)), code=0)

        assert (left(site.client, "u-1"), told["totals"]["left_out"]["posts"]) == (6, 1)
        assert bring(site, file(plain(1)), code=0)["there"] == 1
        assert is_proved(site)

    def test_posts_of_an_unknown_time_cannot_be_given_back_for_units(self, site, file):
        bring(site, file(plain(1)), code=0)

        answer = site.client.delete("/v1/readers/u-1/unlocks/a")

        assert answer.status_code == 409
        assert left(site.client, "u-1") == 2

    def test_a_subscription_can_be_renewed_from_the_end_of_its_paid_time(self, site, file):
        bring(site, file(row()), code=0)

        assert turn(site.client, "renew", "u-1", reference="pay-1")["paid_until"] == "2032-04-04T05:06:07Z"

    @pytest.mark.parametrize(
        ("told", "state"),
        [
            ({"cancel_at_period_end": True}, "canceling"),
            ({"cancel_at_period_end": "false"}, "active"),
            ({"state": "trialing"}, "trialing"),
            ({"state": "paused"}, "paused"),
            ({"state": "ended"}, "ended"),
            ({"paid_until": "2031-01-01T00:00:00Z"}, "ended"),
        ],
    )
    def test_the_state_is_the_sources_as_far_as_time_has_not_changed_it(self, site, file, told, state):
        bring(site, file(row(**told)), code=0)

        seen = overview(site.client, "u-1")["subscription"]
        assert seen["state"] == state
        assert access(site.client, "other", "u-1")["allowed"] == (state != "ended")

    def test_the_worker_ends_it_in_time(self, site, file):
        bring(site, file(row(paid_until="2031-02-02T10:00:00Z", state="canceling")), code=0)

        with at(days=3):
            assert overview(site.client, "u-1")["subscription"]["state"] == "ended"
            assert not access(site.client, "other", "u-1")["allowed"]

    def test_csv_holds_the_same(self, site, tmp_path):
        path = text(
            tmp_path / "readers.csv",
            "\ufeffreader_id,unlocks_left,unlocked_posts,plan,paid_until\r",
            "u-1,3,2041 2042,gold,2032-03-04T05:06:07Z\r",
            'u-2,0,"[""a b""]",,\r',
        )

        told = bring(site, path, "--plan", "gold=monthly", form="csv", code=0)

        assert told["totals"]["in_ledger"] == {"units": 3, "posts": 3, "subscriptions": 1}
        assert access(site.client, "a b", "u-2")["allowed"]
