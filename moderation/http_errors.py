"""The only place where an error becomes a response: RFC 9457 problem details, one shape everywhere."""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, current_app, g, json, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from moderation import errors

log = logging.getLogger("replydesk")
STATUS: Mapping[type[errors.ReplydeskError], int] = {
    errors.Malformed: 400,
    errors.SignatureInvalid: 400,
    errors.CursorInvalid: 400,
    errors.IdempotencyKeyInvalid: 400,
    errors.Unauthenticated: 401,
    errors.SignatureUnknown: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.ExternalIdReused: 409,
    errors.StateForbids: 409,
    errors.NoUnlocksLeft: 409,
    errors.MeterUsedUp: 409,
    errors.NotMetered: 409,
    errors.AnonymousReaderMerged: 409,
    errors.SubscribersOnly: 409,
    errors.ClaimedByOther: 409,
    errors.StaleVersion: 412,
    errors.Invalid: 422,
    errors.IdempotencyKeyReused: 422,
    errors.PreconditionRequired: 428,
    errors.RateLimited: 429,
    errors.NotReady: 503,
}
# Answers of the framework, by status; anything else of it keeps the status' own phrase.
_FRAMEWORK = {
    404: ("not_found", "There is no such address here."),
    405: ("method_not_allowed", "This address does not answer that method."),
    413: ("body_too_large", "The body is larger than this service accepts."),
    415: ("unsupported_media_type", "Send JSON, with “Content-Type: application/json”."),
    429: ("rate_limited", "Too many requests; try again after the time in Retry-After."),
}
RETRY_AFTER_SECONDS = 2
# How a door of another protocol says it: given our own answer, its answer. Found by the beginning of the path,
# so that an address or a method that does not exist is answered in the door's way too.
Dialect = Callable[[Response], Response]
_DIALECTS = "error_dialects"


def problem(status: int, code: str, title: str, detail: str, **extra: Any) -> Response:
    """Build the one error body; ``extra`` holds ``errors`` and other extension members."""
    root = current_app.config["PUBLIC_URL"] or request.host_url
    body = {
        "type": f"{root.rstrip('/')}/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{g.get('request_id', '')}",
        "code": code,
        **extra,
    }
    response = Response(json.dumps(body), status, mimetype="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="replydesk"'
    return response


def of_domain(error: errors.ReplydeskError) -> Response:
    response = problem(STATUS[type(error)], error.code, error.title, error.detail, **error.extra)
    if isinstance(error, errors.StaleVersion):
        _show_tag(response, error)
    if isinstance(error, errors.RateLimited):
        response.headers["Retry-After"] = str(error.extra["retry_after"])
    return response


def _show_tag(response: Response, error: errors.StaleVersion) -> None:
    version = error.extra.get("current", {}).get("version")
    tag = error.tag or (f'"v{version}"' if version is not None else "")
    if tag:
        response.headers["ETag"] = tag


def of_validation(error: ValidationError) -> Response:
    return of_domain(errors.Invalid(flatten(error.messages)))


def flatten(messages: Any, pointer: str = "#") -> list[dict[str, str]]:
    """Turn marshmallow's nested messages into ``[{"pointer", "detail"}]``, a fragment pointer each."""
    if isinstance(messages, Mapping):
        steps = [(pointer if key == "_schema" else f"{pointer}/{_escape(key)}", messages[key]) for key in messages]
        return [item for step, message in steps for item in flatten(message, step)]
    details = messages if isinstance(messages, list) else [messages]
    return [{"pointer": pointer, "detail": str(detail)} for detail in details]


def _escape(key: Any) -> str:
    # An unknown key is the client's: keep it short and encodable, whatever it is.
    text = str(key)[:100].encode("utf-8", "backslashreplace").decode()
    return text.replace("~", "~0").replace("/", "~1")


def _of_framework(error: HTTPException) -> Response:
    status = error.code or 500
    phrase = error.name
    code, detail = _FRAMEWORK.get(status, (phrase.lower().replace(" ", "_"), error.description or phrase))
    response = problem(status, code, phrase, detail)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _of_database(error: sa.exc.DBAPIError) -> Response:
    # The driver's words stay in the log: they hold queries and paths.
    log.error("database: %s", error.orig)
    return problem(503, "not_ready", errors.NotReady.title, "The database cannot take this now; nothing was stored.")


def _of_race(error: sa.exc.IntegrityError) -> Response:
    log.warning("race: %s", type(error.orig).__name__)
    detail = "Another request did the same at the same moment; ask again to see its outcome."
    return problem(409, "conflict", errors.Conflict.title, detail)


def _of_fault(error: Exception) -> Response:
    log.error("fault in %s %s", request.method, request.path, exc_info=error)
    return problem(500, "fault", "A fault of ours", "This is a fault of ours; it was logged with the request's id.")


def speak(app: Flask, prefix: str, dialect: Dialect) -> None:
    """Answer every error under ``prefix`` as ``dialect`` does."""
    app.extensions[_DIALECTS][prefix] = dialect


def _translated(handler: Callable[[Any], Response]) -> Callable[[Any], Response]:
    @wraps(handler)
    def answer(error: Exception) -> Response:
        own = handler(error)
        for prefix, dialect in current_app.extensions[_DIALECTS].items():
            if request.path.startswith(prefix):
                return dialect(own)
        return own

    return answer


def init_app(app: Flask) -> None:
    app.extensions[_DIALECTS] = {}
    handlers: dict[type[Exception], Callable[[Any], Response]] = {
        errors.ReplydeskError: of_domain,
        ValidationError: of_validation,
        HTTPException: _of_framework,
        sa.exc.IntegrityError: _of_race,
        sa.exc.OperationalError: _of_database,
        sa.exc.InterfaceError: _of_database,
        sa.exc.TimeoutError: _of_database,
        Exception: _of_fault,
    }
    for kind, handler in handlers.items():
        app.register_error_handler(kind, _translated(handler))
