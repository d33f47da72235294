"""The composition root: it knows everybody and is known by nobody below it."""

import uuid
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from moderation import __version__, auth, config, db, http_errors, rate_limits, scoring
from moderation.openapi import ProblemApi
from moderation.strict_json import StrictJson
from moderation.views import API, PAGES, docs
from moderation.views.blueprint import LonePostId, PostId

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def create_app(overrides: dict[str, Any] | None = None) -> Flask:
    """Build the application; ``overrides`` go over the settings of the environment."""
    settings = config.load() | (overrides or {})
    app = Flask(__name__)
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


def _name_request() -> None:
    g.request_id = str(uuid.uuid4())
    db.mark_reading(request.method in ("GET", "HEAD", "OPTIONS"))


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
