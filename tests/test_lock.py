"""Nobody waits for a lock while a comment is scored: the database is only held to be written to."""

import json
import time
from threading import Thread

import pytest

from moderation import scoring
from tests.factories import comment
from tests.site_hook import a_site_that_is_asked, says

# Below the five seconds that a locked database is waited for, and long beside any request.
SCORING_SECONDS = 3


@pytest.fixture
def slow_scoring(installation, monkeypatch):
    """Scoring that takes its time and tells how long another request needed meanwhile."""
    score, took = scoring.Scoring.score, []

    def another():
        began = time.monotonic()
        client = installation.app.test_client()
        client.environ_base.update(installation.client.environ_base)
        assert client.put("/v1/posts/2041", json={"title": "Bridge reopens"}).status_code < 300
        took.append(time.monotonic() - began)

    def slow(self, texts, *more):
        thread = Thread(target=another)
        thread.start()
        time.sleep(SCORING_SECONDS)
        thread.join()
        return score(self, texts, *more)

    monkeypatch.setattr(scoring.Scoring, "score", slow)
    return took


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/v1/comments", comment()),
        ("/v1/comments/batch", {"items": [comment()]}),
    ],
)
def test_another_request_writes_while_a_comment_is_scored(installation, slow_scoring, address, body):
    response = installation.client.post(address, json=body, headers={"Idempotency-Key": "k-1"})

    assert response.status_code in (200, 201), response.json
    assert slow_scoring[0] < SCORING_SECONDS


def test_another_request_writes_while_an_edit_is_scored(installation, request):
    id = installation.submit("Good news for everyone who commutes.")["id"]
    took = request.getfixturevalue("slow_scoring")

    response = installation.client.put(f"/v1/comments/{id}", json={"text": "Good news for all who commute."})

    assert response.status_code == 200, response.json
    assert took[0] < SCORING_SECONDS


def test_another_request_writes_while_the_akismet_door_scores(installation, request):
    key = json.loads(installation.run("key", "create", "demo", "--door", "akismet", "--json").stdout)["key"]
    took = request.getfixturevalue("slow_scoring")

    form = {"api_key": key, "blog": "https://news.example", "user_ip": "203.0.113.9", "comment_content": "Good news."}
    response = installation.client.post("/1.1/comment-check", data=form)

    assert response.get_data() == b"false"
    assert took[0] < SCORING_SECONDS


@pytest.mark.parametrize(
    ("address", "body"), [("/v1/comments", comment()), ("/v1/comments/batch", {"items": [comment()]})]
)
def test_another_request_writes_while_the_site_is_asked(installation, monkeypatch, address, body):
    with a_site_that_is_asked(installation.app, installation.client, monkeypatch, timeout_ms=1_000) as receiver:
        took = []

        def answer(handler):
            began = time.monotonic()
            client = installation.app.test_client()
            client.environ_base.update(installation.client.environ_base)
            assert client.put("/v1/posts/2041", json={"title": "Bridge reopens"}).status_code < 300
            took.append(time.monotonic() - began)
            says({"action": "none"})(handler)

        receiver.answer = answer
        response = installation.client.post(address, json=body)

    assert response.status_code in (200, 201), response.json
    assert len(took) == 1
    assert took[0] < SCORING_SECONDS
