"""The site's way to Replydesk: its public HTTP API, with the site's key, called in this very process.

Over a socket two web workers could wait for each other for ever, each with a reader at its door. So the
request goes straight into the application's own WSGI callable, in an empty context: what the nested
request keeps in ``g``, in its database session and in context variables is its own and ends with it.
"""

import json
from collections.abc import Mapping, Sequence
from contextvars import Context
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Flask
from werkzeug.test import Client, TestResponse

KEY_FILE = "demo_key"
_REFUSED = 400
UNAUTHENTICATED = 401


class ApiError(Exception):
    """The API refused; ``detail`` is its sentence and ``code`` what a program goes by."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code', '')}")
        self.status = status
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail", ""))
        self.errors: Sequence[Mapping[str, str]] = problem.get("errors", ())
        # How it is now, where what the caller had seen is out of date.
        self.current: Mapping[str, Any] = problem.get("current", {})

    def field(self, name: str) -> str:
        """What is said against the field ``name`` of the body, or nothing."""
        found = (item["detail"] for item in self.errors if item.get("pointer") == f"#/{name}")
        return next(found, "")


class Answer(NamedTuple):
    """An answer of the API; ``tag`` is its ETag, with the quotes."""

    status: int
    body: Any
    tag: str


class SiteClient:
    """Calls the API of the application that it lives in."""

    def __init__(self, app: Flask, key: str) -> None:
        self._client = Client(app.wsgi_app, use_cookies=False)
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, query=query)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.call("PUT", path, body=body)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.call("POST", path, body=body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        if_match: str = "",
    ) -> Any:
        """Return the answer's JSON (None without one); raise ``ApiError`` for every refusal."""
        return self.ask(method, path, body=body, query=query, if_match=if_match).body

    def try_out(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """What a change would answer; nothing is changed."""
        return self.ask(method, path, body=body, query={"dry_run": "true"})

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        if_match: str = "",
    ) -> Answer:
        """As ``call``, with status and ETag."""
        data, headers = None, dict(self._headers)
        if if_match:
            headers["If-Match"] = if_match
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        response: TestResponse = Context().run(
            self._client.open, path, method=method, query_string=dict(query or {}), data=data,
            headers=headers, buffered=True,
        )  # fmt: skip
        answer = json.loads(response.data) if response.data else None
        if response.status_code >= _REFUSED:
            raise ApiError(response.status_code, answer or {})
        return Answer(response.status_code, answer, response.headers.get("ETag", ""))


def key_of(app: Flask) -> str:
    """The key of the site “demo”; empty where there is none."""
    path = Path(app.config["DATA"]) / KEY_FILE
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def address(*parts: str) -> str:
    """An address of the API: ``address("readers", "u-77")`` is ``/v1/readers/u-77``."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)
