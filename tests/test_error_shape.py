"""Every error of every route of the API is a problem document of one shape."""

import re

import pytest

from moderation.views import API


def api_operations(app):
    """``(method, address)`` of every route of the API, with made-up ids."""
    names = {bp.name for bp in API}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] in names:
            address = re.sub(r"<[^>]+>", "none", rule.rule)
            yield from ((method, address) for method in sorted(rule.methods - {"HEAD", "OPTIONS"}))


MEMBERS = {"type", "title", "status", "detail", "instance", "code"}


def assert_is_problem(response, status):
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert set(response.json) >= MEMBERS
    assert response.json["status"] == status
    assert response.json["type"].endswith(f"/problems/{response.json['code']}")


def test_every_route_of_the_api_answers_a_stranger_with_one_shape(app, transaction):
    stranger = app.test_client()
    operations = list(api_operations(app))
    assert len(operations) > 10

    for method, address in operations:
        for headers in ({}, {"Authorization": "Bearer rdk_wrong"}, {"Authorization": "Basic eA=="}):
            response = stranger.open(address, method=method, headers=headers)
            assert_is_problem(response, 401)
            assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_every_route_of_the_api_answers_a_wrong_method_with_one_shape(app, client):
    for address in {address for _, address in api_operations(app)}:
        response = client.open(address, method="PROPFIND")

        assert_is_problem(response, 405)
        assert response.headers["Allow"]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1, 2", b"nothing"])
def test_every_route_with_a_body_answers_broken_json_with_one_shape(app, client, body):
    document = client.get("/v1/openapi.json").json
    with_body = [
        (method, re.sub(r"{\w+}", "none", path))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict) and "requestBody" in operation
    ]
    assert with_body

    for method, address in with_body:
        response = client.open(address, method=method.upper(), data=body, content_type="application/json")
        assert_is_problem(response, 400)
        assert response.json["code"] == "malformed_json"


def test_an_address_that_does_not_exist_is_a_problem_too(client):
    assert_is_problem(client.get("/v1/nothing-here"), 404)
