"""The endpoint of other payment providers: Standard Webhooks signatures, a small vocabulary, the same guarantees."""

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from standardwebhooks import Webhook

from moderation.db import db
from moderation.models import Base, ProviderEvent, Site
from moderation.services import ledger_check, providers
from tests.engagement import (
    START,
    access,
    at,
    give,
    history,
    ledger,
    left,
    overview,
    sell,
    subscribe,
    subscription,
    travel,
    unlock,
    url,
)
from tests.generic_events import NEW_SECRET, SECRET, event, followed, paid, post, refunded, said, send, set_up
from tests.test_stripe_quarantine import try_again, waiting


@pytest.fixture
def shop(client, app):
    sell(client, "monthly", grace_days=5)
    sell(client, "five", unlocks=5, rollover_cap=1, opens={"all": True})
    set_up(app)
    with time_machine.travel(START, tick=True):
        yield client
    with app.app_context():
        assert ledger_check.faults(db.session()) == []


def everything(app):
    with app.app_context():
        return {table.name: len(db.session.execute(table.select()).all()) for table in Base.metadata.sorted_tables}


def is_refused(response, code="signature_invalid", status=400):
    assert response.content_type == "application/problem+json"
    return (response.status_code, response.json["code"]) == (status, code)


class TestSignature:
    def test_what_the_standards_own_package_signs_is_believed(self, shop):
        assert send(shop, paid()) == "applied"
        assert left(shop) == 5

    @pytest.mark.parametrize("seconds", [-300, 300])
    def test_five_minutes_either_way_are_believed(self, shop, seconds):
        with travel():
            assert post(shop, paid(), at=START + timedelta(seconds=seconds)).status_code == 200

    @pytest.mark.parametrize(
        "changes",
        [{"at": START - timedelta(seconds=301)}, {"at": START + timedelta(seconds=301)}, {"secret": NEW_SECRET},
         {"webhook-signature": None}, {"webhook-id": None}, {"webhook-timestamp": None}, {"webhook-id": "another"},
         {"webhook-signature": "v1,"}, {"webhook-signature": "v1,ü"}, {"webhook-timestamp": "soon"},
         {"webhook-timestamp": "9" * 400}, {"webhook-timestamp": "-5"}, {"webhook-id": "m" * 1_000},
         {"webhook-id": "with.stop"}],
    )  # fmt: skip
    def test_a_wrong_old_or_missing_signature_is_refused_and_nothing_is_kept(self, shop, app, changes):
        before = everything(app)

        with travel():
            assert is_refused(post(shop, paid(), **changes))

        assert everything(app) == before

    def test_another_body_than_the_signed_one_is_refused(self, shop):
        signed = Webhook(SECRET).sign("msg_1", START, json.dumps(paid()))

        assert is_refused(post(shop, paid(unlocks=500), id="msg_1", **{"webhook-signature": signed}))

    def test_while_a_secret_is_rolled_both_are_believed_and_then_the_new_one(self, shop, app):
        set_up(app, secret=NEW_SECRET)
        both = [send(shop, paid()), send(shop, paid(reference="order-2"), secret=NEW_SECRET)]
        set_up(app, secret=NEW_SECRET, add=False)

        assert both == ["applied", "applied"]
        assert is_refused(post(shop, paid(reference="order-3")))

    def test_one_good_signature_among_several_is_enough(self, shop):
        good = Webhook(SECRET).sign("msg_1", datetime.now(UTC), json.dumps(paid()))

        response = post(shop, paid(), id="msg_1", **{"webhook-signature": f"v1,AAAA v1a,xyz {good}"})

        assert response.status_code == 200

    def test_another_sites_event_is_refused(self, shop, app):
        set_up(app, site="other", secret=NEW_SECRET)
        before = everything(app)

        answers = [
            post(shop, paid(), address="/v1/providers/generic/other/events"),
            post(shop, paid(), address="/v1/providers/generic/nowhere/events"),
            post(shop, paid(), address=f"/v1/providers/generic/{'n' * 1_000}/events"),
        ]

        assert [is_refused(answer) for answer in answers] == [True, True, True]
        assert everything(app) == before

    def test_a_site_that_is_not_set_up_believes_nobody(self, client):
        assert is_refused(post(client, paid()))

    def test_stripes_secret_is_not_this_ones(self, shop, app):
        with app.app_context():
            found = db.session.query(Site).filter_by(name="demo").one()
            providers.set_secret(db.session(), found, NEW_SECRET, add=True, livemode=True, actor="test")
            db.session.commit()

        assert is_refused(post(shop, paid(), secret=NEW_SECRET))


