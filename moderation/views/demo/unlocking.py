"""One post opened for one unlock, and given back within the site's time."""

from typing import Any

from flask import redirect, request, url_for

from moderation.views.demo.blueprint import SEE_OTHER, api, bp, draw, find_article, me
from moderation.views.demo.client import ApiError, address
from moderation.views.demo.thread import CREATED

_NONE_LEFT = "no_unlocks_left"


@bp.route("/posts/<id>/unlock", methods=["GET", "POST"])
def unlock(id: str) -> Any:
    """Ask whether the post is to be unlocked, with the figures of a dry run; then do it."""
    article = find_article(id)
    unlocks, body = address("readers", me().id, "unlocks"), {"post_id": article.id}
    open_page = url_for("demo.article", id=article.id)
    try:
        if request.method == "POST":
            api().post(unlocks, body)
            return redirect(url_for("demo.article", id=article.id, done="opened"), SEE_OTHER)
        status, after = api().try_out("POST", unlocks, body)
    except ApiError as error:
        if error.code != _NONE_LEFT:
            raise
        return draw("demo/none_left.html", article=article), error.status
    if status != CREATED or _is_open(article.id):
        return redirect(open_page, SEE_OTHER)
    return draw("demo/unlock.html", article=article, after=after)


def _is_open(post_id: str) -> bool:
    """Whether it can be read without spending anything."""
    return bool(api().get(address("readers", me().id, "access"), post_id=post_id)["allowed"])


@bp.post("/posts/<id>/unlock/return")
def give_back(id: str) -> Any:
    """Close the post again and have the unlock back."""
    article = find_article(id)
    api().delete(address("readers", me().id, "unlocks", article.id))
    return redirect(url_for("demo.article", id=article.id, done="given-back"), SEE_OTHER)
