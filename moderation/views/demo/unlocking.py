"""One post opened for one unlock, and given back within the site's time."""

from typing import Any

from flask import url_for

from moderation.views.demo.asking import Change, ask_first
from moderation.views.demo.blueprint import api, bp, find_article, me
from moderation.views.demo.client import Answer, address
from moderation.views.demo.thread import CREATED


@bp.route("/posts/<id>/unlock", methods=["GET", "POST"])
def unlock(id: str) -> Any:
    """Ask whether the post is to be unlocked, with the figures of a dry run; then do it."""
    article = find_article(id)
    back, done = _pages(article.id, "opened")

    def needless(answer: Answer) -> bool:
        return answer.status != CREATED or _is_open(article.id)

    change = Change("POST", address("readers", me().id, "unlocks"), {"post_id": article.id})
    return ask_first(change, "demo/unlock.html", back=back, done=done, needless=needless, article=article)


def _is_open(post_id: str) -> bool:
    """Whether it can be read without spending anything."""
    return bool(api().get(address("readers", me().id, "access"), post_id=post_id)["allowed"])


@bp.route("/posts/<id>/unlock/return", methods=["GET", "POST"])
def give_back(id: str) -> Any:
    """Ask whether the post is to be closed again for the unlock; then do it."""
    article = find_article(id)
    back, done = _pages(article.id, "given-back")
    change = Change("DELETE", address("readers", me().id, "unlocks", article.id))
    return ask_first(change, "demo/give_back.html", back=back, done=done, article=article)


def _pages(post_id: str, done: str) -> tuple[str, str]:
    return url_for("demo.article", id=post_id), url_for("demo.article", id=post_id, done=done)
