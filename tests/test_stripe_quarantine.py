"""Events that were not understood: kept, shown, applied later; and the people in events, forgotten on request."""

import json

import pytest

from moderation.db import db
from moderation.models import Base, Provider, ProviderEvent, Site
from moderation.services import provider_events, providers
from tests.engagement import access, at, left, overview, sell, url
from tests.stripe_events import NEW_SECRET, NOW, SECRET, bundle, checkout, event, send, set_up, told

ANA = "Reader-Erasme"


@pytest.fixture
def shop(client, app):
    sell(client, "monthly")
    set_up(app, price_month="monthly", price_five=5)
    with at():
        yield client


def waiting(app):
    with app.app_context():
        site = db.session.query(Site).filter_by(name="demo").one()
        found = provider_events.in_quarantine(db.session(), site.id)
        return [(row.event_id, row.reason) for row in found]


def try_again(app, event_id):
    with app.app_context():
        session = db.session()
        site = session.query(Site).filter_by(name="demo").one()
        row = provider_events.held_event(session, site.id, event_id)
        left_it = provider_events.retry(session, site, row, actor="test")
        session.commit()
        return left_it


def of_charge(type, **changes):
    return event(type, {"id": "ch_1", "object": "charge", "customer": "cus_1"} | changes)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (told(price="price_unlisted"), "unlisted_price"),
        (bundle("price_unlisted"), "unlisted_price"),
        (bundle("price_month"), "unlisted_price"),
        (told(price="price_five"), "unlisted_price"),
        (bundle(metadata={}), "unlisted_price"),
        (told(reader=None), "unknown_reader"),
        (bundle(client_reference_id=None), "unknown_reader"),
        (told() | {"livemode": False}, "wrong_mode"),
        (told(metadata={"replydesk_reader": "u-77", "replydesk_site": "other"}), "other_site"),
        (of_charge("charge.refunded"), "money_back"),
        (of_charge("charge.dispute.created"), "money_back"),
        (of_charge("refund.created"), "money_back"),
        (of_charge("charge.succeeded"), "unknown_type"),
        (event("entitlements.active_entitlement_summary.updated", {"object": "x", "customer": "cus_1"}),
         "unknown_type"),
    ],
)  # fmt: skip
def test_what_is_not_understood_waits_with_its_reason_and_changes_nothing(shop, app, sent, reason):
    assert send(shop, sent) == "quarantined"
    assert waiting(app) == [(sent["id"], reason)]
    assert overview(shop)["subscription"] is None
    assert (left(shop), access(shop)["allowed"]) == (0, False)


@pytest.mark.parametrize("type", ["invoice.paid", "invoice.payment_failed", "customer.deleted", "customer.created"])
def test_what_is_understood_and_has_no_effect_does_not_wait(shop, app, type):
    assert send(shop, event(type, {"id": "in_1", "object": "invoice"})) == "noted"
    assert waiting(app) == []


def test_an_event_that_came_before_its_reader_is_applied_when_the_reader_comes(shop, app):
    early = send(shop, told(reader=None))
    before = access(shop)["allowed"]

    send(shop, checkout(created=NOW + 5))

    assert (early, before, access(shop)["allowed"]) == ("quarantined", False, True)
    assert waiting(app) == []


def test_once_a_customer_is_known_a_payment_need_not_name_the_reader(shop):
    assert send(shop, told(), bundle(client_reference_id=None)) == ["applied", "applied"]
    assert left(shop) == 5


def test_listed_later_it_is_applied_on_request(shop, app):
    send(shop, told(id="evt_1", price="price_new"))
    too_early = try_again(app, "evt_1")
    set_up(app, price_new="monthly")

    assert (too_early, try_again(app, "evt_1")) == (False, True)
    assert (access(shop)["allowed"], waiting(app)) == (True, [])


def test_an_unlisted_price_does_not_keep_a_subscription_from_ending(shop):
    gone = told("deleted", "canceled", created=NOW + 5, price="price_unlisted", ended_at=NOW + 5)

    assert send(shop, told(), told(created=NOW + 1, price="price_unlisted"), gone) == [
        "applied", "quarantined", "applied",
    ]  # fmt: skip
    assert access(shop)["allowed"] is False


