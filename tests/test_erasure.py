import json
from datetime import timedelta

import pytest

from moderation.db import db
from moderation.models import Allowance, Base, Comment, Event, LedgerEntry, SubscriptionTransition, Unlock
from moderation.services import ledger_check
from tests.engagement import (
    START,
    access,
    at,
    done,
    give,
    history,
    ledger,
    left,
    overview,
    sell,
    subscribe,
    the_worker_comes,
    turn,
    unlock,
    url,
)
from tests.factories import comment

READER = {
    "id": "Reader-Erasme", "name": "Ana Marker", "email": "ana@marker.example", "url": "https://ana.marker.example",
}  # fmt: skip
TEXTS = ("My street is Firstlane.", "My street is Secondlane, idiot.", "Thirdlane is where I live.")
# Whatever of these is found anywhere in the database was not erased.
MARKS = ("erasme", "marker", "firstlane", "secondlane", "thirdlane", "quotedlane", "appealed words", "noted words")


def found_marks(app):
    """Which table still holds which mark."""
    with app.app_context():
        texts = {
            table.name: " ".join(str(tuple(row)) for row in db.session.execute(table.select())).lower()
            for table in Base.metadata.sorted_tables
        }
    return {(name, mark) for name, text in texts.items() for mark in MARKS if mark in text}


def block(client, pattern):
    """Let the reasons of a rejection quote the text, as they do for blocked words."""
    policy = client.get("/v1/policy").json
    for rule in policy["rules"]:
        if rule["rule"] == "blocked_words":
            rule["params"] = {"words": [], "patterns": [pattern]}
    done(client.put("/v1/policy", json={name: policy[name] for name in ("thresholds", "rules")}))


@pytest.fixture
def lived(client, jo):
    """A client of the site, after a reader has done everything that a reader can do."""
    key = {"Idempotency-Key": "k-1"}
    block(client, r"second\w+")
    sell(client, unlocks=5, opens={"all": True})
    done(client.put("/v1/posts/2041", json={"title": "Bridge reopens"}))
    give(client, 3, READER["id"], reference="order-991", reason="A present for Ana Marker")
    done(client.post(url("/unlocks", READER["id"]), json={"post_id": "2041"}, headers=key))
    subscribe(client, reader=READER["id"])
    first = done(client.post("/v1/comments", json=comment(TEXTS[0], reader=READER), headers=key))
    done(client.put(f"/v1/comments/{first['id']}", json={"text": TEXTS[1]}))
    reader = {"id": READER["id"]}
    appeal = {"reader": reader, "text": "Appealed words."}
    done(client.post(f"/v1/comments/{first['id']}/appeals", json=appeal, headers=key))
    batch = {"items": [comment(TEXTS[2], reader=READER)]}
    [third] = done(client.post("/v1/comments/batch", json=batch, headers=key))["items"]
    decision = {"status": "rejected", "reason": "other", "note": "Ana Marker wrote of quotedlane."}
    path = f"/v1/comments/{third['comment']['id']}"
    done(client.post(f"{path}/decisions", json=decision, headers={"If-Match": '"v1"', **key}))
    done(client.post(f"{path}/flags", json={"reader": {"id": "u-1"}, "reason": "other", "note": "On Quotedlane?"}))
    client.delete(path)
    theirs = done(client.post("/v1/comments", json=comment("Other words.", reader={"id": "u-1"})))
    flag = {"reader": reader, "reason": "spam", "note": "Noted words."}
    done(client.post(f"/v1/comments/{theirs['id']}/flags", json=flag, headers=key))
    jo.get("/demo/queues/pending")
    jo.post(f"/demo/standing/{READER['id']}", do="ban", days="7", reason="Ana Marker threatens.")
    jo.get(f"/demo/readers/{READER['id']}")
    return client


def test_nothing_personal_is_left_in_any_row(lived, app):
    before = found_marks(app)

    response = lived.delete(url("", READER["id"]))

    assert response.status_code == 204
    assert {name for name, _ in before} >= {
        "allowance", "appeal", "audit", "comment", "decision", "event", "flag", "idempotency_key", "reader", "revision",
    }  # fmt: skip
    assert {mark for _, mark in before} == set(MARKS)
    assert found_marks(app) == set()


def test_the_same_id_begins_anew_with_nothing(lived):
    lived.delete(url("", READER["id"]))

    assert overview(lived, READER["id"]) == overview(lived, "nobody") | {"reader_id": READER["id"]}
    assert (ledger(lived, READER["id"]), history(lived, READER["id"])) == ([], [])
    assert access(lived, reader=READER["id"])["allowed"] is False
    held = lived.get(url("/export", READER["id"])).json
    assert not any(value for name, value in held.items() if name not in ("reader_id", "exported_at"))
    give(lived, 2, READER["id"])
    assert left(lived, READER["id"]) == 2


def test_the_books_stay_whole_under_an_id_that_means_nothing(lived, app):
    with app.app_context():
        before = db.session.query(LedgerEntry).count()

    lived.delete(url("", READER["id"]))

    with app.app_context():
        allowance = db.session.query(Allowance).one()
        assert allowance.reader_id.startswith("gone_")
        assert db.session.query(Unlock).count() == 0
        assert db.session.query(LedgerEntry).count() == before + 1  # the plan's unlocks run out
        assert ledger_check.faults(db.session()) == []


