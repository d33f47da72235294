"""No JSON, id or address gets a fault out of the routes of the meter, and nothing is stored by what is refused."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.db import db
from moderation.services import sites
from tests.engagement import url
from tests.meter import counted, new_token, set_meter
from tests.test_bad_input import _JSON, is_problem

ROUTES = [
    ("put", "/v1/meter"),
    ("post", "/v1/readers/{id}/views"),
    ("post", "/v1/readers/{id}/merge"),
    ("post", "/v1/anonymous-readers"),
    ("post", "/v1/anonymous-readers/{id}/views"),
]
_WORD = st.text(st.characters(), max_size=20)
_NUMBER = st.integers(-2, 1_002) | st.integers()
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "window": st.sampled_from(["month", 1, 92, 93]) | _NUMBER | _JSON,
        "posts": _NUMBER | _JSON,
        "sections": st.dictionaries(_WORD, _NUMBER | _JSON, max_size=3) | _JSON,
        "post_id": _WORD | _JSON,
        "anonymous": st.just("anr_known") | _WORD | _JSON,
    },
)
_FEW = st.dictionaries(st.sampled_from(["post_id", "anonymous", "window"]), _JSON | _WORD, max_size=2)
_FREELY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
DEEP = '{"post_id": ' + "[" * 10_000 + "]" * 10_000 + "}"


@given(route=st.sampled_from(ROUTES), body=_BODY | _FEW | _JSON, id=st.sampled_from(["u-77", "known", "ü 5"]))
@_FREELY
def test_no_json_at_all_gets_a_fault(client, route, body, id):
    set_meter(client, 1)
    token = new_token(client)
    sent = json.dumps(body).replace("anr_known", token)
    address = route[1].format(id=quote(token if id == "known" else id))

    response = getattr(client, route[0])(address, data=sent, content_type="application/json")

    assert response.status_code < 500, response.text
    assert response.status_code < 400 or is_problem(response)


@given(route=st.sampled_from(ROUTES[1:]), id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
@_FREELY
def test_no_id_at_all_gets_a_fault(client, route, id):
    set_meter(client, 1)
    body = {"anonymous": "anr_none"} if "merge" in route[1] else {"post_id": "2041"}

    response = getattr(client, route[0])(route[1].format(id=quote(id, safe="")), json=body)

    # An id of slashes or dots leads elsewhere, or nowhere: never to a fault.
    assert response.status_code < 500, response.text


@pytest.mark.parametrize(("method", "address"), [route for route in ROUTES if route[1] != "/v1/anonymous-readers"])
@pytest.mark.parametrize("data", [DEEP, "[" * 100_000, "", '{"post_id": NaN}', '{"window": 1e400, "posts": 1}'])
def test_what_is_no_sound_json_changes_nothing(client, app, method, address, data):
    set_meter(client, 1)
    address = address.format(id=new_token(client) if "anonymous" in address else "u-77")
    before = counted(app)

    response = getattr(client, method)(address, data=data, content_type="application/json")

    assert is_problem(response), response.text[:500]
    assert response.status_code in (400, 422)
    assert counted(app) == before


@pytest.mark.parametrize("id", ["r" * 256, "r" * 1_000, "a%00b"])
def test_a_reader_of_no_possible_name_is_not_found(client, app, id):
    set_meter(client, 1)
    before = counted(app)

    for rest, body in (("views", {"post_id": "1"}), ("merge", {"anonymous": "anr_none"})):
        response = client.post(f"/v1/readers/{id}/{rest}", json=body)
        assert is_problem(response)
        assert response.status_code == 404
    assert counted(app) == before


@pytest.mark.parametrize("query", ["", "post_id=", "post_id=a%00", "post_id=1&colour=red", "post_id=" + "p" * 256])
def test_a_visitors_question_without_a_post_is_refused(client, query):
    response = client.get(f"/v1/anonymous-readers/{new_token(client)}/access?{query}")

    assert (response.status_code, response.json["code"]) == (422, "validation_failed")


def test_a_key_without_the_scope_counts_nothing(client, app):
    set_meter(client, 1)
    with app.app_context():
        site = sites.by_name(db.session(), "demo")
        key = sites.create_key(db.session(), site, scopes=["comments"], actor="test")[1]
        db.session.commit()
    weak = app.test_client()
    headers = {"Authorization": f"Bearer {key}"}
    before = counted(app)

    for method, address in [*ROUTES, ("get", "/v1/meter"), ("delete", "/v1/meter")]:
        response = weak.open(address.format(id="u-77"), method=method.upper(), json={}, headers=headers)
        assert (response.status_code, response.json["code"]) == (403, "forbidden")
    assert counted(app) == before
    assert client.get(url("/access?post_id=1")).json["meter_left"] == 1