def test_a_subscription_does_not_change_hands(shop, app):
    assert send(shop, told(), told(created=NOW + 5, reader="u-2", id="evt_2")) == ["applied", "quarantined"]
    assert waiting(app) == [("evt_2", "other_reader")]
    assert overview(shop, "u-2")["subscription"] is None


def test_the_same_payment_with_another_content_waits(shop, app):
    send(shop, bundle())
    set_up(app, price_five=50)

    assert send(shop, bundle(id="evt_2")) == "quarantined"
    assert (waiting(app), left(shop)) == ([("evt_2", "granted_otherwise")], 5)


def test_a_plan_that_is_no_longer_sold_opens_for_nobody_new(shop, app):
    send(shop, told())
    shop.delete("/v1/plans/monthly")
    other = json.loads(json.dumps(told(id="evt_2")).replace("sub_1", "sub_2").replace("u-77", "u-2"))

    assert send(shop, told(created=NOW + 5), other) == ["applied", "quarantined"]
    assert waiting(app) == [("evt_2", "unlisted_price")]


class TestCommands:
    @pytest.fixture
    def desk(self, installation):
        sell(installation.client, "monthly")
        installation.run("provider", "set", "stripe", "--secret-stdin", input=f"{SECRET}\n")
        return installation

    def test_a_secret_is_read_from_standard_input_and_never_shown(self, installation):
        before = installation.run("provider", "show")
        made = installation.run("provider", "set", "stripe", "--secret-stdin", "--test", input=f"{SECRET}\n")
        added = installation.run("provider", "set", "stripe", "--secret-stdin", "--add", input=NEW_SECRET)
        shown = installation.run("provider", "show", "--json")

        assert (before.exit_code, made.exit_code, added.exit_code) == (1, 0, 0)
        assert "provider set stripe" in before.stderr
        assert "Stripe, test mode, 2 secrets." in added.stdout
        assert json.loads(shown.stdout) == {
            "site": "demo", "provider": "stripe", "secrets": 2, "mode": "test", "fetches": False,
            "prices": {}, "events": {},
        }  # fmt: skip
        assert not any("whsec" in out.output for out in (made, added, shown))
        assert b"whsec" not in b"".join(path.read_bytes() for path in installation.data.rglob("*.log"))

    def test_without_add_the_old_secret_counts_no_more(self, desk):
        desk.run("provider", "set", "stripe", "--secret-stdin", input=NEW_SECRET)

        with desk.app.app_context():
            assert db.session.query(Provider).one().secrets == [NEW_SECRET]

    @pytest.mark.parametrize("secret", ["", "sk_live_abcdefghijkl", "whsec_", "whsec_ü12345678", "whsec_" + "x" * 300])
    def test_what_is_no_signing_secret_is_refused(self, installation, secret):
        result = installation.run("provider", "set", "stripe", "--secret-stdin", input=secret)

        assert result.exit_code == 1
        assert "whsec_" in result.stderr
        assert "sk_live" not in result.output

    def test_a_price_opens_a_plan_or_gives_unlocks(self, desk):
        desk.run("provider", "price", "price_month", "--plan", "monthly")
        desk.run("provider", "price", "price_five", "--unlocks", "5")
        desk.run("provider", "price", "price_old", "--unlocks", "5")
        desk.run("provider", "price", "price_old", "--remove")

        shown = desk.run("provider", "show").stdout

        assert "  price_five: 5 unlocks\n  price_month: monthly\nEvents: none" in shown

    @pytest.mark.parametrize(
        ("words", "code"),
        [(["price_1"], 2), (["price_1", "--plan", "monthly", "--unlocks", "5"], 2), (["price_1", "--unlocks", "0"], 2),
         (["price_1", "--plan", "gold"], 1), (["price 1", "--unlocks", "5"], 1)],
    )  # fmt: skip
    def test_a_price_that_is_said_wrongly_is_refused(self, desk, words, code):
        assert desk.run("provider", "price", *words).exit_code == code

    def test_the_quarantine_is_listed_applied_and_dismissed(self, desk):
        send(desk.client, told(id="evt_1"), of_charge("charge.refunded") | {"id": "evt_2"})
        listed = desk.run("provider", "quarantine", "list")
        told_so = desk.run("provider", "price", "price_month", "--plan", "monthly")
        some = desk.run("provider", "quarantine", "apply", "--all")
        dismissed = desk.run("provider", "quarantine", "dismiss", "evt_2")
        again = desk.run("provider", "quarantine", "dismiss", "evt_2")
        empty = desk.run("provider", "quarantine", "list")

        assert "unlisted_price: Not listed with a plan: price_month, prod_1." in listed.stdout
        assert "1 events wait for prices" in told_so.stderr
        assert (some.exit_code, some.stdout) == (1, "1 applied, 1 still wait.\n")
        assert "evt_2: Nothing was bought here" in some.stderr
        assert (dismissed.exit_code, again.exit_code, empty.stdout) == (0, 1, "Nothing waits.\n")
        assert overview(desk.client)["subscription"]["plan"] == "monthly"

    def test_the_doctor_tells_of_what_waits(self, desk):
        before = desk.run("doctor").output
        send(desk.client, told())

        ended = desk.run("doctor")

        assert "payment provider" not in before
        assert ended.exit_code == 1
        assert (
            "1 events of a payment provider wait; see: replydesk provider quarantine list --site demo" in ended.output
        )

    def test_one_event_or_all_is_said(self, desk):
        assert desk.run("provider", "quarantine", "apply").exit_code == 2
        assert desk.run("provider", "quarantine", "apply", "evt_1", "--all").exit_code == 2
        assert desk.run("provider", "quarantine", "apply", "evt_1").exit_code == 1
        assert json.loads(desk.run("provider", "quarantine", "list", "--json").stdout) == {"items": []}


