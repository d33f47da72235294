"""/v1alpha1: the Perspective API's two calls (protocols.md 1), answered by our model."""

from typing import Any

from flask import Blueprint, Flask, Response, g, json, request

from moderation import auth, http_errors
from moderation.db import db, mark_reading
from moderation.errors import Unauthenticated
from moderation.perspective import ATTRIBUTES
from moderation.schemas import perspective as wire
from moderation.schemas.perspective import Refused
from moderation.services import feedback
from moderation.views.doors.analysis import analyse
from moderation.views.transaction import changes

SERVICE = "commentanalyzer.googleapis.com"
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_LOCALIZED = "type.googleapis.com/google.rpc.LocalizedMessage"
_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity)."
    " Please use API Key or other form of API consumer identity to call this API."
)
_BAD_KEY = "API key not valid. Please pass a valid API key."
_BAD_TOKEN = "Request had invalid authentication credentials. Expected a site key of Replydesk."  # noqa: S105 -- a sentence
_OF_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    405: "UNIMPLEMENTED", 409: "ABORTED", 413: "INVALID_ARGUMENT", 415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip
_TOO_MANY = 429

bp = Blueprint("perspective", __name__, url_prefix="/v1alpha1")


@bp.before_request
def check() -> None:
    """Ask for a key before anything else is looked at: clients probe a key with an empty body."""
    mark_reading(request.endpoint == "perspective.analyze")
    token, refusal = _key()
    try:
        g.api_key, g.site = auth.find(token)
    except Unauthenticated:
        raise refusal from None
    g.actor = f"key:{g.api_key.id}"
    if "score" not in g.api_key.scopes:
        raise _refused(
            403, "Requests to this API are blocked: this key lacks the scope score.", "API_KEY_SERVICE_BLOCKED"
        )


@bp.post("/comments:analyze")
def analyze() -> Response:
    """Perspective's AnalyzeComment: scores for one comment; nothing is stored"""
    return _json(analyse(wire.read_analyze(request.get_data())))


@bp.post("/comments:suggestscore")
@changes
def suggest() -> Response:
    """Perspective's SuggestCommentScore: what a score should have been becomes a training label"""
    asked = wire.read_suggestion(request.get_data())
    token = asked["client_token"] or ""
    if not asked["do_not_store"]:
        labels: dict[str, float] = {}
        for name, value in asked["values"].items():
            labels[ATTRIBUTES[name]] = max(value, labels.get(ATTRIBUTES[name], 0.0))
        feedback.record(
            db.session(), g.site, source="perspective", names=[asked["community_id"], token] if token else [],
            text=asked["text"], labels=labels, actor=g.actor,
        )  # fmt: skip
    return _json({"clientToken": asked["client_token"]} if asked["client_token"] is not None else {})


def _key() -> tuple[str, Refused]:
    """The key of the request and what is answered where it is none of ours."""
    bad = _refused(400, _BAD_KEY, "API_KEY_INVALID")
    bad.details.append({"@type": _LOCALIZED, "locale": "en-US", "message": _BAD_KEY})
    key = request.args.get("key") or request.headers.get("X-Goog-Api-Key")
    if key:
        return key.strip(), bad
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip(), _refused(401, _BAD_TOKEN, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
    raise _refused(403, _NO_KEY, "CREDENTIALS_MISSING")


def _refused(code: int, message: str, reason: str) -> Refused:
    info = {"@type": _INFO, "reason": reason, "domain": "googleapis.com", "metadata": {"service": SERVICE}}
    return Refused(message, [info], code=code, status=_OF_STATUS.get(code, "INTERNAL"))


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json; charset=UTF-8")


def envelope(error: Refused) -> Response:
    """Google's one shape of errors."""
    body = {"code": error.code, "message": error.message, "status": error.status, "details": error.details}
    return _json({"error": body}, error.code)


def dialect(own: Response) -> Response:
    """Say in Google's envelope what our own answer says: faults, limits, addresses that do not exist."""
    told = own.get_json()
    message = "Quota exceeded. " + told["detail"] if own.status_code == _TOO_MANY else told["detail"]
    answer = envelope(_refused(own.status_code, message, told["code"].upper()))
    for name in ("Allow", "Retry-After"):
        if name in own.headers:
            answer.headers[name] = own.headers[name]
    return answer


def install(app: Flask) -> None:
    app.register_error_handler(Refused, envelope)
    for prefix in ("/v1alpha1", "/$discovery"):
        http_errors.speak(app, prefix, dialect)
    app.register_blueprint(bp)