def test_a_living_subscription_ends_by_the_erasure(lived, app):
    lived.delete(url("", READER["id"]))

    with app.app_context():
        last = db.session.query(SubscriptionTransition).order_by(SubscriptionTransition.version.desc()).first()
        assert (last.old_state, last.new_state, last.cause) == ("active", "ended", "erasure")
        told = [json.loads(row.body)["data"] for row in db.session.query(Event).filter_by(type="subscription.changed")]
    assert [data["cause"] for data in told if data["state"] == "ended"] == ["erasure"]
    assert all(data["reader_id"].startswith("gone_") for data in told)


@pytest.mark.parametrize("way", ["trialing", "past_due", "paused", "canceling", "ended", "forever"])
def test_whatever_the_subscription_was_the_reader_is_erased(client, app, way):
    sell(client, trial_days=7 if way == "trialing" else 0, grace_days=9, period=None if way == "forever" else "month")
    with at():
        subscribe(client)
        if way == "paused":
            turn(client, "pause")
        if way in ("canceling", "ended"):
            turn(client, "cancel", at="now" if way == "ended" else "period_end")
    with at(days=29 if way == "past_due" else 1):
        assert client.delete(url()).status_code == 204

        assert client.get(url("/subscription")).status_code == 404
        the_worker_comes(app)
    with app.app_context():
        assert db.session.query(Allowance).one().due_at is None


def test_a_thread_keeps_the_place_of_an_erased_comment(client):
    parent = done(client.post("/v1/comments", json=comment("Hello there.", reader=READER)))
    answer = comment("Hello back.", reader={"id": "u-1"}, parent_id=parent["id"])
    done(client.post("/v1/comments", json=answer))

    client.delete(url("", READER["id"]))

    [branch] = client.get("/v1/posts/2041/comments").json["items"]
    assert (branch["removed"], branch["text"], branch["reader_id"], branch["reader_name"]) == (True, "", None, "")
    assert [reply["text"] for reply in branch["replies"]] == ["Hello back."]


def test_nobody_elses_things_are_touched(client, app):
    """Ids that a careless search takes for one another."""
    readers = ("u-7", "u-77", "U-7", "u_7", "%", "-7")
    for reader in readers:
        give(client, 2, reader)
        headers = {"Idempotency-Key": reader}
        text = f"The words of {reader} alone."
        done(client.post("/v1/comments", json=comment(text, reader={"id": reader, "name": reader}), headers=headers))
        done(client.post(url("/unlocks", reader), json={"post_id": "2041"}, headers=headers))

    client.delete(url("", "u-7"))

    with app.app_context():
        texts = [row.text for row in db.session.query(Comment).order_by(Comment.id)]
        told = [json.loads(event.body)["data"].get("reader_id") for event in db.session.query(Event)]
    assert texts.count("") == 1
    for reader in set(readers) - {"u-7"}:
        assert left(client, reader) == 1
        assert told.count(reader) == 3
        again = client.post(url("/unlocks", reader), json={"post_id": "2041"}, headers={"Idempotency-Key": reader})
        assert again.headers["Idempotent-Replayed"] == "true"
    assert told.count("u-7") == 0


def test_who_was_never_named_is_erased_already(client):
    assert client.delete(url("", "nobody")).status_code == 204
    assert client.delete(url("", "nobody")).status_code == 204


def test_an_erased_comment_that_is_sent_again_is_not_taken_in(client):
    body = comment("Hello there.", reader=READER, external_id="wp-1")
    done(client.post("/v1/comments", json=body))
    client.delete(url("", READER["id"]))

    again = client.post("/v1/comments", json=body)

    assert (again.status_code, again.json["code"]) == (409, "external_id_reused")


def test_a_grant_that_an_erased_reader_had_is_not_given_again(client):
    body = {"unlocks": 5, "kind": "bundle", "reference": "order-991"}
    done(client.post(url("/grants"), json=body))
    client.delete(url())

    assert client.post(url("/grants"), json=body).status_code == 409


def test_what_runs_out_after_an_erasure_is_still_written(client, app):
    with at():
        give(client, 3, expires_at=(START + timedelta(days=1)).isoformat())
        client.delete(url())
    with at(days=1):
        the_worker_comes(app)

    with app.app_context():
        assert db.session.query(Allowance).one().unlocks_left == 0
        assert ledger_check.faults(db.session()) == []


def test_an_erasure_that_fails_half_way_erases_nothing(lived, app, monkeypatch):
    before = found_marks(app)
    monkeypatch.setattr("moderation.services.erasure.outbox.forget_reader", lambda *_: 1 / 0)
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    response = lived.delete(url("", READER["id"]))

    assert response.status_code == 500
    assert found_marks(app) == before


def test_an_unlock_after_the_erasure_costs_again(client):
    give(client, 1)
    unlock(client)
    client.delete(url())
    give(client, 1)

    assert client.post(url("/unlocks"), json={"post_id": "2041"}).status_code == 201
