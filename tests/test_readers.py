import pytest

from moderation.db import db
from moderation.models import Base, Reader
from moderation.services import sites
from tests.engagement import (
    access,
    done,
    give,
    history,
    ledger,
    left,
    overview,
    problem,
    sell,
    subscribe,
    turn,
    unlock,
    url,
)
from tests.factories import comment

IN_GOOD_STANDING = {
    "banned": False, "banned_until": None, "ban_reason": "", "premoderated": False, "points": 0.0, "days_approved": 0,
    "rejections": 0,
}  # fmt: skip
ODD_IDS = [
    "u 77", "ana@example.org", "ünï-çødé", "читатель", "\U0001f469\u200d\U0001f680", "50%", "a%2Fb", "?x=1", "#",
    "a;b,c", "'; DROP TABLE reader; --", "\\", "_", "x" * 255, "access", "subscription", "\u202e", "a\nb",
]  # fmt: skip


def everything(app):
    """Every row of every table, as the database has it."""
    with app.app_context():
        return {
            table.name: sorted(map(repr, db.session.execute(table.select()))) for table in Base.metadata.sorted_tables
        }


def test_who_was_never_named_has_nothing_and_stands_well(client, app):
    before = everything(app)

    assert overview(client, "nobody") == {
        "reader_id": "nobody", "unlock_left": 0, "subscription": None, "standing": IN_GOOD_STANDING,
        "time_zone": "UTC",
    }  # fmt: skip
    assert everything(app) == before


def test_a_reader_is_shown_at_a_glance(client):
    sell(client)
    give(client, 2)
    begun = subscribe(client)

    seen = overview(client)

    assert seen["unlock_left"] == begun.pop("unlock_left") == 2
    assert seen["subscription"] == begun


def test_a_ban_is_shown(client, app, jo):
    client.post("/v1/comments", json=comment("Short."))
    jo.get("/demo/queues/pending")
    jo.post("/demo/standing/u-77", do="ban", days="7", reason="Threats.")
    for_a_week = overview(client)["standing"]
    jo.post("/demo/standing/u-77", do="ban", days="lifted", reason="Again.")
    until_lifted = overview(client)["standing"]
    jo.post("/demo/standing/u-77", do="unban")
    jo.post("/demo/standing/u-77", do="premoderate")

    assert (for_a_week["banned"], for_a_week["ban_reason"]) == (True, "Threats.")
    assert for_a_week["banned_until"] is not None
    assert until_lifted == IN_GOOD_STANDING | {"banned": True, "ban_reason": "Again."}
    assert overview(client)["standing"] == IN_GOOD_STANDING | {"premoderated": True}


@pytest.mark.parametrize("reader", ODD_IDS)
def test_an_id_of_any_characters_is_one_reader(client, reader):
    sell(client)
    give(client, 2, reader)
    unlock(client, "2041", reader)
    subscribe(client, "monthly", reader)
    turn(client, "cancel", reader)

    assert overview(client, reader)["reader_id"] == reader
    assert (left(client, reader), access(client, "2041", reader)["allowed"]) == (1, True)
    assert len(ledger(client, reader)) == 2
    assert client.delete(url("/unlocks/2041", reader)).status_code == 200
    assert client.delete(url("", reader)).status_code == 204
    assert left(client, reader) == left(client, f"{reader[1:]}z") == 0


@pytest.mark.parametrize("reader", ["%00", "a%00b", "x" * 256, "a/b", ".%2F.."])
def test_an_id_that_cannot_be_one_is_not_found(client, app, reader):
    before = everything(app)

    for response in (
        client.get(f"/v1/readers/{reader}/ledger"),
        client.post(f"/v1/readers/{reader}/grants", json={"unlocks": 1, "kind": "gift"}),
        client.put(f"/v1/readers/{reader}/subscription", json={"plan": "monthly"}),
    ):
        assert problem(response) == (404, "not_found")
    assert everything(app) == before


def test_another_sites_reader_of_the_same_id_is_somebody_else(client, other, app):
    sell(client)
    give(client, 2)
    unlock(client)
    subscribe(client)
    client.post("/v1/comments", json=comment())
    before = everything(app)

    assert overview(other) == overview(other, "nobody") | {"reader_id": "u-77"}
    assert (ledger(other), history(other)) == ([], [])
    assert other.get(url("/unlocks")).json["items"] == []
    assert other.get(url("/export")).json["comments"] == []
    assert problem(other.get(url("/subscription"))) == (404, "not_found")
    assert problem(other.delete(url("/unlocks/2041"))) == (404, "not_found")
    assert problem(other.post(url("/unlocks"), json={"post_id": "2041"})) == (409, "no_unlocks_left")
    for what in ("cancel", "resume", "pause", "renew"):
        response = other.post(url(f"/subscription/{what}"), json={})
        assert problem(response) == (409, "state_forbids")
        assert response.json["state"] == "none"
    assert problem(other.put(url("/subscription"), json={"plan": "monthly"})) == (422, "validation_failed")
    assert everything(app) == before


