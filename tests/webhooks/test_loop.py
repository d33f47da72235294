"""The worker: replays, and a loop that goes on whatever happens."""

import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from moderation import webhook_client, worker
from moderation.db import db
from moderation.models import Comment, IdempotencyKey, utc_now
from moderation.services import retention
from tests.factories import comment
from tests.receiver import post, receiving, seconds_to_next, status, the_delivery


def test_a_replay_sends_the_same_id_and_bytes_again(app, client, receiver, secret):
    post(client)
    worker.drain(app)
    [event] = client.get("/v1/events").json["items"]

    response = client.post(f"/v1/events/{event['id']}/replay")
    worker.drain(app)

    assert response.status_code == 202, response.json
    assert response.json["deliveries"][0]["state"] == "waiting"
    first, second = receiver.requests
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert first["body"] == second["body"]
    assert the_delivery(client)["state"] == "delivered"


def test_a_replay_reaches_an_endpoint_that_was_made_after_the_event(app, client, receiver):
    post(client)
    worker.drain(app)
    client.post("/v1/webhook-endpoints", json={"url": receiver.url})
    [event] = client.get("/v1/events").json["items"]

    client.post(f"/v1/events/{event['id']}/replay")
    worker.drain(app)

    assert len(receiver.requests) == 1


def test_a_dead_delivery_lives_again_after_a_replay(app, client, receiver, secret, clock):
    receiver.answer = status(400)
    post(client)
    worker.drain(app)
    while the_delivery(client)["state"] == "waiting":
        clock.shift(seconds_to_next(client) + 1)
        worker.drain(app)
    dead = the_delivery(client)["state"]
    receiver.answer = status(200)

    client.post(f"/v1/events/{client.get('/v1/events').json['items'][-1]['id']}/replay")
    worker.drain(app)

    assert (dead, the_delivery(client)["state"]) == ("dead", "delivered")


def test_a_replay_while_an_attempt_is_under_way_asks_for_one_of_its_own(app, client, receiver, secret):
    post(client)
    [event] = client.get("/v1/events").json["items"]
    begun = worker.Worker(app)
    begun.work()

    client.post(f"/v1/events/{event['id']}/replay")
    while begun.senders.under_way:
        begun.collect(wait_seconds=1)
    begun.close()
    worker.drain(app)

    assert len(receiver.requests) == 2
    assert the_delivery(client)["state"] == "delivered"


def test_a_dead_and_a_slow_endpoint_do_not_hold_up_the_others(app, client, receiver):
    with receiving() as slow:
        slow.answer = lambda _handler: time.sleep(2)
        urls = ["http://127.0.0.1:1/", slow.url] + [f"{receiver.url}/{number}" for number in range(8)]
        for url in urls:
            client.post("/v1/webhook-endpoints", json={"url": url})
        for number in range(5):
            post(client, f"Comment {number}.")

        worker.drain(app)

        # Both are left alone after the first miss, whatever waits for them.
        assert len(slow.requests) == 1
        assert len(receiver.requests) == 40


def test_an_endpoint_has_one_attempt_at_a_time(app, client, receiver, secret):
    under_way, most, lock = [0], [0], threading.Lock()

    def answer(handler):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.02)
        with lock:
            under_way[0] -= 1
        status(200)(handler)

    receiver.answer = answer
    for number in range(5):
        post(client, f"Comment {number}.")

    worker.drain(app)

    assert (len(receiver.requests), most[0]) == (5, 1)


def test_a_name_that_turns_private_after_saving_is_not_connected_to(app, client, receiver, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", False)
    places = [(webhook_client.socket.AF_INET, webhook_client.socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port))]
    url = f"http://hooks.example:{receiver.port}/"
    saved = client.post("/v1/webhook-endpoints", json={"url": url}).status_code
    monkeypatch.setattr(webhook_client.socket, "getaddrinfo", lambda *_args, **_more: places)
    post(client)

    worker.drain(app)

    assert saved == 201
    assert receiver.requests == []
    assert "private or reserved" in the_delivery(client)["last_error"]


