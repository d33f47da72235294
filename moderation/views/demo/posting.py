"""A reply is posted or edited, with a word before it where it may hurt somebody."""

import secrets
from typing import Any

from flask import abort, redirect, request, url_for

from moderation.views.demo import paper, thread
from moderation.views.demo.blueprint import SEE_OTHER, api, bp, draw, find_article, me, rename
from moderation.views.demo.client import ApiError, address
from moderation.views.demo.forms import Nudge, ReplyForm, about_text
from moderation.views.demo.pages import article_page

UNPROCESSABLE = 422
MOST_AGENT = 1_000
GONE = "The reply that you answered is gone. Nothing was posted; post it again to reply to the article."
_ANSWER = "answer:"
_OUTCOMES = {
    "pending": "It is your choice. If you post it as it is, a person will look at it before others see it.",
    "rejected": "It is your choice. If you post it as it is, it will not be published;"
    " you can then ask for another look.",
}


@bp.post("/posts/<id>/replies")
def reply(id: str) -> Any:
    """Post a reply; what cannot be taken comes back with every word that was typed."""
    article, form = find_article(id), ReplyForm.read(request.form)
    wish = request.form.get("do", "")
    if wish == "edit":
        return article_page(article, form=form)
    if wish.startswith(_ANSWER):
        form.parent_id = wish.removeprefix(_ANSWER)
        return article_page(article, form=form)
    if not form.check():
        return article_page(article, form=form), UNPROCESSABLE
    if wish != "anyway":
        form.nudge = nudge(form.text)
    if form.nudge:
        return article_page(article, form=form)
    return _post(article, form)


def _post(article: paper.Article, form: ReplyForm) -> Any:
    try:
        if form.parent_id and not thread.may_answer(form.parent_id, article.id, me()):
            form.errors["form"], form.parent_id = GONE, ""
            return article_page(article, form=form), UNPROCESSABLE
        stored = _submit(article, form)
    except ApiError as error:
        form.errors = _errors(error)
        return article_page(article, form=form), error.status
    rename(form.name)
    return redirect(_place(article.id, stored), SEE_OTHER)


def _submit(article: paper.Article, form: ReplyForm) -> Any:
    body = {
        "external_id": f"courier-{form.ticket}",
        "post": {"id": article.id},
        "parent_id": form.parent_id or None,
        "reader": _author(form),
        "text": form.text,
        "signals": form.signals(),
    }
    try:
        return api().post("/v1/comments", body)
    except ApiError as error:
        if error.code != "external_id_reused":
            raise
        # The form was posted before, and then changed with the Back button: this is another reply.
        return api().post("/v1/comments", body | {"external_id": f"courier-{secrets.token_hex(12)}"})


def _author(form: ReplyForm) -> dict[str, str]:
    author = {"id": me().id, "name": form.name, "user_agent": request.user_agent.string[:MOST_AGENT]}
    if form.email:
        author["email"] = form.email
    if request.remote_addr:
        author["ip"] = request.remote_addr
    return author


def _errors(error: ApiError) -> dict[str, str]:
    """The API's sentences, each beside its field; what belongs to none stands over the form."""
    fields = {"text": error.field("text"), "name": error.field("reader/name"), "email": error.field("reader/email")}
    found = {name: sentence for name, sentence in fields.items() if sentence}
    return found or {"form": f"{error.field('parent_id') or error.detail} Nothing was posted."}


def _place(post_id: str, stored: Any) -> str:
    return url_for("demo.article", id=post_id, posted=stored["id"], _anchor=stored["id"])


def nudge(text: str) -> Nudge | None:
    """What the site's policy would say of the text, where it would not publish it for how it is put."""
    try:
        [item] = api().post("/v1/score", {"texts": [text], "decide": True})["items"]
    except ApiError:
        # A word in advance is a courtesy; whatever is wrong is said, beside its field, when the text is posted.
        return None
    labels = [reason["label"] for reason in item["reasons"] if reason.get("label")]
    if not labels or item["status"] not in _OUTCOMES:
        return None
    return Nudge(f"This may be read as {thread.MEANINGS.get(labels[0], 'hurtful')}", _OUTCOMES[item["status"]])


@bp.route("/posts/<id>/replies/<comment_id>/edit", methods=["GET", "POST"])
def edit(id: str, comment_id: str) -> Any:
    """Edit a reply of one's own: it is scored and decided again."""
    article = find_article(id)
    stored = thread.mine(comment_id, article.id, me())
    if stored is None:
        abort(404)
    if request.method == "GET":
        return _edit_page(article, stored, stored["text"])
    text, wish = request.form.get("text", "").replace("\r\n", "\n"), request.form.get("do", "")
    sentence = about_text(text)
    if sentence or wish == "edit":
        return _edit_page(article, stored, text, sentence=sentence), UNPROCESSABLE if sentence else 200
    found = None if wish == "anyway" else nudge(text)
    if found:
        return _edit_page(article, stored, text, found=found)
    try:
        stored = api().put(address("comments", comment_id), {"text": text})
    except ApiError as error:
        return _edit_page(article, stored, text, sentence=error.field("text") or error.detail), error.status
    return redirect(_place(article.id, stored), SEE_OTHER)


def _edit_page(
    article: paper.Article, stored: Any, text: str, *, sentence: str = "", found: Nudge | None = None
) -> str:
    return draw("demo/edit.html", article=article, stored=stored, text=text, sentence=sentence, nudge=found)
