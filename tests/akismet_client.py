"""A caller of the Akismet door, as its clients are: a form in, a bare word back."""

from typing import Any
from urllib.parse import urlencode

from flask import Flask

from moderation.db import db
from moderation.services import sites
from moderation.views.doors.akismet import limiter

CALLS = ("verify-key", "comment-check", "submit-spam", "submit-ham")
SENT = {
    "blog": "https://news.example", "user_ip": "203.0.113.9", "user_agent": "Mozilla/5.0", "referrer": "",
    "permalink": "https://news.example/2041", "comment_type": "comment", "comment_author": "Ana",
    "comment_author_email": "Ana@example.org", "comment_content": "Good news for everyone who commutes.",
    "HTTP_ACCEPT": "text/html", "POST_comment": "x", "comment_context[0]": "news", "comment_context[1]": "buses",
}  # fmt: skip
THANKS = b"Thanks for making the web a better place."
FORM = "application/x-www-form-urlencoded"


def make_key(app: Flask) -> str:
    with app.app_context():
        site = sites.by_name(db.session(), "demo")
        key = sites.create_key(db.session(), site, scopes=["score"], door="akismet", actor="test")[1]
        db.session.commit()
    return key


class Caller:
    def __init__(self, app: Flask, key: str) -> None:
        self._client, self._key = app.test_client(), key
        limiter.reset()

    def __call__(
        self, method: str = "comment-check", *, raw: Any = None, kind: str = FORM, key: str | None = "",
        host: str = "localhost", **changes: Any,
    ) -> Any:  # fmt: skip
        """Call a method; ``raw`` is a body as it is, a field that is None is not sent, ``key`` None is none."""
        fields = SENT | ({} if key is None else {"api_key": key or self._key}) | changes
        body = raw if raw is not None else urlencode({k: v for k, v in fields.items() if v is not None})
        url = f"/1.1/{method}"
        response = self._client.post(url, data=body, base_url=f"http://{host}", content_type=kind)
        assert response.content_type == "text/plain; charset=utf-8"
        return response


def said(response):
    assert response.status_code == 200
    return response.get_data()


def is_invalid(response):
    return said(response) == b"invalid" and bool(response.headers["X-akismet-debug-help"])
