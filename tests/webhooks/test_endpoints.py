"""Endpoints over their life: changed, tested, rotated, disabled, enabled, replayed to; and their log."""

import json
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from moderation import worker
from moderation.services import endpoints
from tests.receiver import ENDPOINTS, deliveries, post, receiving, status


def test_an_endpoint_is_read_without_its_secret(client, endpoint):
    read = client.get(f"{ENDPOINTS}/{endpoint}").json

    assert read["id"] == endpoint
    assert read["rotating_until"] is None
    assert "secret" not in json.dumps(read)


def test_a_change_of_the_address_holds_for_what_waits(app, client, receiver, endpoint):
    post(client)
    with receiving() as elsewhere:
        response = client.patch(f"{ENDPOINTS}/{endpoint}", json={"url": elsewhere.url})
        worker.drain(app)

        assert (response.status_code, response.json["url"]) == (200, elsewhere.url)
        assert (len(receiver.requests), len(elsewhere.requests)) == (0, 1)


def test_a_change_of_the_types_holds_for_new_events(app, client, receiver, endpoint):
    client.patch(f"{ENDPOINTS}/{endpoint}", json={"event_types": ["comment.rejected"]})
    post(client)
    post(client, "You idiot.")

    worker.drain(app)

    assert [json.loads(request["body"])["type"] for request in receiver.requests] == ["comment.rejected"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "https://169.254.169.254/"}, "#/url"),
        ({"url": None}, "#/url"),
        ({"event_types": []}, "#/event_types"),
        ({"event_types": ["comment.exploded"]}, "#/event_types/0"),
        ({"enabled": "no"}, "#/enabled"),
        ({"enabled": 1}, "#/enabled"),
        ({"secret": "whsec_mine"}, "#/secret"),
    ],
)
def test_a_wrong_change_is_refused_by_the_field_and_nothing_changes(app, client, endpoint, monkeypatch, body, pointer):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", False)
    before = client.get(f"{ENDPOINTS}/{endpoint}").json

    response = client.patch(f"{ENDPOINTS}/{endpoint}", json=body)

    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, pointer)
    assert client.get(f"{ENDPOINTS}/{endpoint}").json == before


def test_a_disabled_endpoint_gets_nothing_until_it_is_enabled_again(app, client, receiver, endpoint):
    client.patch(f"{ENDPOINTS}/{endpoint}", json={"enabled": False})
    post(client, "In between.")
    worker.drain(app)
    in_between = len(receiver.requests)

    enabled = client.patch(f"{ENDPOINTS}/{endpoint}", json={"enabled": True}).json
    post(client, "Afterwards.")
    worker.drain(app)

    assert (in_between, len(receiver.requests)) == (0, 1)
    assert (enabled["disabled_at"], enabled["disabled_because"]) == (None, "")


def test_an_endpoint_that_is_enabled_after_five_days_of_failures_has_five_new_days(
    app, client, receiver, secret, clock
):
    receiver.answer = status(500)
    for number in range(6):
        post(client, f"Comment {number}.")
        worker.drain(app)
        clock.shift(timedelta(days=1))
    disabled = client.get(ENDPOINTS).json["items"][0]

    client.patch(f"{ENDPOINTS}/{disabled['id']}", json={"enabled": True})
    post(client, "Once more.")
    worker.drain(app)

    assert disabled["disabled_because"] == "It only failed for 5 days."
    assert client.get(f"{ENDPOINTS}/{disabled['id']}").json["disabled_at"] is None


def test_a_test_delivery_goes_to_this_endpoint_alone(app, client, receiver, endpoint, secret):
    with receiving() as other_one:
        client.post(ENDPOINTS, json={"url": other_one.url})
        client.patch(f"{ENDPOINTS}/{endpoint}", json={"event_types": ["comment.deleted"]})

        response = client.post(f"{ENDPOINTS}/{endpoint}/test")
        worker.drain(app)

        assert (response.status_code, response.json["state"]) == (202, "waiting")
        [request] = receiver.requests
        told = Webhook(secret).verify(request["body"], request["headers"])
        assert (told["type"], told["data"]["hello"]) == ("endpoint.test", "world")
        assert other_one.requests == []
    assert deliveries(client, endpoint)[0]["state"] == "delivered"


