"""Bad input, and what it gets: a 4xx problem document that names the field, nothing stored, no 5xx ever."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.db import db
from moderation.models import Comment, Event
from tests.factories import comment

MEMBERS = {"type", "title", "status", "detail", "instance", "code"}


def is_problem(response) -> bool:
    return (
        400 <= response.status_code < 500
        and response.content_type == "application/problem+json"
        and set(response.json) >= MEMBERS
        and response.json["status"] == response.status_code
    )


def stored(app) -> int:
    with app.app_context():
        return db.session.query(Comment).count() + db.session.query(Event).count()


def changed(path, value):
    body = copy.deepcopy(comment() | {"signals": {}})
    target = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return body


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/post"),
        ([], "#"),
        (7, "#"),
        (None, "#"),
        (changed(["text"], ""), "#/text"),
        (changed(["text"], 5), "#/text"),
        (changed(["text"], None), "#/text"),
        (changed(["text"], "x" * 1_000_000), "#/text"),
        (changed(["text"], "a\x00b"), "#/text"),
        (changed(["text"], "a\ud800b"), "#/text"),
        (changed(["text"], "a" + "\u0301" * 10_000), "#/text"),
        (changed(["txt"], "typo"), "#/txt"),
        (changed(["post"], {}), "#/post/id"),
        (changed(["post", "id"], ""), "#/post/id"),
        (changed(["post", "id"], "p" * 256), "#/post/id"),
        (changed(["post", "id"], "a\x00"), "#/post/id"),
        (changed(["post", "colour"], "red"), "#/post/colour"),
        (changed(["reader"], {}), "#/reader"),
        (changed(["reader"], {"id": "", "name": "Ana"}), "#/reader/id"),
        (changed(["reader", "name"], "\udfff"), "#/reader/name"),
        (changed(["reader", "roles"], "staff"), "#/reader/roles"),
        (changed(["reader", "roles"], [1]), "#/reader/roles/0"),
        (changed(["parent_id"], "cmt_unknown"), "#/parent_id"),
        (changed(["parent_id"], {"id": 1}), "#/parent_id"),
        (changed(["created_at"], "2999-01-01T00:00:00Z"), "#/created_at"),
        (changed(["created_at"], "1066-10-14T09:00:00Z"), "#/created_at"),
        (changed(["created_at"], "0001-01-01T00:00:00+23:59"), "#/created_at"),
        (changed(["created_at"], "2026-11-23T10:00:00"), "#/created_at"),
        (changed(["created_at"], "yesterday"), "#/created_at"),
        (changed(["created_at"], 1_700_000_000), "#/created_at"),
        (changed(["signals", "seconds_to_submit"], "soon"), "#/signals/seconds_to_submit"),
        (changed(["signals", "seconds_to_submit"], -1), "#/signals/seconds_to_submit"),
        (changed(["signals", "honeypot_filled"], "perhaps"), "#/signals/honeypot_filled"),
        (changed(["external_id"], "e" * 256), "#/external_id"),
        (changed(["a/b~c"], 1), "#/a~1b~0c"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(client, app, body, pointer):
    before = stored(app)

    response = client.post("/v1/comments", data=json.dumps(body), content_type="application/json")

    assert is_problem(response), response.text[:500]
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json["errors"]]
    assert stored(app) == before


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"text": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"text": ' + b"9" * 100_000 + b"}", "application/json", 400),
        (b"text=hello", "application/x-www-form-urlencoded", 415),
        (b'{"text": "hello"}', "text/plain", 415),
        (b'{"text": "' + b"x" * 5_000_000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_no_json_is_refused(client, app, data, content_type, status):
    before = stored(app)

    response = client.post("/v1/comments", data=data, content_type=content_type)

    assert is_problem(response), response.text[:500]
    assert response.status_code == status
    assert stored(app) == before


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic abc", "Bearer \xff", "bearer rdk_x"]
)
def test_a_wrong_key_is_refused(client, header):
    response = client.post("/v1/comments", json=comment(), headers={"Authorization": header})

    assert is_problem(response)
    assert (response.status_code, response.json["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("id", ["cmt_none", "%00", "%ff%fe", "x" * 3_000, "..%2f..", "%F0%9F%98%80"])
def test_an_odd_id_is_not_found(client, id):
    for response in (
        client.get(f"/v1/comments/{id}"),
        client.put(f"/v1/comments/{id}", json={"text": "x"}),
        client.delete(f"/v1/comments/{id}"),
    ):
        assert is_problem(response)
        assert response.status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=%%%",
        "cursor=bnVsbA",
        "cursor=%00",
        "status=gone",
        "colour=red",
        "post_id=",
    ],
)
def test_an_odd_query_is_refused(client, query):
    response = client.get(f"/v1/comments?{query}")

    assert is_problem(response)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(st.characters(), max_size=60) | _JSON,
        "post": st.fixed_dictionaries({}, optional={"id": st.text(max_size=8) | _JSON, "title": _JSON, "tags": _JSON})
        | _JSON,
        "reader": st.fixed_dictionaries({}, optional={"id": st.text(max_size=8) | _JSON, "roles": _JSON}) | _JSON,
        "parent_id": _JSON,
        "external_id": _JSON,
        "created_at": st.datetimes().map(lambda moment: moment.isoformat() + "Z") | _JSON,
        "signals": _JSON,
        "texts": st.lists(_JSON, max_size=4),
        "items": st.lists(_JSON, max_size=4),
        "status": st.sampled_from(["published", "rejected"]) | _JSON,
        "reason": _JSON,
        "thresholds": _JSON,
        "rules": st.lists(st.fixed_dictionaries({"rule": _JSON, "action": _JSON}), max_size=2) | _JSON,
        "note": _JSON,
    },
)
ROUTES = [
    ("post", "/v1/comments"),
    ("post", "/v1/comments/batch"),
    ("put", "/v1/comments/{id}"),
    ("post", "/v1/comments/{id}/flags"),
    ("post", "/v1/comments/{id}/appeals"),
    ("post", "/v1/comments/{id}/decisions"),
    ("post", "/v1/score"),
    ("put", "/v1/policy"),
]


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_at_all_gets_a_fault(client, data):
    method, path = data.draw(st.sampled_from(ROUTES))
    body = json.dumps(data.draw(_SHAPED | _JSON))
    id = client.post("/v1/comments", json=comment("That is silly.", external_id="target")).json["id"]
    headers = {"If-Match": data.draw(st.sampled_from(['"v1"', "*", "v1", 'W/"v1"', ""]))}

    response = getattr(client, method)(path.format(id=id), data=body, content_type="application/json", headers=headers)

    assert response.status_code < 500, response.text
    assert response.status_code < 400 or is_problem(response)


@given(raw=st.binary(max_size=200), path=st.sampled_from(ROUTES))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_at_all_get_a_fault(client, raw, path):
    response = getattr(client, path[0])(path[1].format(id="cmt_x"), data=raw, content_type="application/json")

    assert response.status_code < 500, response.text
    assert response.status_code < 400 or is_problem(response)