def test_a_deleted_endpoint_gets_nothing_more_even_while_an_attempt_is_under_way(app, client, receiver, secret):
    [endpoint] = client.get("/v1/webhook-endpoints").json["items"]
    receiver.answer = status(500)
    post(client)
    begun = worker.Worker(app)
    begun.work()

    client.delete(f"/v1/webhook-endpoints/{endpoint['id']}")
    while begun.senders.under_way:
        begun.collect(wait_seconds=1)
    begun.close()

    assert client.get("/v1/events").json["items"][0]["deliveries"] == []


def test_a_fault_in_one_event_is_logged_and_the_others_are_told(app, client, receiver, secret, monkeypatch, caplog):
    bad = post(client)
    post(client, "Another one.")
    fan_out = worker.events.fan_out
    [event_of_bad] = [row["id"] for row in client.get("/v1/events").json["items"] if row["data"]["id"] == bad["id"]]

    def faulty(session, event_id):
        if event_id == event_of_bad:
            raise RuntimeError("a planted fault")
        return fan_out(session, event_id)

    monkeypatch.setattr(worker.events, "fan_out", faulty)
    loop = worker.Worker(app)
    for _ in range(3):
        loop.turn()
        loop.collect(wait_seconds=0.3)
    loop.close()

    assert len(receiver.requests) == 1
    assert "a planted fault" in caplog.text


@pytest.fixture
def alone(monkeypatch):
    """The worker without its second thread, which would write into the test's one connection at the same time."""
    monkeypatch.setattr(worker.errands, "start", lambda *_: None)


@pytest.mark.usefixtures("alone")
def test_a_database_that_is_away_is_asked_again(app, client, receiver, secret, monkeypatch):
    post(client)
    stop, calls, waiting = threading.Event(), [], worker.events.waiting

    def away(session, limit):
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))
        return waiting(session, limit=limit)

    def stop_when_told(seconds, flag):
        assert seconds in (0.5, 1.0)

    monkeypatch.setattr(worker.events, "waiting", away)
    monkeypatch.setattr(worker, "_sleep", stop_when_told)
    receiver.answer = lambda handler: (status(200)(handler), stop.set())
    worker.run(app, stop)

    assert len(receiver.requests) == 1
    assert the_delivery(client)["state"] == "delivered"


@pytest.mark.usefixtures("alone")
def test_a_stopping_worker_gives_back_what_does_not_finish(app, client, receiver, secret, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_TIMEOUT_SECONDS", 10)
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.1)
    stop, hung = threading.Event(), threading.Event()
    receiver.answers = [lambda _handler: (stop.set(), hung.wait(5))]
    post(client)
    began = time.monotonic()

    worker.run(app, stop)
    stopped_in = time.monotonic() - began
    worker.drain(app)
    hung.set()

    assert stopped_in < 2
    assert len(receiver.requests) == 2
    assert the_delivery(client)["state"] == "delivered"


def test_old_idempotency_keys_are_thrown_away_and_young_ones_kept(app, client, clock, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        client.post("/v1/comments", json=comment(f"Old {number}."), headers={"Idempotency-Key": f"old-{number}"})
    clock.shift(timedelta(hours=71))
    client.post("/v1/comments", json=comment("Young."), headers={"Idempotency-Key": "young"})
    clock.shift(timedelta(hours=2))

    worker.do_chores(app)

    with app.app_context():
        assert db.session.scalars(sa.select(IdempotencyKey.key)).all() == ["young"]


def test_a_comment_that_a_moderator_left_open_is_let_go(app, client, clock):
    ids = [post(client, f"How silly, {number}.")["id"] for number in range(2)]
    with app.app_context():
        for id, minutes in zip(ids, (-1, 1), strict=True):
            until = utc_now() + timedelta(minutes=minutes)
            db.session.execute(sa.update(Comment).where(Comment.id == id).values(claimed_until=until))
        db.session.commit()

    worker.do_chores(app)

    with app.app_context():
        assert [db.session.get(Comment, id).claimed_until is None for id in ids] == [True, False]
