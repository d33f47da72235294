"""The log of deliveries, erased readers in it, dead letters and replays."""

import json
from datetime import timedelta

import pytest

from moderation import worker
from moderation.db import db
from moderation.services import endpoints, erasure, sites
from tests.receiver import ENDPOINTS, big_body, deliveries, give_up, logged, post, receiving, reset, status


def test_the_log_holds_each_request_with_what_was_answered(app, client, receiver, endpoint, clock):
    def no(handler):
        handler.send_response(500)
        handler.send_header("X-Why", "because")
        handler.end_headers()
        handler.wfile.write("Nö\x00.".encode())

    receiver.answers = [no, status(204)]
    post(client)
    worker.drain(app)
    clock.shift(10)
    worker.drain(app)

    told = logged(client, endpoint)
    last, first = told["log"]
    assert (told["state"], told["event_type"], told["attempts"]) == ("delivered", "comment.published", 2)
    assert told["request_body"] == receiver.requests[0]["body"].decode()
    assert first["request_headers"]["webhook-id"] == told["event_id"]
    assert first["request_headers"]["webhook-signature"] == receiver.requests[0]["headers"]["webhook-signature"]
    assert (first["number"], first["status"], first["error"]) == (1, 500, "Answered 500.")
    assert (first["answer_headers"]["X-Why"], first["answer_body"]) == ("because", "Nö\ufffd.")
    assert (last["number"], last["status"], last["answer_body"], last["answer_cut"]) == (2, 204, "", False)


def test_a_big_answer_is_kept_up_to_64_kilobytes(app, client, receiver, endpoint):
    receiver.answer = big_body
    post(client)

    worker.drain(app)

    [attempt] = logged(client, endpoint)["log"]
    assert (len(attempt["answer_body"]), attempt["answer_cut"]) == (65_536, True)


def test_an_attempt_without_an_answer_stands_in_the_log(app, client, receiver, endpoint):
    receiver.answer = reset
    post(client)

    worker.drain(app)

    [attempt] = logged(client, endpoint)["log"]
    assert (attempt["status"], attempt["error"]) == (None, "The connection was closed before an answer came.")


def test_deliveries_are_paged_newest_first_and_filtered_by_state(app, client, receiver, endpoint):
    receiver.answers = [status(410)]
    ids = [post(client, f"Comment {number}.")["id"] for number in range(3)]
    worker.drain(app)

    first = client.get(f"{ENDPOINTS}/{endpoint}/deliveries?limit=2").json
    second = client.get(f"{ENDPOINTS}/{endpoint}/deliveries?limit=2&cursor={first['next_cursor']}").json

    assert len(ids) == len(first["items"] + second["items"]) == len(deliveries(client, endpoint, "?state=dead"))
    assert deliveries(client, endpoint, "?state=delivered") == []
    assert second["next_cursor"] is None


def test_old_attempts_are_thrown_away_and_young_ones_kept(app, client, receiver, endpoint, clock):
    receiver.answers = [status(500)]
    post(client)
    worker.drain(app)
    clock.shift(timedelta(days=13))
    worker.drain(app)
    clock.shift(timedelta(days=1, hours=1))

    worker.do_chores(app)

    told = logged(client, endpoint)
    assert [attempt["number"] for attempt in told["log"]] == [2]
    assert told["attempts"] == 2


def echo(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'Stored the reply of u-77. {"name": "Ana"}')


def erase(app, reader_id="u-77"):
    with app.app_context():
        session = db.session()
        erasure.erase(session, sites.by_name(session, "demo"), reader_id, actor="test")
        session.commit()


def test_an_erasure_takes_the_reader_out_of_requests_and_answers(app, client, receiver, endpoint):
    receiver.answer = echo
    id = post(client)["id"]
    client.post(f"/v1/comments/{id}/flags", json={"reader": {"id": "u-12"}, "reason": "abuse"})
    worker.drain(app)

    erase(app)

    everything = json.dumps([logged(client, endpoint, at) for at in range(len(deliveries(client, endpoint)))])
    assert "u-77" not in everything
    assert "Ana" not in everything


