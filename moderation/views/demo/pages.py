"""The front page, the articles, how it works, and light or dark."""

from datetime import UTC, datetime
from typing import Any

from flask import abort, current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from moderation.views.demo import paper, thread
from moderation.views.demo.blueprint import SEE_OTHER, YEAR_SECONDS, api, bp, draw, find_article, me
from moderation.views.demo.client import ApiError, address
from moderation.views.demo.forms import ReplyForm

THEMES = ("light", "dark", "auto")
# What was done just before, as the address of the next page tells it; figures come from the API.
DONE = {
    "opened": "Unlocked, and it stays yours.",
    "given-back": "Given back. The post is closed again.",
    "removed": "Your reply is taken down. Its text is erased; the thread keeps its place.",
    "reported": "Thank you. A person will look at that reply.",
    "appealed": "Sent. A person who has not decided on it before will look at your reply.",
    "started": "Your subscription has begun.",
    "changed": "Your plan is changed.",
    "ended": "Your subscription has ended.",
    "paused": "Paused. It waits for you, and nothing is charged until you go on.",
    "cancelled": "Cancelled. You keep everything until the day that is shown here.",
    "resumed": "Your subscription goes on.",
}
# Said of a reply that was posted or edited just now.
POSTED = {
    "published": "Your reply is published.",
    "pending": "Your reply is in. It waits for review; until then only you see it.",
    "rejected": "Your reply was not published. The reason stands beside it.",
}


@bp.get("/")
def front() -> str:
    """The front page, or one section of it."""
    wanted = request.args.get("section", "")
    chosen = [found for found in paper.articles().values() if wanted in ("", found.section)]
    rows = [(article, _access(article.id), _replies(article.id)) for article in chosen]
    section = wanted if wanted in paper.SECTIONS else ""
    return draw("demo/front.html", rows=rows, section=section, today=datetime.now(UTC))


@bp.get("/posts/<id>")
def article(id: str) -> str:
    """An article with its thread, as this reader may see both."""
    return article_page(find_article(id))


def article_page(article: paper.Article, *, form: ReplyForm | None = None) -> str:
    """Draw an article; ``form`` is a reply that was sent and could not be taken as it is."""
    found = thread.read(article.id, me(), request.args.get("cursor"))
    replies = {reply.id: reply for branch in found.top for reply in branch.whole()}
    form = form or ReplyForm.empty(name=me().name)
    access = _reading(article.id)
    posted = replies.get(request.args.get("posted", ""))
    return draw(
        "demo/article.html", article=article, access=access, refund=_refund(article, access), thread=found,
        form=form, parent=replies.get(form.parent_id), mode=_mode(article), done=DONE.get(request.args.get("done", "")),
        posted=posted, said=POSTED.get(posted.status) if posted else "",
    )  # fmt: skip


def _access(post_id: str) -> Any:
    return api().get(address("readers", me().id, "access"), post_id=post_id)


def _reading(post_id: str) -> Any:
    """As ``_access``; a post that the meter opens is counted, once a window, however often it is read."""
    access = _access(post_id)
    if access["because"] != "meter":
        return access
    try:
        counted = api().post(address("readers", me().id, "views"), {"post_id": post_id})
    except ApiError:
        # Another tab has read the last free post meanwhile.
        return _access(post_id)
    return access | {"meter_left": counted["meter_left"]}


def _replies(post_id: str) -> str:
    """How many replies are published; more than a page of them are not counted."""
    found = api().get(address("posts", post_id, "comments"), shape="flat", limit=thread.PAGE)
    return f"{len(found['items'])}{'+' if found['next_cursor'] else ''}"


def _mode(article: paper.Article) -> str:
    """How replies are taken: open, premoderated or closed."""
    try:
        return str(api().get(address("posts", article.id))["comments"])
    except ApiError:
        return article.comments


def _refund(article: paper.Article, access: Any) -> Any:
    """What giving the unlock back would leave; None where it was none or its time is over."""
    if access["because"] != "unlocked":
        return None
    try:
        return api().try_out("DELETE", address("readers", me().id, "unlocks", article.id)).body
    except ApiError:
        return None


@bp.get("/how")
def how() -> str:
    return draw("demo/how.html")


@bp.post("/theme")
def theme() -> Response:
    """Remember light, dark or the system's choice, for the desk too."""
    chosen = request.form.get("theme", "auto")
    post = paper.articles().get(request.form.get("post", ""))
    response = redirect(url_for("demo.article", id=post.id) if post else url_for("demo.front"), SEE_OTHER)
    response.set_cookie(
        "theme", chosen if chosen in THEMES else "auto", max_age=YEAR_SECONDS, httponly=True, samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )  # fmt: skip
    return response


@bp.route("/<path:rest>", methods=["GET", "POST"])
def nowhere(rest: str) -> Any:  # noqa: ARG001 -- whatever no other view answers
    """Any other address of the paper: a page, not the API's problem document."""
    abort(404)
