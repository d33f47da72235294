"""Readers from WordPress: the options of JNews Paywall's users, and Leaky Paywall's export."""

import io
import json
import random
import tracemalloc

import pytest

from moderation.services.moving import engagement_jnews, engagement_leaky
from tests.engagement import access, left, overview, sell, travel
from tests.readers_moving import (
    LEAKY_HEAD,
    META_HEAD,
    bring,
    everything,
    held,
    is_proved,
    leaky,
    meta,
    reasons,
    sold,
    text,
)

POSTS = 'a:3:{i:0;i:5;i:1;i:6;i:2;s:1:"7";}'
WHOLE = {
    "unlock_remaining": 3,
    "unlocked_post_list": POSTS,
    "subscribe_status": "ACTIVE",
    "expired_date": "2032-03-04 05:06:07",
    "subs_type": "stripe",
    "stripe_customer_id": "cus_1",
    "stripe_subs_id": "sub_1",
    "paypal_subs_id": "",
}


@pytest.fixture
def site(installation):
    with travel():
        yield sold(installation)


def jnews(site, path, *words, code=0):
    return bring(site, path, "--plan", "monthly", *words, form="jnews", code=code)


class TestJnews:
    def test_a_user_comes_whole(self, site, tmp_path):
        path = text(tmp_path / "meta.csv", META_HEAD, *meta(7, **WHOLE), "7,nickname,ana", "8,wp_capabilities,a:0:{}")

        told = jnews(site, path)

        assert told["totals"]["in_ledger"] == {"units": 3, "posts": 3, "subscriptions": 1}
        assert (left(site.client, "wp:7"), access(site.client, "7", "wp:7")["allowed"]) == (3, True)
        found = held(site)["wp:7"]
        assert (found["paid_until"], found["stripe_subscription"]) == ("2032-03-04T05:06:07Z", "sub_1")
        assert is_proved(site)

    @pytest.mark.parametrize("form", ["tsv", "json", "json unserialized", "json lines", "crlf"])
    def test_every_way_to_write_the_rows_down_tells_the_same(self, site, tmp_path, form):
        rows = [{"umeta_id": 1, "user_id": 7, "meta_key": f"wp_jpw_{key}", "meta_value": value} for key, value in
                WHOLE.items()]  # fmt: skip
        unserialized = [row | ({"meta_value": [5, 6, "7"]} if "list" in row["meta_key"] else {}) for row in rows]
        written = {
            "tsv": "".join(
                "\t".join(line) + "\n"
                for line in [META_HEAD.split(","), *(["7", row["meta_key"], str(row["meta_value"])] for row in rows)]
            ),
            "json": json.dumps(rows, indent=1),
            "json unserialized": json.dumps(unserialized),
            "json lines": "\n".join(map(json.dumps, rows)),
            "crlf": "\ufeff" + "\r\n".join([META_HEAD, *meta(7, **WHOLE)]) + "\r\n",
        }
        path = tmp_path / "meta"
        path.write_bytes(written[form].encode())

        told = jnews(site, path)

        assert told["totals"]["in_ledger"] == {"units": 3, "posts": 3, "subscriptions": 1}
        assert held(site)["wp:7"]["stripe_customer"] == "cus_1"

    @pytest.mark.parametrize(
        ("date", "until"),
        [("March 05, 2032", "2032-03-06T00:00:00Z"), ("2032-03-05 01:02:03", "2032-03-05T01:02:03Z")],
    )
    def test_both_ways_in_which_the_plugin_writes_a_date_are_read(self, site, tmp_path, date, until):
        jnews(site, text(tmp_path / "meta.csv", META_HEAD, *meta(7, **WHOLE | {"expired_date": date})))

        assert overview(site.client, "wp:7")["subscription"]["paid_until"] == until

    def test_a_user_whose_subscription_is_over_keeps_units_and_posts(self, site, tmp_path):
        over = {"subscribe_status": "", "expired_date": ""}
        path = text(
            tmp_path / "meta.csv", META_HEAD, *meta(7, **WHOLE | over),
            *meta(8, **WHOLE | {"expired_date": "2030-01-01 00:00:00", "stripe_customer_id": "", "stripe_subs_id": ""}),
        )  # fmt: skip

        told = jnews(site, path)

        assert overview(site.client, "wp:7")["subscription"] is None
        assert overview(site.client, "wp:8")["subscription"]["state"] == "ended"
        assert told["totals"]["in_ledger"]["units"] == 6

    def test_rows_in_any_order_are_one_user(self, site, tmp_path):
        rows = [line for user in (7, 8) for line in meta(user, unlock_remaining=user, unlocked_post_list=POSTS)]
        random.Random(1).shuffle(rows)

        told = jnews(site, text(tmp_path / "meta.csv", META_HEAD, *rows))

        assert told["totals"]["in_ledger"] == {"units": 15, "posts": 6, "subscriptions": 0}

    def test_the_sites_own_ids_need_no_prefix(self, site, tmp_path):
        jnews(site, text(tmp_path / "meta.csv", META_HEAD, *meta(7, **WHOLE)), "--reader-prefix", "")

        assert list(held(site)) == ["7"]

    def test_users_of_two_blogs_need_the_name_of_one(self, site, tmp_path):
        path = text(tmp_path / "meta.csv", META_HEAD, *meta(7, unlock_remaining=3), '7,wp_2_jpw_unlock_remaining,"5"')

        told = jnews(site, path, code=1)
        chosen = jnews(site, path, "--prefix", "wp_2_")

        assert reasons(told) == {"two_blogs": 1}
        assert chosen["totals"]["in_ledger"]["units"] == 5

    def test_hostile_values_cost_their_user_whole_and_say_whose_they_are(self, site, tmp_path):
        bad = [
            ({"unlock_remaining": "-1"}, "bad_unlocks"),
            ({"unlock_remaining": "9" * 40}, "bad_unlocks"),
            ({"unlock_remaining": "=1+1"}, "bad_unlocks"),
            ({"unlock_remaining": "i:-5;"}, "bad_unlocks"),
            ({"unlocked_post_list": 'O:8:"stdClass":0:{}'}, "bad_php"),
            ({"unlocked_post_list": "a:1:{i:0;i:5;"}, "bad_php"),
            ({"unlocked_post_list": "a:1:{i:0;i:-5;}"}, "bad_posts"),
            ({"unlocked_post_list": "a:1:{i:0;b:1;}"}, "bad_posts"),
            ({"unlocked_post_list": "5"}, "bad_posts"),
            ({"unlocked_post_list": "a:1:{i:0;s:2100000:" + "a" * 2_100_000}, "bad_posts"),
            ({"subscribe_status": "SUSPENDED"}, "bad_state"),
            ({"expired_date": "0000-00-00 00:00:00"}, "bad_time"),
            ({"expired_date": "February 30, 2032"}, "bad_time"),
            ({"expired_date": ""}, "bad_time"),
            ({"stripe_subs_id": "x"}, "bad_provider_id"),
            ({"stripe_customer_id": "a:0:{}"}, None),
        ]
        lines = [line for number, (told, _) in enumerate(bad, 100) for line in meta(number, **IDLESS | told)]
        path = text(
            tmp_path / "meta.csv", META_HEAD, *lines, *meta(7, unlock_remaining=1), *meta(7, unlock_remaining=2)
        )

        told = jnews(site, path, code=1)

        details = {one["detail"].split(")")[0]: reason for reason, found in told["skipped"].items()
                   for one in found["first"]}  # fmt: skip
        expected = {f"(user {number}": reason for number, (_, reason) in enumerate(bad, 100) if reason}
        assert {user: reason for user, reason in details.items() if user.startswith("(user")} == expected
        assert told["skipped"]["twice"]["count"] == 1
        assert list(held(site)) == ["wp:115"]
        assert is_proved(site)

    @pytest.mark.parametrize(
        "lines",
        [
            [META_HEAD, "x,wp_jpw_unlock_remaining,1"],
            [META_HEAD, '7,wp_jpw_unlock_remaining,"1', "8,wp_jpw_unlock_remaining,1"],
            [META_HEAD, "7,wp_jpw_unlock_remaining,1,2"],
            ['[{"user_id": 7, "meta_key": "wp_jpw_unlock_remaining", "meta_value": 1}, {"user_id": 7'],
            ["[" * 100_000],
            ["user_id,meta_key", "7,wp_jpw_unlock_remaining"],
            [""],
        ],
    )
    def test_a_file_of_which_a_row_cannot_be_told_is_not_imported_by_half(self, site, tmp_path, lines):
        before = everything(site)

        told = site.run("import", "readers", text(tmp_path / "meta", *lines), "--format", "jnews")

        assert told.exit_code == 1
        assert told.stderr.splitlines()[-1].startswith("replydesk: ")
        assert everything(site) == before

    def test_bytes_that_are_no_text_cost_their_user_only(self, site, tmp_path):
        path = tmp_path / "meta.csv"
        lines = [META_HEAD, *meta(7, unlock_remaining=3), *meta(8, unlock_remaining=3)]
        path.write_bytes("\n".join(lines).encode() + b'\n7,wp_jpw_unlocked_post_list,a:1:{i:0;s:1:"\xff";}\n8,x,\xfe\n')

        told = jnews(site, path, code=1)

        assert reasons(told) == {"not_utf8": 1}
        assert list(held(site)) == ["wp:8"]


