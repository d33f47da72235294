"""What went wrong, as a page of the paper with a sentence and the way on."""

import logging

from flask import Response, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from moderation.views.demo import paper
from moderation.views.demo.blueprint import Visitor, bp
from moderation.views.demo.client import UNAUTHENTICATED, ApiError
from moderation.views.demo.forms import ReplyForm
from moderation.views.demo.pages import article_page

log = logging.getLogger("replydesk")
_NO_KEY = "The demo site has no key that works. Stop the service and start it with: make run"
_SENTENCES = {
    404: ("There is nothing here", "The address is wrong, or what stood here is gone."),
    405: ("There is nothing here", "The address is wrong, or what stood here is gone."),
    503: ("The paper cannot open just now", _NO_KEY),
}
OLD_PAGE = "This page had become too old to be trusted. Nothing was changed, and your words are here."


def notice(status: int, title: str, sentence: str) -> Response:
    """One sentence on a page of its own, and what was typed, to copy; it asks the API nothing."""
    html = render_template(
        "demo/notice.html", title=title, sentence=sentence, account=None, paper=paper,
        visitor=g.get("visitor") or Visitor(""), typed=request.form.get("text") or request.form.get("note") or "",
    )  # fmt: skip
    return make_response(html, status)


def of_api(error: ApiError) -> Response:
    if error.status == UNAUTHENTICATED:
        return notice(503, "The paper cannot open just now", _NO_KEY)
    return notice(error.status, "That did not work", f"{error.detail} Nothing was changed.")


def of_forgery(error: CSRFError) -> Response:  # noqa: ARG001 -- Flask's signature
    """Another sign-in in this browser makes a page old: a reply that was being written is kept."""
    article = paper.articles().get((request.view_args or {}).get("id", ""))
    if request.endpoint == "demo.reply" and article is not None:
        form = ReplyForm.read(request.form)
        form.errors["form"] = OLD_PAGE
        return make_response(article_page(article, form=form), 400)
    sentence = "It was not of this page, or the page had become too old. Nothing was changed; go back and try again."
    return notice(400, "The form could not be trusted", sentence)


def of_framework(error: HTTPException) -> Response:
    status = error.code or 500
    title, sentence = _SENTENCES.get(status, (error.name, "Nothing was changed."))
    return notice(status, title, sentence)


def of_fault(error: Exception) -> Response:
    log.error("fault in %s %s", request.method, request.path, exc_info=error)
    sentence = f"This is a fault of ours; it was logged as {g.get('request_id', '')}. Nothing was changed."
    return notice(500, "A fault of ours", sentence)


for kind, handler in (
    (ApiError, of_api),
    (CSRFError, of_forgery),
    (HTTPException, of_framework),
    (Exception, of_fault),
):
    bp.register_error_handler(kind, handler)
