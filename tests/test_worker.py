import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from standardwebhooks.webhooks import Webhook

from moderation import webhook_client, worker
from moderation.db import db
from moderation.models import Comment, IdempotencyKey, utc_now
from moderation.services import deliveries, retention
from tests.factories import comment
from tests.receiver import big_body, receiving, reset, slow_body, slow_head, status

# After everything that the fixtures make before the clock is stopped.
START = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
DAY_SECONDS = 86_400


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.fixture
def receiver(app, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    monkeypatch.setitem(app.config, "WEBHOOK_TIMEOUT_SECONDS", 0.4)
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def secret(client, receiver):
    """The secret of an endpoint at the receiver that asked for everything."""
    return client.post("/v1/webhook-endpoints", json={"url": receiver.url}).json["secret"]


def post(client, text="Good news for everyone who commutes."):
    response = client.post("/v1/comments", json=comment(text))
    assert response.status_code == 201, response.json
    return response.json


def the_delivery(client):
    [event] = client.get("/v1/events").json["items"]
    [delivery] = event["deliveries"]
    return delivery


def seconds_to_next(client):
    return (datetime.fromisoformat(the_delivery(client)["next_attempt_at"]) - utc_now()).total_seconds()


def test_a_published_comment_reaches_the_site_signed(app, client, receiver, secret):
    stored = post(client)

    worker.drain(app)

    [request] = receiver.requests
    told = Webhook(secret).verify(request["body"], request["headers"])
    [event] = client.get("/v1/events").json["items"]
    assert request["headers"]["content-type"] == "application/json"
    assert (told["id"], request["headers"]["webhook-id"]) == (event["id"], event["id"])
    assert (told["type"], told["data"]["id"]) == ("comment.published", stored["id"])
    assert told["data"]["version"] == 1
    assert told["data"] == event["data"]
    assert event["deliveries"][0]["state"] == "delivered"
    assert event["deliveries"][0]["last_status"] == 200
    assert event["deliveries"][0]["next_attempt_at"] is None


def test_only_the_types_that_were_asked_for_are_sent(app, client, receiver):
    body = {"url": receiver.url, "event_types": ["comment.rejected"]}
    client.post("/v1/webhook-endpoints", json=body)
    post(client)
    post(client, "You idiot.")

    worker.drain(app)

    assert [json.loads(request["body"])["type"] for request in receiver.requests] == ["comment.rejected"]


def test_an_event_of_one_site_is_not_told_to_another(app, client, other, receiver, secret):
    other.post("/v1/comments", json=comment())

    worker.drain(app)

    assert receiver.requests == []


def test_what_was_delivered_is_not_sent_again(app, client, receiver, secret):
    post(client)

    worker.drain(app)
    worker.drain(app)

    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("answer", "state", "last_status", "error"),
    [
        (status(200), "delivered", 200, ""),
        (status(204), "delivered", 204, ""),
        (big_body, "delivered", 200, ""),
        (status(301, Location="http://127.0.0.1:1/"), "waiting", 301, "Answered 301; redirects are not followed."),
        (status(400), "waiting", 400, "Answered 400."),
        (status(404), "waiting", 404, "Answered 404."),
        (status(410), "dead", 410, "Answered 410."),
        (status(429, Retry_After="100"), "waiting", 429, "Answered 429."),
        (status(500), "waiting", 500, "Answered 500."),
        (slow_body, "waiting", 500, "Answered 500."),
        (slow_head, "waiting", None, "No answer within 0.4 s."),
        (reset, "waiting", None, "The connection was closed before an answer came."),
    ],
    ids=["200", "204", "10 MB", "301", "400", "404", "410", "429", "500", "slow body", "slow head", "reset"],
)  # fmt: skip
def test_each_answer_has_its_treatment(app, client, receiver, secret, answer, state, last_status, error):
    receiver.answer = answer
    post(client)

    worker.drain(app)

    delivery = the_delivery(client)
    assert len(receiver.requests) == 1
    assert (delivery["state"], delivery["last_status"], delivery["last_error"]) == (state, last_status, error)
    assert delivery["attempts"] == 1