IDLESS = WHOLE | {"stripe_customer_id": "", "stripe_subs_id": ""}


class TestLeakyPaywall:
    def test_subscribers_come_with_their_time_and_customer(self, site, tmp_path):
        sell(site.client, "lifetime", period=None)
        path = text(
            tmp_path / "report.csv", LEAKY_HEAD, leaky(),
            leaky(8, status="canceled", subscriber="cus_8"),
            LEAKY_HEAD,
            leaky(9, level="2", expires="0000-00-00 00:00:00", gateway="manual", subscriber="CRM-17"),
            leaky(10, status="deactivated", subscriber=""),
            leaky(11, expires="2020-01-01 23:59:59", subscriber=""),
            leaky(12, status="", subscriber=""),
        )  # fmt: skip

        words = ("--plan", "0=monthly", "--plan", "2=lifetime")
        told = bring(site, path, *words, form="leaky-paywall", code=0)

        found = {id: (one.get("plan"), one.get("state"), one.get("paid_until"), one.get("stripe_customer"))
                 for id, one in held(site).items()}  # fmt: skip
        assert reasons(told) == {"header_again": 1, "nothing": 1}
        assert told["totals"]["in_ledger"]["subscriptions"] == 5
        assert found == {
            "wp:7": ("monthly", "active", "2032-03-04T23:59:59Z", "cus_7"),
            "wp:8": ("monthly", "canceling", "2032-03-04T23:59:59Z", "cus_8"),
            "wp:9": ("lifetime", "active", None, None),
            "wp:10": ("monthly", "ended", "2031-01-31T10:00:00Z", None),
            "wp:11": ("monthly", "ended", "2020-01-01T23:59:59Z", None),
        }
        assert "ana@marker.example" not in str(everything(site))

    def test_what_is_not_understood_is_told_with_its_line(self, site, tmp_path):
        bad = [
            (leaky(1, level="9"), "unknown_plan"),
            (leaky(2, status="frozen"), "bad_state"),
            (leaky(3, expires="soon"), "bad_time"),
            (leaky(4, expires=""), "no_paid_until"),
            (leaky("=5"), "no_id"),
            (leaky(""), "no_id"),
            (leaky(6, subscriber="cus_" + "x" * 1_000), "bad_provider_id"),
            ("7,only,three", "wrong_cells"),
        ]
        path = text(tmp_path / "report.csv", LEAKY_HEAD, *(line for line, _ in bad), leaky(70, subscriber="cus_70"))

        told = bring(site, path, "--plan", "0=monthly", form="leaky-paywall", code=1)

        found = {one["where"]: reason for reason, one_kind in told["skipped"].items() for one in one_kind["first"]}
        assert found == {f"line {number}": reason for number, (_, reason) in enumerate(bad, 2)}
        assert list(held(site)) == ["wp:70"]

    def test_columns_of_the_sites_own_are_passed_over_and_missing_ones_end_the_run(self, site, tmp_path):
        own = text(tmp_path / "own.csv", f"{LEAKY_HEAD},Company", f"{leaky()},ACME")
        short = text(tmp_path / "short.csv", "user_id,level_id", "7,0")

        bring(site, own, "--plan", "0=monthly", form="leaky-paywall", code=0)
        told = site.run("import", "readers", short, "--format", "leaky-paywall")

        assert (told.exit_code, "no column expires and no payment_status" in told.stderr) == (1, True)


def jnews_rows(count):
    lines = [line for number in range(count) for line in meta(number, unlock_remaining=3, unlocked_post_list=POSTS)]
    return "\n".join([META_HEAD, *lines]).encode(), lambda s: engagement_jnews.holdings(s, reader_prefix="", blog=None)


def leaky_rows(count):
    lines = [leaky(number) for number in range(count)]
    return "\n".join([LEAKY_HEAD, *lines]).encode(), lambda s: engagement_leaky.holdings(s, reader_prefix="")


@pytest.mark.parametrize("make", [jnews_rows, leaky_rows])
def test_memory_does_not_grow_with_the_file(make):
    def peak(count):
        written, read = make(count)
        stream = io.BytesIO(written)
        tracemalloc.start()
        found = sum(1 for _ in read(stream))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == count
        return most

    # The first reading also pays for what it imports and keeps for ever.
    peak(100)
    assert peak(8_000) < 1.5 * peak(1_000)
