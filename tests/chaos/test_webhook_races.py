"""Webhooks when many act at once, and when workers are killed in the middle of it."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from moderation import worker
from tests.factories import FakeScoring
from tests.mail_server import serving
from tests.receiver import ENDPOINTS, receiving, status

ROOT = Path(__file__).parent.parent.parent
READERS, EVENTS, KILLS = 12, 60, 6


@pytest.fixture
def service(installation, monkeypatch):
    installation.app.extensions["scoring"] = FakeScoring()
    installation.app.config |= {"WEBHOOK_ALLOW_PRIVATE": True, "WEBHOOK_TIMEOUT_SECONDS": 1, "ENV": "development"}
    for name, value in (("ALLOW_PRIVATE", "1"), ("TIMEOUT_SECONDS", "1")):
        monkeypatch.setenv(f"REPLYDESK_WEBHOOK_{name}", value)
    return installation


def at_once(service, requests):
    """Send each request from a thread of its own, all at the same moment; return the answers in order."""
    begin = threading.Barrier(len(requests))
    key = service.client.environ_base["HTTP_AUTHORIZATION"]

    def send(request):
        method, path, body = request
        begin.wait(timeout=10)
        return service.app.test_client().open(path, method=method, json=body, headers={"Authorization": key})

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def test_reports_at_the_same_moment_are_numbered_and_counted_without_a_gap(service):
    id = service.submit("Good news for everyone.")["id"]
    flags = [
        ("POST", f"/v1/comments/{id}/flags", {"reader": {"id": f"u-{n}"}, "reason": "abuse"}) for n in range(READERS)
    ]

    answers = at_once(service, flags)

    told = service.client.get("/v1/events?type=comment.flagged").json["items"]
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(event["data"]["sequence"] for event in told) == list(range(2, READERS + 2))
    assert sorted(event["data"]["count"] for event in told) == list(range(1, READERS + 1))


def test_of_rotations_at_the_same_moment_every_secret_that_was_given_out_verifies(service):
    with receiving() as receiver:
        made = service.client.post(ENDPOINTS, json={"url": receiver.url}).json
        answers = at_once(service, [("POST", f"{ENDPOINTS}/{made['id']}/rotate", None)] * 4)
        service.submit("Good news for everyone.")
        worker.drain(service.app)

    [request] = receiver.requests
    secrets = [made["secret"], *(answer.json["secret"] for answer in answers)]
    assert len(set(secrets)) == 5
    assert all(Webhook(secret).verify(request["body"], request["headers"]) for secret in secrets)


def test_three_workers_send_each_event_once_while_the_secret_is_rotated(service):
    with receiving() as receiver:
        made = service.client.post(ENDPOINTS, json={"url": receiver.url}).json
        stop, secrets = threading.Event(), [made["secret"]]
        workers = [threading.Thread(target=worker.run, args=(service.app, stop)) for _ in range(3)]
        for thread in workers:
            thread.start()
        for number in range(EVENTS):
            service.submit(f"Good news, number {number}.")
            if number == EVENTS // 2:
                wait_for(lambda: receiver.requests)
                secrets.append(service.client.post(f"{ENDPOINTS}/{made['id']}/rotate").json["secret"])
        wait_for(lambda: len(receiver.requests) >= EVENTS)
        stop.set()
        for thread in workers:
            thread.join()

    assert len({request["headers"]["webhook-id"] for request in receiver.requests}) == EVENTS
    assert len(receiver.requests) == EVENTS
    # A receiver that knows the old secret alone has until tomorrow.
    assert all(Webhook(secrets[0]).verify(request["body"], request["headers"]) for request in receiver.requests)
    signatures = Counter(request["headers"]["webhook-signature"].count("v1,") for request in receiver.requests)
    assert set(signatures) == {1, 2}


def test_four_workers_that_wake_at_the_same_moment_send_one_digest_and_one_alert(service, monkeypatch):
    with serving() as mail, receiving() as chat:
        settings = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": mail.port, "SMTP_TLS": "none"}
        service.app.config |= settings
        monkeypatch.setenv("REPLYDESK_ENV", "development")
        words = ["--slack-url-stdin", "--queue-minutes", "1", "--digest-to", "a@b.example", "--digest-hour", "0"]
        assert service.run("alerts", "set", *words, input=chat.url).exit_code == 0
        service.submit("A silly plan.")
        later, stop = worker.utc_now() + timedelta(minutes=2), threading.Event()
        monkeypatch.setattr(worker, "utc_now", lambda: later)
        workers = [threading.Thread(target=worker.run, args=(service.app, stop)) for _ in range(4)]
        for thread in workers:
            thread.start()
        wait_for(lambda: mail.mails and chat.requests)
        # Time for a second one to come.
        time.sleep(1)
        stop.set()
        for thread in workers:
            thread.join()

    assert (len(mail.mails), len(chat.requests)) == (1, 1)


def wait_for(condition, seconds=30):
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.02)


@pytest.mark.slow
def test_workers_that_are_killed_lose_no_event_and_change_no_byte(service):
    def now_and_then(handler):
        time.sleep(random.uniform(0, 0.1))
        status(200)(handler)

    with receiving() as receiver:
        receiver.answer = now_and_then
        service.client.post(ENDPOINTS, json={"url": receiver.url})
        ids = {service.submit(f"Good news, number {number}.")["id"] for number in range(EVENTS)}
        for _ in range(KILLS):
            killed = start_worker()
            begun = len(receiver.requests)
            wait_for(lambda begun=begun: len(receiver.requests) > begun, seconds=15)
            time.sleep(random.uniform(0, 0.3))
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        receiver.answer = status(200)
        last = start_worker()
        wait_for(lambda: ids <= delivered(service), seconds=60)
        last.terminate()
        last.wait()

    bodies = {}
    for request in receiver.requests:
        bodies.setdefault(request["headers"]["webhook-id"], set()).add(request["body"])
    again = len(receiver.requests) - len(bodies)
    print(f"\n{KILLS} workers killed, {EVENTS} events, {again} sent again")  # noqa: T201 -- the figure is the point
    assert {json.loads(body)["data"]["id"] for found in bodies.values() for body in found} == ids
    assert {len(found) for found in bodies.values()} == {1}
    assert delivered(service) == ids


def start_worker():
    words = [sys.executable, "-m", "moderation.cli", "worker"]
    return subprocess.Popen(words, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def delivered(service):
    found = service.client.get("/v1/events?limit=200").json["items"]
    return {
        event["data"]["id"]
        for event in found
        if event["deliveries"][:1] and event["deliveries"][0]["state"] == "delivered"
    }