class TestOrders:
    def test_an_order_credits_once_under_its_own_name(self, shop):
        assert send(shop, paid(), id="msg_1") == "applied"
        assert send(shop, paid(), id="msg_1") == "duplicate"
        assert send(shop, paid()) == "applied"
        assert [(item["unlocks"], item["reference"]) for item in ledger(shop)] == [(5, "order-1")]

    def test_a_gift_that_runs_out_is_one(self, shop):
        send(shop, paid(kind="gift", expires_at=said(START + timedelta(days=1))))
        before = left(shop)
        with at(days=1):
            assert (before, left(shop)) == (5, 0)

    def test_a_refund_takes_back_all_or_some(self, shop):
        send(shop, paid())
        unlock(shop)
        send(shop, refunded(unlocks=2, refund_reference="r-1"), refunded(unlocks=2, refund_reference="r-1"))
        some = left(shop)
        send(shop, refunded())

        assert (some, left(shop), access(shop)["allowed"]) == (2, 0, False)

    def test_another_content_waits(self, shop, app):
        send(shop, paid())

        assert send(shop, paid(unlocks=6), id="msg_x") == "quarantined"
        assert waiting(app) == [("msg_x", "granted_otherwise")]

    def test_what_has_run_out_already_waits(self, shop):
        assert send(shop, paid(expires_at="2020-01-01T00:00:00Z")) == "quarantined"

    def test_an_order_that_the_site_credits_itself_is_taken_back_on_request(self, shop, app):
        send(shop, refunded(unlocks=2), id="msg_r")
        give(shop, 5, reference="order-1")

        assert (try_again(app, "msg_r"), left(shop)) == (True, 3)

    def test_all_orders_of_an_order_and_its_refunds_each_told_twice_end_in_one_state(self, shop, app):
        ends = []
        for number, order in enumerate(itertools.permutations(range(4))):
            own = {"reference": f"order-{number}"}
            events = [
                paid(reader_id=f"u-{number}", **own), refunded(unlocks=1, refund_reference=f"a{number}", **own),
                refunded(unlocks=2, refund_reference=f"b{number}", **own), paid(reader_id=f"u-{number}", **own),
            ]  # fmt: skip
            for place in order:
                send(shop, events[place], id=f"m{number}-{place}")
                send(shop, events[order[0]], id=f"m{number}-{order[0]}")
            ends.append(left(shop, f"u-{number}"))

        assert (len(ends), set(ends), waiting(app)) == (24, {2}, [])


