"""The worker: what each answer of an endpoint brings."""

import json
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from moderation import worker
from moderation.services import deliveries
from tests.factories import comment
from tests.receiver import big_body, post, reset, seconds_to_next, slow_body, slow_head, status, the_delivery

DAY_SECONDS = 86_400


DAY_SECONDS = 86_400


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
    for number in range(int(days * 24 / every_hours)):
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
