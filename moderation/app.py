"""The composition root: it knows everybody and is known by nobody below it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from moderation import __version__, auth, config, db, http_errors, rate_limits, scoring
from moderation.openapi import ProblemApi
from moderation.strict_json import StrictJson
from moderation.views import API, PAGES, docs, security
from moderation.views.blueprint import LonePostId, PostId

_HEADERS = (
    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"), ("Cache-Control", "no-store"),
)  # fmt: skip
MIGRATIONS = Path(__file__).parent.parent / "migrations"


class Service(Flask):
    """No view and no hook here is a coroutine: Flask asks each of them at each request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(overrides: dict[str, Any] | None = None) -> Flask:
    """Build the application; ``overrides`` go over the settings of the environment."""
    settings = config.load() | (overrides or {})
    app = Service(__name__)
    app.json = StrictJson(app)
    app.config.update(settings)
    app.config.update(
        SECRET_KEY=config.secret_key(settings),
        MAX_CONTENT_LENGTH=settings["MAX_BODY_BYTES"],
        MAX_FORM_MEMORY_SIZE=settings["MAX_BODY_BYTES"],
        API_VERSION=__version__,
        **docs.OPENAPI,
    )
    if settings["TRUSTED_PROXIES"]:
        hops = settings["TRUSTED_PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's documented way
    app.url_map.converters.update(post_id=PostId, lone_post_id=LonePostId)
    # An id may hold two slashes in a row; they are not one.
    app.url_map.merge_slashes = False
    app.before_request(_name_request)
    app.after_request(_finish)
    db.init_app(app, settings, config.database_url(settings))
    app.extensions["schema_head"] = config.schema_head(MIGRATIONS)
    auth.init_app(app)
    http_errors.init_app(app)
    scoring.init_app(app, settings)
    rate_limits.init_app(app)
    api = ProblemApi(app)
    for blueprint in API:
        api.register_blueprint(blueprint)
    for install in PAGES:
        install(app)
    return app


def new_uuid() -> str:
    """Return a random UUID, of version 4. Source: RFC 9562, section 5.4."""
    number = os.urandom(16).hex()
    variant = "89ab"[int(number[16], 16) & 3]
    return f"{number[:8]}-{number[8:12]}-4{number[13:16]}-{variant}{number[17:20]}-{number[20:]}"


def _name_request() -> None:
    g.request_id = new_uuid()
    db.mark_reading(request.method in ("GET", "HEAD", "OPTIONS"))


def _finish(response: Response) -> Response:
    security.add_missing(response, (("X-Request-ID", g.get("request_id", "")), *_HEADERS))
    return response
