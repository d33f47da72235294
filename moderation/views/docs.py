"""/docs: the API as a page. Swagger UI comes as a package and is served from here, nothing from elsewhere."""

from importlib.metadata import version
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, redirect, render_template, send_from_directory, url_for
from werkzeug.wrappers import Response as AnyResponse

bp = Blueprint("docs", __name__)
_ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
# How flask-smorest describes the API.
OPENAPI = {
    "API_TITLE": "Replydesk",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/v1",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {
            "contact": {"name": "The Replydesk project"},
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
            "description": "Readers' replies, scored and decided; unlocks, subscriptions and access. A key belongs to"
            " one site and sees nothing of another. Unknown keys in a body are refused by name; every POST takes an"
            " `Idempotency-Key`; changes take `?dry_run=true`; errors are problem documents (RFC 9457).",
        },
        "components": {
            "securitySchemes": {"siteKey": {"type": "http", "scheme": "bearer", "description": "A site key: `rdk_...`"}}
        },
        "security": [{"siteKey": []}],
    },
}
_VERSION = version("flask-swagger-ui")


@bp.get("/")
def home() -> AnyResponse:
    return redirect(url_for("docs.show"))


@bp.get("/docs")
def show() -> str:
    return render_template("docs/api.html", version=_VERSION)


@bp.get("/docs/assets/<path:name>")
def asset(name: str) -> Response:
    return send_from_directory(_ASSETS, name)
