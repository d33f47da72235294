"""What went wrong, as a page with a sentence; the API keeps its problem documents."""

import logging

import sqlalchemy as sa
from flask import Response, g, make_response, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, TooManyRequests

from moderation import errors, http_errors
from moderation.db import db
from moderation.schemas.review import MOST_NOTE
from moderation.views.review import login
from moderation.views.review.blueprint import bp

log = logging.getLogger("replydesk")
_FRAMEWORK = {
    400: ("That did not arrive whole", "Nothing was changed. Go back and try again."),
    404: ("There is nothing here", "The address is wrong, or what stood here is gone."),
    405: ("There is nothing here", "The address is wrong, or what stood here is gone."),
    413: ("That is too much", "The form is larger than this desk accepts. Nothing was changed."),
}
_BUSY = "The database cannot take this just now. Nothing was changed; try again in a moment."


def page(status: int, title: str, sentence: str, *, retry_after: int | None = None) -> Response:
    """One sentence on a page of its own, with the way on."""
    html = render_template(
        "review/notice.html", title=title, sentence=sentence, status=status, way_on=_way_on(), note=_note()
    )
    response = make_response(html, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _note() -> str:
    """What was typed beside a decision that could not be taken: typed words are never lost."""
    return request.form.get("note", "")[:MOST_NOTE] if request.endpoint == "review.decide" else ""


def _way_on() -> str:
    site = g.get("site")
    if site is None:
        return url_for("review.home")
    return url_for("review.queue", site=site.name, queue=request.form.get("queue") or "pending")


def of_domain(error: errors.ReplydeskError) -> Response:
    status = http_errors.STATUS[type(error)]
    db.session.rollback()
    if isinstance(error, errors.Unauthenticated):
        return login.ask_again(error.detail)
    sentence = error.detail
    if isinstance(error, errors.Invalid):
        sentence = " ".join(item["detail"] for item in error.extra["errors"]) + " Nothing was changed."
    return page(
        status,
        error.title if status != http_errors.STATUS[errors.Forbidden] else "Not with your role",
        sentence,
    )


def of_form(error: ValidationError) -> Response:
    return of_domain(errors.Invalid(http_errors.flatten(error.messages)))


def of_forgery(error: CSRFError) -> Response:  # noqa: ARG001 -- Flask's signature
    sentence = "It was not of this page, or its session has ended. Nothing was changed; go back and try again."
    return page(400, "The form could not be trusted", sentence)


def of_framework(error: HTTPException) -> Response:
    status = error.code or 500
    title, sentence = _FRAMEWORK.get(status, (error.name, "Nothing was changed."))
    return page(status, title, sentence)


def of_throttle(error: TooManyRequests) -> Response:  # noqa: ARG001 -- Flask's signature
    sentence = "There were too many tries with this e-mail or from this place. Wait a while, then sign in."
    return page(429, "Wait a little", sentence, retry_after=60)


def of_race(error: sa.exc.IntegrityError) -> Response:
    log.warning("race: %s", type(error.orig).__name__)
    db.session.rollback()
    return page(409, "A colleague was faster", "Somebody did the same at the same moment. Yours was not needed.")


def of_database(error: sa.exc.DBAPIError) -> Response:
    log.error("database: %s", error.orig if isinstance(error, sa.exc.DBAPIError) else error)
    db.session.rollback()
    return page(503, "Try again in a moment", _BUSY, retry_after=http_errors.RETRY_AFTER_SECONDS)


def of_fault(error: Exception) -> Response:
    log.error("fault in %s %s", request.method, request.path, exc_info=error)
    db.session.rollback()
    sentence = f"This is a fault of ours; it was logged as {g.get('request_id', '')}. Nothing was changed."
    return page(500, "A fault of ours", sentence)


for kind, handler in (
    (errors.ReplydeskError, of_domain),
    (ValidationError, of_form),
    (CSRFError, of_forgery),
    (TooManyRequests, of_throttle),
    (HTTPException, of_framework),
    (sa.exc.IntegrityError, of_race),
    (sa.exc.OperationalError, of_database),
    (sa.exc.InterfaceError, of_database),
    (sa.exc.TimeoutError, of_database),
    (Exception, of_fault),
):
    bp.register_error_handler(kind, handler)