def test_the_attempts_follow_the_schedule_and_then_the_delivery_is_dead(app, client, receiver, secret, clock):
    receiver.answer = status(500)
    post(client)
    waits = []
    worker.drain(app)

    while the_delivery(client)["state"] == "waiting" and len(waits) < 20:
        waits.append(seconds_to_next(client))
        # A little more: adding a float to the clock may fall short by a microsecond, and then nothing is due.
        clock.shift(waits[-1] + 0.001)
        worker.drain(app)

    planned = deliveries.SCHEDULE_SECONDS[1:]
    assert len(receiver.requests) == 10
    assert all(plan * 0.9 <= wait <= plan * 1.1 for wait, plan in zip(waits, planned, strict=True))
    assert len({round(wait / plan, 4) for wait, plan in zip(waits, planned, strict=True)}) > 1
    assert the_delivery(client)["next_attempt_at"] is None


def test_nothing_is_sent_before_its_time(app, client, receiver, secret, clock):
    receiver.answer = status(500)
    post(client)
    worker.drain(app)

    clock.shift(seconds_to_next(client) - 0.01)
    worker.drain(app)

    assert len(receiver.requests) == 1


def test_every_attempt_has_the_same_id_and_bytes_and_its_own_timestamp(app, client, receiver, secret, clock):
    receiver.answers = [status(500), reset, status(200)]
    post(client)

    for _ in range(3):
        worker.drain(app)
        clock.shift(400)

    assert len({request["headers"]["webhook-id"] for request in receiver.requests}) == 1
    assert len({request["body"] for request in receiver.requests}) == 1
    assert len({request["headers"]["webhook-timestamp"] for request in receiver.requests}) == 3
    assert the_delivery(client)["state"] == "delivered"


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_honoured_for_all_that_waits_for_the_endpoint(app, client, receiver, secret, clock, code):
    receiver.answers = [status(code, Retry_After="900")]
    post(client)
    worker.drain(app)
    post(client, "Another one.")

    clock.shift(899)
    worker.drain(app)
    before = len(receiver.requests)
    clock.shift(2)
    worker.drain(app)

    assert (before, len(receiver.requests)) == (1, 3)


def test_a_retry_after_of_a_year_is_cut_to_a_day(app, client, receiver, secret, clock):
    receiver.answers = [status(503, Retry_After="31536000")]
    post(client)

    worker.drain(app)

    assert seconds_to_next(client) == DAY_SECONDS


def test_an_answer_410_disables_the_endpoint_and_nothing_more_is_sent(app, client, receiver, secret):
    receiver.answer = status(410)
    post(client)
    worker.drain(app)

    post(client, "Another one.")
    worker.drain(app)

    [endpoint] = client.get("/v1/webhook-endpoints").json["items"]
    assert len(receiver.requests) == 1
    assert endpoint["disabled_at"] is not None
    assert endpoint["disabled_because"] == "It answered 410 Gone."
    assert client.get("/v1/events").json["items"][0]["deliveries"] == []


def fail_for(app, client, clock, days, every_hours):
    for number in range(int(days * 24 / every_hours) + 1):
        post(client, f"Comment {number}.")
        worker.drain(app)
        clock.shift(timedelta(hours=every_hours))
        worker.drain(app)


def test_five_days_of_nothing_but_failures_disable_the_endpoint(app, client, receiver, secret, clock):
    receiver.answer = status(500)

    fail_for(app, client, clock, days=4.5, every_hours=12)
    still_enabled = client.get("/v1/webhook-endpoints").json["items"][0]
    fail_for(app, client, clock, days=1, every_hours=12)

    [endpoint] = client.get("/v1/webhook-endpoints").json["items"]
    assert still_enabled["disabled_at"] is None
    assert still_enabled["failing_since"] is not None
    assert endpoint["disabled_because"] == "It only failed for 5 days."
    states = [row["state"] for event in client.get("/v1/events").json["items"] for row in event["deliveries"]]
    assert "waiting" not in states


def test_one_success_in_between_keeps_the_endpoint(app, client, receiver, secret, clock):
    receiver.answer = status(500)
    fail_for(app, client, clock, days=3, every_hours=12)
    receiver.answers = [status(200)]
    fail_for(app, client, clock, days=3, every_hours=12)

    [endpoint] = client.get("/v1/webhook-endpoints").json["items"]

    assert endpoint["disabled_at"] is None


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
    for _ in range(10):
        worker.drain(app)
        clock.shift(timedelta(days=1.2))
    dead = the_delivery(client)["state"]
    receiver.answer = status(200)

    client.post(f"/v1/events/{client.get('/v1/events').json['items'][0]['id']}/replay")
    worker.drain(app)

    assert (dead, the_delivery(client)["state"]) == ("dead", "delivered")


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