class TestPeople:
    def test_the_export_tells_of_events_customers_and_subscriptions(self, shop):
        send(shop, told(reader=ANA, id="evt_1"), event("invoice.paid", {"id": "in_1", "customer": "cus_1"}, id="evt_2"))
        send(shop, told(reader="u-2", id="evt_3", customer="cus_2"))

        held = shop.get(url("/export", ANA)).json

        assert [row["event_id"] for row in held["payment_events"]] == ["evt_1", "evt_2"]
        assert [row["customer"] for row in held["payment_customers"]] == ["cus_1"]
        assert [row["state"] for row in held["payment_subscriptions"]] == ["active"]

    def test_erasure_leaves_of_events_only_that_they_came(self, shop, app):
        sent = [told(reader=ANA), bundle(client_reference_id=ANA), of_charge("charge.refunded"), told(reader=ANA)]
        sent[3] = json.loads(json.dumps(sent[3]).replace("price_month", "price_unlisted"))
        send(shop, *sent)
        marks = (ANA.lower(), "cus_1", "sub_1'")

        shop.delete(url("", ANA))

        with app.app_context():
            rows = {
                table.name: str([tuple(row) for row in db.session.execute(table.select())]).lower()
                for table in Base.metadata.sorted_tables
            }
            assert [(name, mark) for name, text in rows.items() for mark in marks if mark in text] == []
            assert {row.state for row in db.session.query(ProviderEvent)} == {"dismissed"}
        assert send(shop, *sent) == ["duplicate"] * 4
        assert access(shop, reader=ANA)["allowed"] is False

    def test_another_readers_events_stay(self, shop):
        other = json.loads(json.dumps(told(reader="u-2")).replace("cus_1", "cus_2").replace("sub_1", "sub_2"))
        send(shop, told(reader=ANA), other)

        shop.delete(url("", ANA))

        assert len(shop.get(url("/export", "u-2")).json["payment_events"]) == 1
        assert access(shop, reader="u-2")["allowed"] is True


def test_the_account_is_of_its_site_alone(shop, app, other):
    with app.app_context():
        there = db.session.query(Site).filter_by(name="other").one()

        assert providers.find(db.session(), there.id) is None
