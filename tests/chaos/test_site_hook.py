"""A hook in every bad mood, many comments at once: none is published that it did not allow, none is lost or late."""

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from moderation import hook_calls
from tests.factories import THRESHOLDS, FakeScoring, comment
from tests.receiver import receiving, reset, slow_body, slow_head, status
from tests.site_hook import says, set_hook

COMMENTS, THREADS, TIMEOUT_SECONDS = 240, 8, 0.3
# Threads wait their turn on a busy machine; a hook that is not cut off would take half a minute.
BUSY_SECONDS = 1.0


class Moody:
    """Answers each comment in a mood drawn by its text; remembers which ones it allowed."""

    def __init__(self, seed):
        self.allowed, self._seed = set(), seed

    def __call__(self, handler):
        text = json.loads(handler.sent["body"])["data"]["comment"]["text"]
        mood = random.Random(f"{self._seed} {text}").choice(MOODS)
        if mood == "allow":
            self.allowed.add(text)
            return says({"action": "publish"})(handler)
        return mood(handler)


def _late(handler):
    time.sleep(TIMEOUT_SECONDS * 2)
    says({"action": "publish"})(handler)


def _cut_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "30")
    handler.end_headers()
    handler.wfile.write(b'{"action": "publ')


MOODS = [
    "allow", "allow", "allow", reset, slow_head, slow_body, status(500), status(302, Location="http://127.0.0.1:1/"),
    _late, _cut_off, says(b"publish"), says({"action": "publish", "why": 1}), says({"action": ["publish"]}),
    says({"action": "publish"}, 503), says({"action": "reject"}), says({"action": "queue"}),
    lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n"),
]  # fmt: skip


@pytest.fixture(params=[5, 10_000], ids=["with its breaker", "without a breaker"])
def desk(installation, monkeypatch, request):
    """An installation that publishes all by itself, so that only the hook holds anything back."""
    monkeypatch.setattr(hook_calls, "FAILURES_TO_OPEN", request.param)
    monkeypatch.setattr(hook_calls, "OPEN_SECONDS", 0.05)
    hook_calls._breakers.clear()
    installation.app.extensions["scoring"] = FakeScoring()
    installation.app.config["WEBHOOK_ALLOW_PRIVATE"] = True
    params = {"timeout_ms": int(TIMEOUT_SECONDS * 1_000)}
    rule = {"rule": "site_hook", "action": "queue", "params": params}
    saved = installation.client.put("/v1/policy", json={"thresholds": THRESHOLDS, "rules": [rule]})
    assert saved.status_code == 200, saved.json
    return installation


@pytest.fixture
def took(monkeypatch):
    """How long each question held its comment up: scoring and writing apart."""
    ask, seconds = hook_calls.ask, []

    def timed(question, **more):
        began = time.monotonic()
        asked = ask(question, **more)
        seconds.append(time.monotonic() - began)
        return asked

    monkeypatch.setattr(hook_calls, "ask", timed)
    return seconds


def send_all(installation, texts):
    """Send each text from one of several threads; return the answers."""
    local = threading.local()

    def send(text):
        if not hasattr(local, "client"):
            local.client = installation.app.test_client()
            local.client.environ_base.update(installation.client.environ_base)
        return local.client.post("/v1/comments", json=comment(text, external_id=text))

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(send, texts))


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_published_that_it_did_not_allow_and_nothing_is_lost_or_late(desk, took, seed):
    moody, texts = Moody(seed), [f"Comment {n}." for n in range(COMMENTS)]
    with receiving() as receiver:
        receiver.answer = moody
        set_hook(desk.client, receiver.url)

        answers = send_all(desk, texts)

    assert {answer.status_code for answer in answers} == {201}
    stored = list(all_comments(desk.client))
    assert sorted(item["text"] for item in stored) == sorted(texts)
    published = {item["text"] for item in stored if item["status"] == "published"}
    assert published - moody.allowed == set()
    assert published
    assert len(took) == COMMENTS
    assert max(took) < TIMEOUT_SECONDS + BUSY_SECONDS


@pytest.mark.parametrize("seed", [3, 4])
def test_a_batch_keeps_the_same_promise(desk, seed):
    moody, texts = Moody(seed), [f"Comment {n}." for n in range(COMMENTS)]
    with receiving() as receiver:
        receiver.answer = moody
        set_hook(desk.client, receiver.url)

        answer = desk.client.post("/v1/comments/batch", json={"items": [comment(text) for text in texts]})

    stored = [item["comment"] for item in answer.json["items"]]
    assert [item["text"] for item in stored] == texts
    published = {item["text"] for item in stored if item["status"] == "published"}
    assert published - moody.allowed == set()
    assert published


def all_comments(client):
    cursor = ""
    while cursor is not None:
        page = client.get(f"/v1/comments?limit=200{cursor and '&cursor=' + cursor}").json
        yield from page["items"]
        cursor = page["next_cursor"]
