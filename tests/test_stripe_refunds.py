"""Money that went back by Stripe: the bundle bought with it is taken back, in any order, once."""

import itertools

import pytest
import time_machine

from moderation.db import db
from moderation.models import ProviderEvent
from moderation.services import ledger_check, provider_events
from tests.engagement import START, access, at, done, give, ledger, left, overview, problem, sell, unlock, url
from tests.stripe_events import NOW, bundle, event, send, set_up, told
from tests.test_stripe_orders import renamed
from tests.test_stripe_quarantine import try_again, waiting


@pytest.fixture
def shop(client, app):
    sell(client, "monthly")
    set_up(app, price_month="monthly", price_five=5)
    with time_machine.travel(START, tick=True):
        yield client
    with app.app_context():
        assert ledger_check.faults(db.session()) == []


def bought(**changes):
    return bundle(amount_total=1_000, **changes)


def charge(back=1_000, *, created=NOW + 60, id=None, **changes):
    object = {
        "id": "ch_1", "object": "charge", "payment_intent": "pi_1", "customer": "cus_1", "amount": 1_000,
        "amount_refunded": back, "refunded": back == 1_000, "currency": "eur", "metadata": {},
    }  # fmt: skip
    return event("charge.refunded", object | changes, created=created, id=id)


def refund(status="succeeded", *, what="refund.created", id=None, **changes):
    object = {"id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1", "amount": 400}
    return event(what, object | {"status": status} | changes, created=NOW + 61, id=id)


def dispute(what="closed", status="lost", *, amount=1_000, id=None, **changes):
    object = {"id": "dp_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1", "amount": amount}
    return event(f"charge.dispute.{what}", object | {"status": status} | changes, created=NOW + 90, id=id)


def states(app):
    with app.app_context():
        rows = db.session.query(ProviderEvent).order_by(ProviderEvent.event_id)
        return {row.event_id.rpartition("_")[2]: row.state for row in rows}


class TestRefunds:
    def test_a_refund_takes_the_bundle_back_and_closes_its_posts(self, shop):
        send(shop, bought())
        unlock(shop)

        assert send(shop, charge()) == "applied"

        assert (left(shop), access(shop)["allowed"]) == (0, False)
        assert [(item["kind"], item["unlocks"]) for item in ledger(shop)] == [
            ("grant", 5), ("unlock", -1), ("refund", 1), ("expiry", -5),
        ]  # fmt: skip
        assert ledger(shop)[-1]["reference"] == "ch_1:1000"

    def test_of_a_part_as_many_units_as_it_is_worth_are_taken(self, shop):
        assert send(shop, bought(), charge(400)) == ["applied", "applied"]
        first = left(shop)
        send(shop, charge(600), charge(600))

        assert (first, left(shop)) == (3, 2)

    def test_a_part_that_is_no_whole_number_of_units_waits_and_says_so(self, shop, app):
        assert send(shop, bought(), charge(333, id="evt_part")) == ["applied", "quarantined"]
        assert (waiting(app), left(shop)) == ([("evt_part", "money_back")], 5)
        with app.app_context():
            [row] = db.session.query(ProviderEvent).filter_by(event_id="evt_part")
            assert "333 of 1000 is no whole number of the 5 unlocks" in row.detail

        send(shop, charge(1_000))

        assert (waiting(app), left(shop)) == ([], 0)

    def test_other_grants_of_the_reader_are_left_alone(self, shop):
        send(shop, bought())
        give(shop, 2)
        send(shop, charge())

        assert left(shop) == 2

    def test_a_refund_of_a_subscriptions_invoice_leaves_access_to_its_status(self, shop):
        send(shop, told())

        assert send(shop, charge(payment_intent="pi_9", invoice="in_1")) == "noted"
        assert overview(shop)["subscription"]["state"] == "active"

    @pytest.mark.parametrize(
        ("sent", "became"),
        [(refund("pending"), "noted"), (refund("requires_action"), "noted"), (refund("failed"), "quarantined"),
         (refund("canceled"), "quarantined"), (refund("new_word"), "quarantined"), (refund(5), "quarantined"),
         (refund("succeeded"), "quarantined"), (event("credit_note.created", {"id": "cn_1"}), "quarantined"),
         (refund("failed", what="charge.refund.updated"), "quarantined")],
    )  # fmt: skip
    def test_single_refunds_decide_nothing_by_themselves(self, shop, sent, became):
        assert send(shop, bought(), sent) == ["applied", became]
        assert left(shop) == 5

    @pytest.mark.parametrize(
        "changes",
        [{"amount": None}, {"amount": 0}, {"amount": -1_000}, {"amount": 10**30}, {"amount": "1000"}, {"amount": True},
         {"back": -5}, {"back": 0}, {"back": 10**30}, {"back": 2_000}, {"back": 1.5}, {"payment_intent": 5, "id": ""},
         {"payment_intent": "p" * 1_000}],
    )  # fmt: skip
    def test_amounts_and_ids_that_cannot_be_wait(self, shop, app, changes):
        send(shop, bought())

        assert send(shop, charge(**changes)) == "quarantined"
        assert [reason for _, reason in waiting(app)] == ["money_back"]
        assert left(shop) == 5

    def test_the_sites_own_refund_and_stripes_are_two(self, shop):
        send(shop, bought(), charge(200))
        body = {"kind": "bundle", "reference": "pi_1", "refund_reference": "ours", "unlocks": 1}

        done(shop.post(url("/grants/refunds"), json=body))
        body["refund_reference"] = "ch_1:200"

        assert left(shop) == 3
        assert done(shop.post(url("/grants/refunds"), json=body))["taken"] == 1
        assert problem(shop.post(url("/grants/refunds"), json=body | {"unlocks": 2})) == (409, "conflict")


