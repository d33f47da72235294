"""The OpenAPI document: what flask-smorest writes from the schemas, completed with what holds everywhere.

Source: OpenAPI 3.1.0, JSON Schema 2020-12. What a client reads here is what the server does: the errors of each
operation with their own media type, the headers of the conventions, and limits on ids.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, json, request
from flask_smorest import Api
from marshmallow import Schema

from moderation.auth import LONGEST_ID, SCOPE_OF
from moderation.schemas.base import NO_NUL, StrictSchema
from moderation.schemas.problem import ProblemOut
from moderation.services.plans import MOST_NAME

# Made by docs/examples.py from answers that the service gave.
EXAMPLES = Path(__file__).parent / "examples.json"
PROBLEM = "application/problem+json"
_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/ProblemOut"}
# Of what stands in an address; everything else is an id.
_LONGEST = {"plan": MOST_NAME}
_METHODS = ("get", "post", "put", "patch", "delete")
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
ERRORS = {
    "400": "The body is no JSON, or a cursor or an Idempotency-Key is malformed.",
    "401": "No key, or one that is unknown, expired or revoked.",
    "403": "The key lacks the scope.",
    "404": "There is no such thing on this site.",
    "409": "The present state forbids it.",
    "412": "It changed since the ETag in If-Match was seen; `current` says to what.",
    "413": "The body is larger than this service accepts.",
    "415": "The body is not sent as JSON.",
    "422": "The body or a parameter is not valid; `errors` names each field and why.",
    "428": "If-Match is missing.",
    "429": "Too many requests; Retry-After says when to go on.",
    "503": "Nothing was stored: the database or the model cannot answer now. Retry-After says when to try again.",
}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "The same key with the same body answers what was answered before, and does nothing again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
    "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
}
DRY_RUN = {
    "in": "query",
    "name": "dry_run",
    "required": False,
    "description": "Answer what would happen and change nothing.",
    "schema": {"type": "boolean", "default": False},
}
HEADERS = {
    "RateLimitPolicy": {
        "description": "How often this key may call: `q` times in `w` seconds.",
        "schema": {"type": "string"},
        "example": '"key";q=60000;w=60',
    },
    "RateLimit": {
        "description": "How many calls are left (`r`), and in how many seconds there are more (`t`).",
        "schema": {"type": "string"},
        "example": '"key";r=59999;t=42',
    },
    "RequestId": {
        "description": "Names this request in our logs.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "RetryAfter": {"description": "In how many seconds to try again.", "schema": {"type": "integer", "minimum": 0}},
}
_SHARED_HEADERS = {
    "X-Request-ID": {"$ref": "#/components/headers/RequestId"},
    "RateLimit-Policy": {"$ref": "#/components/headers/RateLimitPolicy"},
    "RateLimit": {"$ref": "#/components/headers/RateLimit"},
}


class ProblemApi(Api):  # type: ignore[misc]  # flask-smorest has no type hints
    """flask-smorest without its own error handlers: ``http_errors`` is the only place for them."""

    ERROR_SCHEMA = ProblemOut

    def _register_error_handlers(self) -> None:
        return

    def _openapi_json(self) -> Response:
        document = current_app.extensions.get("openapi")
        if document is None:
            document = current_app.extensions["openapi"] = complete(current_app, self.spec.to_dict())
        here = {"servers": [{"url": (current_app.config["PUBLIC_URL"] or request.host_url).rstrip("/")}]}
        return Response(json.dumps(document | here), mimetype="application/json")


def complete(app: Flask, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with operation ids, errors, shared parameters and cross-field rules."""
    whole = deepcopy(document)
    whole["components"]["headers"] = HEADERS
    whole["components"]["responses"] = {f"Problem{status}": _problem(status) for status in ERRORS} | {
        "Problem": _problem_response("Any other error, in the same shape.")
    }
    whole["components"]["schemas"].pop("PaginationMetadata", None)
    for schema in _strict_schemas():
        if schema.__name__ in whole["components"]["schemas"]:
            _merge(whole["components"]["schemas"][schema.__name__], schema.json_schema)
    names, examples = _endpoints(app), json.loads(EXAMPLES.read_text())
    for path, item in whole["paths"].items():
        for parameter in item.get("parameters", ()):
            parameter["schema"] |= {"maxLength": _LONGEST.get(parameter["name"], LONGEST_ID), "pattern": NO_NUL}
        for method in _METHODS:
            if method in item:
                _complete_operation(item[method], names[method, path], method, path)
                _add_example(item[method], examples.get(item[method]["operationId"]))
    return whole


