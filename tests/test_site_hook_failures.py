import json
import time

import pytest

from moderation import hook_calls
from moderation.policy import Action, Facts, HookAnswer, Policy, Rule, Status, decide
from tests.factories import comment
from tests.receiver import big_body, post, reset, slow_head, status
from tests.site_hook import a_site_that_is_asked, last_decision, says

PLAIN = {"characters": 20, "visible_characters": 17}
NO_ANSWERS = [
    b"", b"publish", b'"publish"', b"[]", b"{}", b'{"action": "publish"', b'{"action": "PUBLISH"}', b'{"action": null}',
    b'{"action": ["publish"]}', b'{"action": "publish", "note": ""}', b'{"action": "publish", "reason": "because"}',
    b'{"action": "publish", "detail": 5}', b'{"action": "publish", "detail": "a\\u0000b"}',
    b'{"action": "reject", "action": "publish"}', b"[" * 5_000, b"\xff\xfe",
    json.dumps({"action": "publish", "detail": "a" * 501}).encode(),
    b'{"action": "publish"}' + b" " * 16_384,
]  # fmt: skip


@pytest.mark.parametrize("body", NO_ANSWERS, ids=range(len(NO_ANSWERS)))
def test_an_answer_that_does_not_fit_is_none(client, hook, body):
    hook.answer = says(body)

    stored = post(client)

    assert (stored["status"], stored["reasons"][0]["code"]) == ("pending", "site_hook")
    assert last_decision(client, stored["id"])["hook"]["error"]


@pytest.mark.parametrize("code", [201, 204, 301, 307, 404, 500, 503])
def test_another_status_than_200_is_no_answer(client, hook, code):
    hook.answer = says({"action": "publish"}, code, Location=hook.url)

    assert post(client)["status"] == "pending"
    assert len(hook.requests) == 1


@pytest.mark.parametrize("answer", [slow_head, reset, big_body, lambda _handler: time.sleep(2)])
def test_a_hook_that_fails_on_the_network_queues_within_its_time(client, hook, answer):
    hook.answer = answer
    began = time.monotonic()

    assert post(client)["status"] == "pending"
    assert time.monotonic() - began < 1.0


def test_a_look_up_of_the_name_that_hangs_costs_no_more_than_the_time_either(client, hook, monkeypatch):
    monkeypatch.setattr("moderation.webhook_client.socket.getaddrinfo", lambda *_, **__: time.sleep(2))
    began = time.monotonic()

    assert post(client)["status"] == "pending"
    assert time.monotonic() - began < 1.0


def test_without_an_answer_the_rule_may_reject_but_never_publish(app, client, monkeypatch):
    with a_site_that_is_asked(app, client, monkeypatch, action="reject") as hook:
        hook.answer = status(500)

        assert post(client)["status"] == "rejected"
    refused = client.put("/v1/policy", json={"thresholds": {}, "rules": [{"rule": "site_hook", "action": "publish"}]})
    assert refused.json["errors"][0]["pointer"] == "#/rules/0/action"


def test_a_rule_without_a_hook_queues(client, hook):
    client.delete("/v1/hook")

    assert post(client)["status"] == "pending"
    assert hook.requests == []


def test_a_batch_waits_no_longer_than_its_time_and_what_is_left_waits_for_people(client, hook, monkeypatch):
    monkeypatch.setattr(hook_calls, "BATCH_SECONDS", 0.3)
    monkeypatch.setattr(hook_calls, "FAILURES_TO_OPEN", 1_000)
    hook.answer = lambda handler: time.sleep(0.2) or says({"action": "publish"})(handler)
    began = time.monotonic()

    items = client.post("/v1/comments/batch", json={"items": [comment(f"No. {n}.") for n in range(40)]}).json["items"]

    assert time.monotonic() - began < 1.5
    statuses = [item["comment"]["status"] for item in items]
    assert 0 < statuses.count("published") <= len(hook.requests) < 40
    assert statuses.count("pending") == 40 - statuses.count("published")


def test_after_five_failures_a_hook_is_left_alone_until_one_comment_tries_again(client, hook, monkeypatch):
    monkeypatch.setattr(hook_calls, "OPEN_SECONDS", 0.2)
    hook.answer = status(500)
    for number in range(7):
        assert post(client, f"No. {number}.")["status"] == "pending"
    assert len(hook.requests) == 5
    assert b"replydesk_site_hooks_open 1.0" in client.get("/metrics").data

    time.sleep(0.25)
    hook.answer = says({"action": "publish"})
    later = [post(client, f"Later {number}.")["status"] for number in range(3)]

    assert (later, len(hook.requests)) == (["published"] * 3, 8)
    assert b"replydesk_site_hooks_open 0.0" in client.get("/metrics").data


def test_the_hook_s_row_tells_that_it_fails_and_that_it_works_again(client, hook, jo):
    hook.answer = status(500)
    post(client)
    told = client.get("/v1/hook").json
    assert (told["last_error"], told["recovered_at"]) == ("It answered with the status 500.", None)
    assert "It gives no answers since" in jo.get("/demo/policy").text

    hook.answer = says({"action": "none"})
    post(client, "Another one.")

    assert client.get("/v1/hook").json["recovered_at"] is not None
    assert "It asks http://127.0.0.1" in jo.get("/demo/policy").text


def verdict(scores, answer, action=Action.QUEUE, **params):
    rule = Rule("site_hook", action, params={"timeout_ms": 500, "dry_run": False} | params)
    return decide(scores, Policy(1, {}, [rule]), Facts(**PLAIN, hook=answer)).status


def test_not_asked_is_no_answer_and_no_answer_never_publishes():
    for answer in (None, HookAnswer(), HookAnswer(error="late")):
        assert verdict({}, answer) is Status.PENDING
        assert verdict({}, answer, Action.REJECT) is Status.REJECTED
        # Whoever wrote it past the API's checks.
        assert verdict({}, answer, Action.PUBLISH) is Status.PENDING


def test_what_no_model_has_seen_is_not_published_by_the_site_s_word_alone():
    assert verdict(None, HookAnswer("publish")) is Status.PENDING
    assert verdict({}, HookAnswer("publish")) is Status.PUBLISHED
