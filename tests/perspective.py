"""A caller of the Perspective door, as its clients are: the key in the address, Google's envelope back."""

from typing import Any

import sqlalchemy as sa
from flask import Flask

from moderation.db import db
from moderation.models import Audit, Comment, Feedback

ANALYZE, SUGGEST = "/v1alpha1/comments:analyze", "/v1alpha1/comments:suggestscore"


class Caller:
    def __init__(self, app: Flask, key: str) -> None:
        self._client, self._key = app.test_client(), key

    def __call__(self, path: str = ANALYZE, *, key: str | None = "", **kwargs: Any) -> Any:
        """Post; ``key`` None sends none, by default it is the site's own."""
        query = {} if key is None else {"key": key or self._key, "alt": "json"}
        return self._client.post(path, query_string=query, **kwargs)


def request(text="Nice piece.", attributes=("TOXICITY",), **more):
    return {"comment": {"text": text}, "requestedAttributes": {name: {} for name in attributes}, **more}


def is_envelope(response) -> bool:
    error = response.json["error"]
    return (
        response.content_type == "application/json; charset=UTF-8"
        and error["code"] == response.status_code
        and bool(error["message"])
        and bool(error["status"])
        and bool(error["details"][0]["@type"])
    )


def stored(app):
    with app.app_context():
        counts = [sa.select(sa.func.count()).select_from(model) for model in (Comment, Feedback, Audit)]
        return [db.session.scalar(count) for count in counts]