class TestSubscriptions:
    @pytest.mark.parametrize(
        ("state", "allowed"),
        [("trialing", True), ("active", True), ("canceling", True), ("paused", True), ("ended", False)],
    )
    def test_the_subscription_is_what_the_provider_says(self, shop, state, allowed):
        days = 0 if state == "ended" else 28
        start = {"period_started_at": None} if state == "ended" else {}
        assert send(shop, followed(state, days=days, **start)) == "applied"

        seen = subscription(shop)
        assert (seen["state"], seen["plan"], access(shop)["allowed"]) == (state, "monthly", allowed)
        assert (history(shop)[-1]["event"], history(shop)[-1]["actor"]) == ("follow", "generic")

    def test_a_payment_that_is_overdue_leaves_the_days_of_grace(self, shop):
        send(shop, followed(), followed("past_due", seconds=5, days=0, period_started_at=None))

        assert subscription(shop)["access_until"] == said(START + timedelta(days=5))

    def test_each_period_gives_its_unlocks_once(self, shop):
        send(shop, followed(plan="five"), followed(plan="five", seconds=1))
        first = left(shop)
        with travel(START + timedelta(days=28)):
            later = said(START + timedelta(days=28))
            again = followed(plan="five", seconds=28 * 86_400, days=56, period_started_at=later)
            send(shop, again, again)

            assert (first, left(shop)) == (5, 6)

    def test_all_120_orders_of_five_events_each_told_twice_end_in_one_state(self, shop, app):
        ends = []
        for number, order in enumerate(itertools.permutations(range(5))):
            own = {"reader_id": f"u-{number}", "subscription": f"s-{number}"}
            events = [
                followed("trialing", days=7, **own), followed("active", seconds=10, days=28, plan="five", **own),
                followed("canceling", seconds=20, plan="five", **own),
                followed("active", seconds=30, plan="five", **own),
                paid(reader_id=f"u-{number}", reference=f"order-{number}"),
            ]  # fmt: skip
            for place in order:
                send(shop, events[place], id=f"m{number}-{place}")
                send(shop, events[order[0]], id=f"m{number}-{order[0]}")
            seen = overview(shop, f"u-{number}")
            kept = {name: value for name, value in seen["subscription"].items() if name not in ("id", "version")}
            ends.append((seen["unlock_left"], kept))

        assert (ends[0][0], ends[0][1]["state"], ends[0][1]["plan"]) == (10, "active", "five")
        assert [end for end in ends if end != ends[0]] == []
        assert (len(ends), waiting(app)) == (120, [])

    def test_what_ended_never_comes_back(self, shop):
        send(shop, followed("ended", days=0, period_started_at=None), followed(seconds=60))

        assert subscription(shop)["state"] == "ended"

    @pytest.mark.parametrize(
        ("sent", "reason"),
        [(followed(plan="gold"), "unlisted_price"), (followed(site="other"), "other_site"),
         (paid(site="other"), "other_site"), (refunded(), "money_back"),
         (event("coupon.used", code="x"), "unknown_type"), (event("customer.subscription.updated"), "unknown_type")],
    )  # fmt: skip
    def test_what_is_not_understood_waits_with_its_reason_and_changes_nothing(self, shop, app, sent, reason):
        assert send(shop, sent, id="msg_1") == "quarantined"
        assert waiting(app) == [("msg_1", reason)]
        assert (overview(shop)["subscription"], left(shop)) == (None, 0)

    def test_what_the_site_itself_began_is_left_alone(self, shop, app):
        subscribe(shop)

        assert send(shop, followed(), id="msg_1") == "quarantined"
        assert waiting(app) == [("msg_1", "kept_by_site")]

    def test_a_subscription_does_not_change_hands(self, shop):
        assert send(shop, followed(), followed(seconds=5, reader_id="u-2")) == ["applied", "quarantined"]

    def test_of_a_type_that_is_not_known_nothing_but_that_it_came_is_kept(self, shop, app):
        send(shop, event("coupon.used", name="Ana Marker"))

        with app.app_context():
            [row] = db.session.query(ProviderEvent)
            assert "Marker" not in json.dumps(row.facts)


def test_what_a_provider_told_of_a_reader_is_exported_and_erased(shop, app):
    send(shop, paid(), refunded(unlocks=1), followed())
    exported = shop.get(url("/export")).json["payment_events"]
    shop.delete(url())

    assert sorted(row["type"] for row in exported) == ["order.paid", "order.refunded", "subscription.updated"]
    with app.app_context():
        assert {(row.payment, row.reason) for row in db.session.query(ProviderEvent)} == {(None, "erased")}
    assert shop.get(url("/export")).json["payment_events"] == []


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "whsec_" + "ü" * 40, SECRET[6:], SECRET + "AAAA" * 40])
def test_a_secret_that_is_none_is_refused_by_the_command(installation, secret):
    result = installation.run("provider", "set", "generic", "--secret-stdin", input=secret)

    assert result.exit_code == 1
    assert "24 to 64" in result.stderr


def test_the_commands_set_it_up_and_show_it(installation):
    made = installation.run("provider", "set", "generic", "--secret-stdin", input=SECRET)
    no_mode = installation.run("provider", "set", "generic", "--secret-stdin", "--test", input=SECRET)
    with time_machine.travel(START, tick=True):
        send(installation.client, paid())
    shown = installation.run("provider", "show", "generic", "--json")

    assert "/v1/providers/generic/demo/events" in made.stdout
    assert (made.exit_code, no_mode.exit_code) == (0, 2)
    assert SECRET not in made.output + shown.output
    assert json.loads(shown.stdout)["events"] == {"applied": 1}
