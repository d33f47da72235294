"""The API's own description: complete enough for generators, linters and people."""

from typing import Any

import pytest

from docs import examples
from moderation.openapi import EXAMPLES

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def document(app: Any) -> Any:
    return app.test_client().get("/v1/openapi.json").json


@pytest.fixture(scope="module")
def operations(document: Any) -> Any:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def names(operation: Any) -> Any:
    return {parameter["name"] for parameter in operation["parameters"]}


def test_every_operation_has_a_name_of_its_own_a_title_and_says_which_scope_it_needs(operations):
    ids = [operation["operationId"] for operation in operations.values()]

    assert len(set(ids)) == len(ids)
    for operation in operations.values():
        assert operation["summary"]
        assert "Needs a key with the scope `" in operation["description"]
        assert len(operation["tags"]) == 1


def test_every_error_is_a_problem_document(document, operations):
    for operation in operations.values():
        errors = {status: answer for status, answer in operation["responses"].items() if not status.startswith("2")}
        assert {"401", "403", "429", "503", "default"} <= set(errors)
        for status, answer in errors.items():
            if status != "304":
                told = document["components"]["responses"].get(answer.get("$ref", "").rpartition("/")[2], answer)
                assert list(told["content"]) == [PROBLEM], answer


def test_every_change_can_be_tried_and_every_post_takes_a_key(operations):
    for words, operation in operations.items():
        reads = words.startswith("GET ") or words == "POST /v1/score"
        assert ("dry_run" in names(operation)) is not reads, words
        assert ("Idempotency-Key" in names(operation)) is (words.startswith("POST ") and not reads), words


def test_a_stale_change_is_announced_where_it_can_be_refused(operations):
    decide = operations["POST /v1/comments/{id}/decisions"]

    assert {"412", "428"} <= set(decide["responses"])
    assert "412" in operations["PUT /v1/policy"]["responses"]
    assert "412" not in operations["GET /v1/policy"]["responses"]


def test_a_rule_across_fields_stands_in_the_document(document):
    schemas = document["components"]["schemas"]

    assert schemas["ReaderIn"]["not"] == {"properties": {"id": {"type": "null"}, "name": {"maxLength": 0}}}
    assert {"const": "month"} in schemas["PlanIn"]["properties"]["period"]["anyOf"]
    assert "toxicity" in schemas["PolicyIn"]["properties"]["thresholds"]["propertyNames"]["enum"]


@pytest.mark.parametrize("word", ["dryrun=true", "dry-run=1", "dry_run=true&force=1"])
def test_a_misspelt_dry_run_does_nothing(client, word):
    client.post("/v1/readers/u-77/grants", json={"unlocks": 5, "kind": "gift"})

    answer = client.delete(f"/v1/readers/u-77?{word}")

    assert (answer.status_code, answer.json["errors"][0]["detail"]) == (422, "Unknown parameter.")
    assert client.get("/v1/readers/u-77").json["unlock_left"] == 5


def test_a_reading_call_refuses_what_it_does_not_know(client):
    answer = client.get("/v1/readers/u-77?post_id=1")

    assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (422, "post_id")


def test_a_dry_run_too_refuses_a_malformed_idempotency_key(client):
    headers = {"Idempotency-Key": "a b"}

    answer = client.post("/v1/readers/u-77/grants?dry_run=true", json={"unlocks": 5, "kind": "gift"}, headers=headers)

    assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize(("value", "status"), [(True, 200), (False, 200), (1, 422), (0, 422), ("true", 422)])
def test_yes_and_no_are_json_booleans(client, value, status):
    answer = client.post("/v1/score", json={"texts": ["Hello."], "explain": value})

    assert answer.status_code == status


@pytest.mark.parametrize(("value", "status"), [(5, 201), (5.0, 201), (5.5, 422), ("5", 422), (True, 422), (1e400, 400)])
def test_whole_numbers_are_those_of_json_schema(client, value, status):
    answer = client.post("/v1/readers/u-77/grants", json={"unlocks": value, "kind": "gift"})

    assert answer.status_code == status


def test_every_operation_shows_an_answer_that_the_service_gave_and_a_body_that_it_took(operations):
    for words, operation in operations.items():
        shown = [
            kind["example"]
            for answer in operation["responses"].values()
            for kind in answer.get("content", {}).values()
            if "example" in kind
        ]
        assert shown or "204" in operation["responses"], words
        if "requestBody" in operation:
            assert "example" in operation["requestBody"]["content"]["application/json"], words


def test_the_examples_are_those_of_this_code():
    kept = EXAMPLES.read_text()

    assert examples.written() == kept, "write them anew: make docs"