def test_an_answer_that_comes_after_the_erasure_is_not_kept(app, client, receiver, endpoint):
    receiver.answer = echo
    post(client)
    begun = worker.Worker(app)
    begun.work()

    erase(app)
    while begun.senders.under_way:
        begun.collect(wait_seconds=1)
    begun.close()

    *_, told = [logged(client, endpoint, at) for at in range(len(deliveries(client, endpoint)))]
    assert told["log"][0]["status"] == 200
    assert told["log"][0]["answer_body"] == ""


def test_one_event_is_replayed_to_one_endpoint_with_the_same_id_and_bytes(app, client, receiver, endpoint):
    with receiving() as other_one:
        client.post(ENDPOINTS, json={"url": other_one.url})
        post(client)
        worker.drain(app)
        event = client.get("/v1/events").json["items"][0]["id"]

        response = client.post(f"{ENDPOINTS}/{endpoint}/replay", json={"event_id": event})
        worker.drain(app)

        first, second = receiver.requests
        assert (response.status_code, response.json) == (202, {"deliveries": 1})
        assert (first["body"], first["headers"]["webhook-id"]) == (second["body"], second["headers"]["webhook-id"])
        assert len(other_one.requests) == 1


def test_a_replay_reaches_an_endpoint_that_never_asked_for_the_event(app, client, receiver):
    post(client)
    worker.drain(app)
    id = client.post(ENDPOINTS, json={"url": receiver.url, "event_types": ["unlock.created"]}).json["id"]
    event = client.get("/v1/events").json["items"][0]["id"]

    client.post(f"{ENDPOINTS}/{id}/replay", json={"event_id": event})
    worker.drain(app)

    assert len(receiver.requests) == 1


def test_dead_letters_are_listed_and_replayed_by_time(app, client, receiver, endpoint, clock):
    receiver.answer = status(400)
    give_up(app, client, clock)
    between = endpoints.utc_now().isoformat()
    receiver.answers = [status(200)]
    post(client, "This is heard: nothing but failures would disable the endpoint.")
    worker.drain(app)
    give_up(app, client, clock, "Nobody hears this either.")
    dead = deliveries(client, endpoint, "?state=dead")
    receiver.requests.clear()
    receiver.answer = status(200)

    by_time = client.post(f"{ENDPOINTS}/{endpoint}/replay", json={"until": between}).json
    worker.drain(app)
    rest = client.post(f"{ENDPOINTS}/{endpoint}/replay").json
    worker.drain(app)

    assert len(dead) == 2
    assert (by_time, rest) == ({"deliveries": 1}, {"deliveries": 1})
    assert [request["headers"]["webhook-id"] for request in receiver.requests] == [
        row["event_id"] for row in reversed(dead)
    ]
    assert deliveries(client, endpoint, "?state=dead") == []


@pytest.mark.parametrize(
    "body",
    [
        {"event_id": "evt_none"}, {"event_id": ""}, {"event_id": "e" * 1_000}, {"event_id": "evt\x00"},
        {"event_id": "evt_1", "since": "2026-01-01T00:00:00Z"}, {"since": "yesterday"}, {"since": None}, {"all": True},
    ],
)  # fmt: skip
def test_a_wrong_replay_is_refused(client, endpoint, body):
    assert client.post(f"{ENDPOINTS}/{endpoint}/replay", json=body).status_code in (404, 422)


def test_a_given_up_delivery_and_a_disabled_endpoint_are_told_to_the_others(app, client, receiver, endpoint, clock):
    receiver.answer = status(400)
    with receiving() as watcher:
        body = {"url": watcher.url, "event_types": ["delivery.dead", "endpoint.disabled"]}
        client.post(ENDPOINTS, json=body)
        give_up(app, client, clock)
        receiver.answer = status(410)
        post(client, "Gone.")
        worker.drain(app)

        told = [json.loads(request["body"]) for request in watcher.requests]

    assert [event["type"] for event in told] == ["delivery.dead", "endpoint.disabled"]
    assert told[0]["data"]["endpoint_id"] == told[1]["data"]["id"] == endpoint
    assert (told[0]["data"]["event_type"], told[0]["data"]["attempts"]) == ("comment.published", 10)
    assert told[1]["data"]["because"] == "It answered 410 Gone."
    # The endpoint that did not take it was not told that it did not take it.
    assert "delivery.dead" not in {json.loads(request["body"])["type"] for request in receiver.requests}