def _merge(target: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value


def _strict_schemas() -> Iterator[type[StrictSchema]]:
    waiting: list[type[Schema]] = [StrictSchema]
    while waiting:
        schema = waiting.pop()
        waiting += schema.__subclasses__()
        if issubclass(schema, StrictSchema) and schema.json_schema:
            yield schema


def _endpoints(app: Flask) -> dict[tuple[str, str], str]:
    return {
        (method.lower(), _CONVERTER.sub(r"{\1}", rule.rule)): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _complete_operation(operation: dict[str, Any], endpoint: str, method: str, path: str) -> None:
    scope, reads = SCOPE_OF[endpoint.split(".", maxsplit=1)[0]]
    changes = method != "get" and not reads
    operation["operationId"] = endpoint.replace(".", "_").replace("-", "_")
    told = operation.get("description", "")
    operation["description"] = f"{told}\n\nNeeds a key with the scope `{scope}`.".strip()
    parameters = operation.setdefault("parameters", [])
    if changes:
        parameters.append(DRY_RUN)
    if changes and method == "post":
        parameters.append(IDEMPOTENCY_KEY)
    responses = {status: _own(status, given) for status, given in operation["responses"].items() if _is_own(given)}
    for status in _errors_of(operation, method, path, changes=changes):
        responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    operation["responses"] = dict(sorted(responses.items()))


def _add_example(operation: dict[str, Any], example: dict[str, Any] | None) -> None:
    if example is None:
        return
    if example["request"] is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example["request"]
    answer = operation["responses"][str(example["status"])]
    if example["response"] is not None:
        answer["content"]["application/json"]["example"] = example["response"]


def _errors_of(operation: dict[str, Any], method: str, path: str, *, changes: bool) -> Iterator[str]:
    yield from ("401", "403", "429", "503")
    has_body, given = "requestBody" in operation, {parameter["name"] for parameter in operation["parameters"]}
    if has_body:
        yield from ("400", "413", "415", "422")
    if "cursor" in given or (changes and method == "post"):
        yield "400"
    if given:
        yield "422"
    if "{" in path:
        yield "404"
    if changes:
        yield "409"
    if "If-Match" in given:
        yield "412"
    if any(parameter["name"] == "If-Match" and parameter["required"] for parameter in operation["parameters"]):
        yield "428"


def _is_own(response: dict[str, Any]) -> bool:
    """Whether the view said it itself; flask-smorest adds its own errors by reference."""
    return "$ref" not in response


def _own(status: str, response: dict[str, Any]) -> dict[str, Any]:
    if status.startswith(("4", "5")):
        response.setdefault("content", {PROBLEM: {"schema": _PROBLEM_SCHEMA}})
    return _named(response)


def _named(response: dict[str, Any]) -> dict[str, Any]:
    response["headers"] = _SHARED_HEADERS | response.get("headers", {})
    return response


def _problem(status: str) -> dict[str, Any]:
    found = _problem_response(ERRORS[status])
    if status in ("429", "503"):
        found["headers"]["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return found


def _problem_response(description: str) -> dict[str, Any]:
    return _named({"description": description, "content": {PROBLEM: {"schema": _PROBLEM_SCHEMA}}})