@pytest.mark.parametrize(
    ("method", "rest", "body", "status"),
    [
        ("post", "/grants", {"unlocks": 5, "kind": "gift"}, 201),
        ("post", "/unlocks", {"post_id": "new"}, 201),
        ("post", "/unlocks", {"post_id": "2041"}, 200),
        ("delete", "/unlocks/2041", None, 200),
        ("post", "/subscription/cancel", {"at": "period_end"}, 200),
        ("post", "/subscription/cancel", {"at": "now"}, 200),
        ("post", "/subscription/pause", None, 200),
        ("post", "/subscription/renew", {"reference": "inv-1"}, 201),
        ("post", "/subscription/change", {"plan": "other"}, 200),
        ("post", "/subscription/resume", None, 409),
        ("put", "/subscription", {"plan": "monthly"}, 409),
        ("delete", "", None, 204),
    ],
)
def test_a_dry_run_answers_as_the_change_would_and_changes_nothing(client, app, method, rest, body, status):
    sell(client)
    sell(client, "other")
    give(client, 2)
    unlock(client)
    subscribe(client)
    before = everything(app)

    def ask(query):
        return getattr(client, method)(f"{url(rest)}{query}", json=body)

    dry = ask("?dry_run=true")
    meanwhile = everything(app)
    real = ask("")

    assert (dry.status_code, real.status_code) == (status, status)
    assert meanwhile == before
    assert (everything(app) == before) is (status == 409)
    assert figures(dry) == figures(real)


def figures(response):
    """What was promised; ids and moments are made anew."""
    names = ("unlock_left", "state", "plan", "cancel_at_period_end", "post_id", "unlocks", "code")
    body = response.json if response.data else {}
    return [body.get(name) for name in names]


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("put", "/subscription", {"plan": "monthly"}), ("post", "/grants", {"unlocks": 5, "kind": "gift"})],
)
def test_a_dry_run_names_nobody(client, app, method, rest, body):
    sell(client)
    before = everything(app)

    response = getattr(client, method)(f"{url(rest, 'new')}?dry_run=true", json=body)

    assert response.status_code == 201
    assert everything(app) == before


@pytest.mark.parametrize("rest", ["", "/access?post_id=1", "/unlocks", "/ledger", "/subscription", "/export"])
def test_a_key_without_the_scope_readers_is_refused(app, client, site_key, rest):
    with app.app_context():
        site = sites.by_name(db.session(), "demo")
        key = sites.create_key(db.session(), site, scopes=["comments", "score"], actor="test")[1]
        db.session.commit()

    response = client.get(url(rest), headers={"Authorization": f"Bearer {key}"})

    assert problem(response) == (403, "forbidden")
    assert response.json["needed"] == "readers"


class TestExport:
    def test_everything_that_is_held_is_there(self, client):
        sell(client)
        give(client, 2, reference="order-1")
        unlock(client)
        subscribe(client)
        reader = {"id": "u-77", "name": "Ana", "email": "ana@example.org", "url": "https://ana.example"}
        mine = done(client.post("/v1/comments", json=comment("Fine words.", reader=reader)))
        done(client.put(f"/v1/comments/{mine['id']}", json={"text": "You idiot."}))
        appeal = {"reader": {"id": "u-77"}, "text": "It was a quote."}
        done(client.post(f"/v1/comments/{mine['id']}/appeals", json=appeal))
        theirs = done(client.post("/v1/comments", json=comment("Other words.", reader={"id": "u-1"})))
        flag = {"reader": {"id": "u-77"}, "reason": "spam", "note": "An advertisement."}
        done(client.post(f"/v1/comments/{theirs['id']}/flags", json=flag))

        held = client.get(url("/export")).json

        assert {name: held["profile"][name] for name in reader} == reader
        [written] = held["comments"]
        assert (written["text"], written["reader_name"]) == ("You idiot.", "Ana")
        assert [row["kind"] for row in written["history"]] == ["submitted", "edited"]
        assert [row["text"] for row in written["revisions"]] == ["Fine words."]
        assert [row["text"] for row in held["appeals"]] == ["It was a quote."]
        assert [row["note"] for row in held["flags"]] == ["An advertisement."]
        assert ([row["post_id"] for row in held["unlocks"]], held["unlock_left"]) == (["2041"], 1)
        assert [row["reference"] for row in held["grants"]] == ["order-1"]
        assert [row["unlocks"] for row in held["ledger"]] == [2, -1]
        [bought] = held["subscriptions"]
        assert (bought["plan"], [row["event"] for row in bought["transitions"]]) == ("monthly", ["start"])
        assert "Other words." not in client.get(url("/export")).text

    def test_who_was_never_named_has_an_empty_one(self, client, app):
        held = client.get(url("/export", "nobody")).json

        assert held.pop("exported_at")
        assert held.pop("reader_id") == "nobody"
        assert not any(held.values())
        with app.app_context():
            assert db.session.query(Reader).count() == 0