class TestDisputes:
    @pytest.mark.parametrize(
        ("what", "status"),
        [("created", "needs_response"), ("created", "warning_needs_response"), ("updated", "under_review"),
         ("closed", "won"), ("closed", "warning_closed"), ("funds_reinstated", "won")],
    )  # fmt: skip
    def test_while_it_is_open_and_when_it_is_won_the_reader_keeps_everything(self, shop, what, status):
        assert send(shop, bought(), dispute(what, status)) == ["applied", "noted"]
        assert left(shop) == 5

    def test_lost_it_takes_back_what_was_disputed_once(self, shop):
        send(shop, bought(), dispute("updated", "lost", amount=600), dispute(amount=600))

        assert left(shop) == 2

    def test_where_the_price_is_not_known_a_person_decides(self, shop, app):
        send(shop, bundle(), dispute(id="evt_1"))

        assert (waiting(app), left(shop)) == ([("evt_1", "money_back")], 5)

    def test_a_word_that_is_new_waits(self, shop):
        assert send(shop, bought(), dispute("closed", "quite_new")) == ["applied", "quarantined"]


REFUNDED = (
    bought(created=NOW, id="evt_a"),
    charge(400, created=NOW + 60, id="evt_b"),
    charge(600, created=NOW + 70, id="evt_c"),
    refund(id="evt_d"),
    dispute("created", "needs_response", id="evt_e"),
)
UNEVEN = (
    bought(created=NOW, id="evt_a"),
    charge(333, created=NOW + 60, id="evt_b"),
    charge(1_000, created=NOW + 70, id="evt_c"),
    dispute(amount=400, id="evt_d"),
    refund(what="refund.updated", id="evt_e"),
)


@pytest.mark.parametrize(("events", "unlocks"), [(REFUNDED, 2), (UNEVEN, 0)], ids=["in parts", "uneven, and disputed"])
def test_all_120_orders_of_a_purchase_and_its_refunds_each_told_twice_end_in_one_state(shop, app, events, unlocks):
    ends = []
    for number, order in enumerate(itertools.permutations(events)):
        mine = [renamed(sent, number) for sent in order]
        for sent in mine:
            object = sent["data"]["object"]
            for name in ("payment_intent", "id", "charge"):
                if object.get(name, "").startswith(("pi_", "ch_", "re_", "dp_")):
                    object[name] += f"x{number}"
        first, second, third, fourth, fifth = mine
        send(shop, first, second, first, third, second, fourth, fifth, fifth, third, fourth)
        ends.append(left(shop, f"u-{number}"))

    assert (len(ends), set(ends)) == (120, {unlocks})
    with app.app_context():
        became = {}
        for row in db.session.query(ProviderEvent):
            became.setdefault(row.event_id.rpartition("_")[2], set()).add(row.state)
    assert became == {
        "a": {"applied"}, "b": {"applied" if unlocks else "noted"}, "c": {"applied"},
        "d": {"noted" if unlocks else "applied"}, "e": {"noted"},
    }  # fmt: skip


def test_events_of_before_this_version_are_tried_without_harm(shop, app):
    send(shop, charge(id="evt_1"))
    with app.app_context():
        [row] = db.session.query(ProviderEvent)
        row.facts, row.payment = {"livemode": True, "site": None, "fault": ""}, None
        db.session.commit()

    assert try_again(app, "evt_1") is False


def test_a_bundle_that_the_site_gave_itself_is_taken_back_on_request(shop, app):
    send(shop, charge(400, id="evt_1"))
    give(shop, 5, reference="pi_1")
    before = left(shop)

    assert (before, try_again(app, "evt_1"), left(shop)) == (5, True, 3)


def test_a_refund_of_a_payment_of_an_erased_reader_brings_nothing_down(shop):
    with at():
        send(shop, bought())
        shop.delete(url())

    assert send(shop, charge()) == "applied"
    assert overview(shop) == overview(shop, "u-never") | {"reader_id": "u-77"}


def test_what_is_noted_and_what_is_kept_say_who_and_what_without_a_name(shop, app):
    send(shop, bought(), charge(billing_details={"name": "Ana Marker"}))

    with app.app_context():
        told_of = [provider_events.describe(row) for row in db.session.query(ProviderEvent)]
    assert {row["payment"] for row in told_of} == {"pi_1"}
    assert "Marker" not in str(told_of)
