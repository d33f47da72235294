"""No JSON, cursor or address gets a fault out of the routes of readers, plans and posts."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.views import API
from tests.engagement import give, problem, sell, subscribe, unlock
from tests.test_bad_input import _JSON, is_problem

ROUTES = [
    ("post", "/v1/readers/{id}/unlocks"),
    ("post", "/v1/readers/{id}/grants"),
    ("post", "/v1/readers/{id}/grants/refunds"),
    ("put", "/v1/readers/{id}/subscription"),
    ("post", "/v1/readers/{id}/subscription/cancel"),
    ("post", "/v1/readers/{id}/subscription/renew"),
    ("post", "/v1/readers/{id}/subscription/change"),
    ("post", "/v1/readers/{id}/subscription/pause"),
    ("post", "/v1/readers/{id}/subscription/resume"),
    ("put", "/v1/plans/{id}"),
    ("put", "/v1/posts/{id}"),
]
_WORD = st.text(st.characters(), max_size=20)
_NUMBER = st.integers(-2, 2_000_000) | st.integers(3_600, 3_700) | st.integers()
_MOMENT = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "post_id": _WORD | _JSON,
        "unlocks": _NUMBER | _JSON,
        "kind": st.sampled_from(["bundle", "gift", "plan"]) | _JSON,
        "reference": _WORD | _JSON,
        "refund_reference": _WORD | _JSON,
        "expires_at": _MOMENT | _JSON,
        "plan": st.sampled_from(["monthly", "open"]) | _JSON,
        "at": st.sampled_from(["now", "period_end"]) | _JSON,
        "period": st.sampled_from(["month", None, 1, 3_660]) | _NUMBER | _JSON,
        "rollover_cap": _NUMBER | _JSON,
        "trial_days": _NUMBER | _JSON,
        "grace_days": _NUMBER | _JSON,
        "opens": st.fixed_dictionaries({}, optional={"all": _JSON, "sections": st.lists(_WORD), "tags": _JSON}) | _JSON,
        "free": st.booleans() | _JSON,
        "comments": st.sampled_from(["open", "closed"]) | _JSON,
        "tags": st.lists(_WORD, max_size=3) | _JSON,
    },
)
# A body of few right fields is what gets furthest.
_FEW = st.dictionaries(st.sampled_from(["post_id", "plan", "at", "reference", "period"]), _JSON | _WORD, max_size=2)
_FREELY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@given(route=st.sampled_from(ROUTES), body=_BODY | _FEW | _JSON, id=st.sampled_from(["u-77", "monthly", "ü 5"]))
@_FREELY
def test_no_json_at_all_gets_a_fault(client, route, body, id):
    sell(client)
    sell(client, "open", period=None)

    response = getattr(client, route[0])(
        route[1].format(id=quote(id)), data=json.dumps(body), content_type="application/json"
    )

    assert response.status_code < 500, response.text
    assert response.status_code < 400 or is_problem(response)


@given(route=st.sampled_from(ROUTES), id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
@_FREELY
def test_no_id_at_all_gets_a_fault(client, route, id):
    body = {"post_id": "2041"} if "unlocks" in route[1] else {}

    response = getattr(client, route[0])(route[1].format(id=quote(id, safe="")), json=body)

    # An id of slashes or dots leads elsewhere, or nowhere: never to a fault.
    assert response.status_code < 500, response.text


CURSORS = [
    "%%%", "bnVsbA", *(
        base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
        for value in (
            [], [None], ["a", "b"], {"a": 1}, ["\ud800"], ["a\x00"], [1.5, "\udfff"], [1.5, "\x00"], [-1], [10**30],
            [True], [1e308], "x", 5,
        )
    ),
]  # fmt: skip


def lists(app):
    """The addresses of everything that is read a page at a time."""
    api = {bp.name for bp in API}
    pages = [
        rule.rule.replace("<reader_id>", "u-77").replace("<post_id>", "2041")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.split(".")[0] in api and "GET" in rule.methods
    ]
    return [page for page in pages if "<" not in page]


@pytest.mark.parametrize("cursor", CURSORS)
def test_no_cursor_at_all_gets_a_fault(client, app, cursor):
    sell(client)
    give(client)
    unlock(client)
    subscribe(client)
    pages = lists(app)
    assert {"/v1/plans", "/v1/readers/u-77/unlocks", "/v1/readers/u-77/ledger", "/v1/comments"} <= set(pages)

    for page in pages:
        response = client.get(f"{page}?cursor={cursor}")

        assert response.status_code < 500, (page, response.text)
    for page in ("/v1/plans", "/v1/readers/u-77/unlocks", "/v1/readers/u-77/ledger"):
        code = problem(client.get(f"{page}?cursor={cursor}"))
        assert code in ((400, "cursor_invalid"), (422, "validation_failed")), page