@pytest.mark.parametrize("call", ["test", "replay"])
def test_to_a_disabled_endpoint_nothing_can_be_sent_by_hand(client, endpoint, call):
    client.patch(f"{ENDPOINTS}/{endpoint}", json={"enabled": False})

    response = client.post(f"{ENDPOINTS}/{endpoint}/{call}")

    assert (response.status_code, response.json["code"]) == (409, "state_forbids")


def verifies(secret, request):
    try:
        Webhook(secret).verify(request["body"], request["headers"])
    except WebhookVerificationError:
        return False
    return True


def test_during_a_rotation_both_secrets_verify_and_after_it_the_new_one_alone(
    app, client, receiver, endpoint, secret, monkeypatch
):
    rotated = client.post(f"{ENDPOINTS}/{endpoint}/rotate")
    post(client)
    worker.drain(app)
    # The library compares with the real clock, so the overlap is ended and not the clock moved.
    after = endpoints.utc_now() + timedelta(hours=25)
    monkeypatch.setattr(worker, "utc_now", lambda: after)
    post(client, "A day later.")
    worker.drain(app)

    during, afterwards = receiver.requests
    new = rotated.json["secret"]
    assert rotated.status_code == 200
    assert new != secret
    assert [verifies(secret, during), verifies(new, during)] == [True, True]
    assert [verifies(secret, afterwards), verifies(new, afterwards)] == [False, True]


def test_a_rotation_without_overlap_ends_every_old_secret_now(app, client, receiver, endpoint, secret):
    second = client.post(f"{ENDPOINTS}/{endpoint}/rotate").json["secret"]

    third = client.post(f"{ENDPOINTS}/{endpoint}/rotate", json={"overlap_hours": 0}).json
    post(client)
    worker.drain(app)

    [request] = receiver.requests
    assert [verifies(one, request) for one in (secret, second, third["secret"])] == [False, False, True]
    assert third["rotating_until"] is None


def test_no_old_secret_is_dropped_before_its_time(client, endpoint):
    codes = [client.post(f"{ENDPOINTS}/{endpoint}/rotate").status_code for _ in range(5)]

    assert codes == [200] * 4 + [409]


@pytest.mark.parametrize("body", [{"overlap_hours": -1}, {"overlap_hours": 169}, {"overlap_hours": "1"}, {"hours": 1}])
def test_a_wrong_overlap_is_refused_and_the_secret_stays(app, client, receiver, endpoint, secret, body):
    response = client.post(f"{ENDPOINTS}/{endpoint}/rotate", json=body)
    post(client)
    worker.drain(app)

    assert response.status_code == 422
    assert verifies(secret, receiver.requests[0])


def test_a_dry_run_of_a_rotation_leaves_the_secret(app, client, receiver, endpoint, secret):
    client.post(f"{ENDPOINTS}/{endpoint}/rotate?dry_run=true")
    post(client)
    worker.drain(app)

    assert verifies(secret, receiver.requests[0])


def test_another_site_touches_none_of_it(client, other, endpoint):
    post(client)
    [delivery] = [client.post(f"{ENDPOINTS}/{endpoint}/test").json["id"]]
    client.post(f"{ENDPOINTS}", json={"url": "https://hooks.example/"})
    theirs = other.post(f"{ENDPOINTS}", json={"url": "https://hooks.example/"}).json["id"]

    answers = [
        other.get(f"{ENDPOINTS}/{endpoint}"),
        other.patch(f"{ENDPOINTS}/{endpoint}", json={"enabled": False}),
        other.post(f"{ENDPOINTS}/{endpoint}/rotate"),
        other.post(f"{ENDPOINTS}/{endpoint}/test"),
        other.post(f"{ENDPOINTS}/{endpoint}/replay"),
        other.get(f"{ENDPOINTS}/{endpoint}/deliveries"),
        other.get(f"{ENDPOINTS}/{endpoint}/deliveries/{delivery}"),
        other.get(f"{ENDPOINTS}/{theirs}/deliveries/{delivery}"),
        other.post(f"{ENDPOINTS}/{theirs}/replay", json={"event_id": client.get("/v1/events").json["items"][0]["id"]}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 9
