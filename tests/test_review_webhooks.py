"""Webhook endpoints at the desk: for admins, with the secret shown once, and nothing to be had by forgery."""

import json
import re
from html import unescape

import pytest
from standardwebhooks.webhooks import Webhook

from moderation import worker
from tests.receiver import ENDPOINTS, post, receiving, status

SECRET = re.compile(r'id="the-secret">([^<]+)<')
PAGE = "/demo/webhooks"


@pytest.fixture
def receiver(app, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def endpoint(client, receiver):
    return client.post(ENDPOINTS, json={"url": receiver.url}).json


def secret_on(page):
    found = SECRET.search(page)
    return unescape(found[1]) if found else None


def add(desk, url, types=("*",)):
    desk.get(PAGE)
    return desk.post(PAGE, url=url, event_types=list(types))


def test_an_admin_adds_an_endpoint_and_sees_its_secret_this_once(app, client, jo, receiver):
    answer = add(jo, receiver.url, ["comment.published", "comment.rejected"])
    secret = secret_on(answer.text)
    post(client)
    worker.drain(app)

    [made] = client.get(ENDPOINTS).json["items"]
    assert answer.status_code == 201
    assert made["event_types"] == ["comment.published", "comment.rejected"]
    assert Webhook(secret).verify(receiver.requests[0]["body"], receiver.requests[0]["headers"])
    assert secret not in jo.get(f"{PAGE}/{made['id']}").text + jo.get(PAGE).text
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("url", "types", "sentence"),
    [
        ("https://169.254.169.254/", ["*"], "private or reserved"),
        ("ftp://hooks.example/", ["*"], "https://"),
        ("", ["*"], "1"),
        ("https://hooks.example/", [], "1"),
        ("https://hooks.example/", ["comment.exploded"], "Must be one of"),
        ("https://hooks.example/\x00", ["*"], "NUL"),
        ("https://hooks.example/" + "a" * 3_000, ["*"], "2000"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field_and_nothing_is_added(client, jo, url, types, sentence):
    answer = add(jo, url, types)

    assert answer.status_code == 422
    assert sentence in re.search(r"invalid-feedback[^>]*>([^<]*)<", answer.text)[1]
    assert client.get(ENDPOINTS).json["items"] == []


def test_the_address_and_the_types_are_changed(client, jo, endpoint):
    at = f"{PAGE}/{endpoint['id']}"
    jo.get(at)

    jo.post(at, url="https://hooks.example/new", event_types=["comment.deleted"])
    refused = jo.post(at, url="https://localhost.", event_types=["comment.deleted"])

    changed = client.get(f"{ENDPOINTS}/{endpoint['id']}").json
    assert (changed["url"], changed["event_types"]) == ("https://hooks.example/new", ["comment.deleted"])
    assert refused.status_code == 422


def test_a_test_is_sent_and_its_answer_is_shown(app, jo, endpoint, receiver):
    def hello(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"<script>alert(1)</script>")

    receiver.answer = hello
    jo.get(f"{PAGE}/{endpoint['id']}")

    jo.post(f"{PAGE}/{endpoint['id']}/test")
    notice = jo.notice
    worker.drain(app)
    link = re.search(
        rf"/review(/demo/webhooks/{endpoint['id']}/deliveries/\w+)", jo.get(f"{PAGE}/{endpoint['id']}").text
    )
    page = jo.get(link[1]).text

    assert "A test is on its way." in notice
    assert json.loads(receiver.requests[0]["body"])["type"] == "endpoint.test"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "webhook-signature" in page


def test_a_new_secret_is_shown_once_and_the_old_one_signs_on(app, client, jo, endpoint, receiver):
    at = f"{PAGE}/{endpoint['id']}"
    jo.get(at)

    new = secret_on(jo.post(f"{at}/rotate").text)
    post(client)
    worker.drain(app)
    newest = secret_on(jo.post(f"{at}/rotate", at_once="y").text)

    [request] = receiver.requests
    assert all(Webhook(one).verify(request["body"], request["headers"]) for one in (endpoint["secret"], new))
    assert len({endpoint["secret"], new, newest}) == 3
    assert client.get(f"{ENDPOINTS}/{endpoint['id']}").json["rotating_until"] is None
    assert newest not in jo.get(at).text


def test_an_endpoint_is_disabled_and_enabled(client, jo, endpoint):
    at = f"{PAGE}/{endpoint['id']}"
    jo.get(at)

    jo.post(f"{at}/enabled", enabled="no")
    disabled = client.get(f"{ENDPOINTS}/{endpoint['id']}").json
    refused = jo.post(f"{at}/test").status_code
    jo.get(at)
    jo.post(f"{at}/enabled", enabled="yes")

    assert disabled["disabled_because"] == "It was disabled by hand."
    assert refused == 409
    assert client.get(f"{ENDPOINTS}/{endpoint['id']}").json["disabled_at"] is None


def test_one_event_and_all_dead_are_sent_again(app, client, jo, endpoint, receiver):
    at = f"{PAGE}/{endpoint['id']}"
    receiver.answers = [status(410)]
    post(client)
    worker.drain(app)
    jo.get(at)
    jo.post(f"{at}/enabled", enabled="yes")

    jo.post(f"{at}/replay")
    dead_sent, _ = jo.notice, worker.drain(app)
    event = client.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries").json["items"][0]["event_id"]
    jo.get(at)
    jo.post(f"{at}/replay", event=event)
    worker.drain(app)

    assert dead_sent == "1 is being sent again."
    assert [request["headers"]["webhook-id"] for request in receiver.requests] == [event] * 3


def test_an_endpoint_is_deleted(client, jo, endpoint):
    jo.get(f"{PAGE}/{endpoint['id']}")

    jo.post(f"{PAGE}/{endpoint['id']}/delete")

    assert jo.notice == "Deleted, with its secret and its log."
    assert client.get(ENDPOINTS).json["items"] == []


CHANGES = ["", "/rotate", "/enabled", "/test", "/replay", "/delete"]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_done_without_the_token_of_the_page(client, jo, endpoint, change):
    jo.get(PAGE)

    answer = jo.post(f"{PAGE}/{endpoint['id']}{change}", token="forged")

    assert answer.status_code == 400
    assert client.get(ENDPOINTS).json["items"][0]["disabled_at"] is None


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_but_an_admin_sees_or_changes_anything(client, sam, endpoint, change):
    sam.get("/demo/queues/pending")

    assert "Webhooks" not in sam.page
    assert sam.post(f"{PAGE}/{endpoint['id']}{change}").status_code == 403
    sam.get("/demo/queues/pending")
    assert sam.post(PAGE, url="https://hooks.example/").status_code == 403
    assert [sam.get(path).status_code for path in (PAGE, f"{PAGE}/{endpoint['id']}")] == [403, 403]


def test_another_sites_endpoint_is_as_good_as_missing(other, jo):
    theirs = other.post(ENDPOINTS, json={"url": "https://hooks.example/"}).json["id"]
    codes = [jo.get(f"{PAGE}/{theirs}").status_code]

    for change in CHANGES:
        jo.get(PAGE)
        codes.append(jo.post(f"{PAGE}/{theirs}{change}").status_code)

    assert codes == [404] * 7


@pytest.mark.parametrize("path", ["/whe_none", "/" + "w" * 1_000, "/%00", "/whe_none/deliveries/dlv_none"])
def test_a_strange_address_is_a_page_with_a_sentence(jo, path):
    assert jo.get(f"{PAGE}{path}").status_code == 404


@pytest.mark.parametrize("query", ["cursor=%00", "cursor=W10", "cursor=" + "a" * 600, "state=exploded"])
def test_a_strange_query_is_no_fault_of_ours(jo, endpoint, query):
    assert jo.get(f"{PAGE}/{endpoint['id']}?{query}").status_code < 500
