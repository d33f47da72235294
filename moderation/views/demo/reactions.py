"""What a reader does about a reply that is there: report it, take it back, ask for another look."""

from typing import Any

from flask import abort, redirect, request, url_for

from moderation.views.demo import paper, thread
from moderation.views.demo.blueprint import SEE_OTHER, api, bp, draw, find_article, me
from moderation.views.demo.client import address
from moderation.views.demo.forms import MOST_NOTE
from moderation.views.demo.posting import UNPROCESSABLE

REASONS = {
    "abuse": "It attacks somebody",
    "spam": "It advertises",
    "off_topic": "It is not about the article",
    "personal_data": "It gives away private details",
    "illegal": "It may be illegal",
    "other": "Something else",
}


@bp.route("/posts/<id>/replies/<comment_id>/report", methods=["GET", "POST"])
def report(id: str, comment_id: str) -> Any:
    """Report somebody's reply, once; a person looks at it."""
    article = find_article(id)
    stored = thread.published(comment_id, article.id)
    if stored is None:
        abort(404)
    reason, note = request.form.get("reason", ""), request.form.get("note", "").replace("\r\n", "\n")
    sentence = ""
    if request.method == "POST":
        sentence = _about_report(reason, note)
        if not sentence:
            body = {"reader": {"id": me().id}, "reason": reason, "note": note}
            api().post(address("comments", comment_id, "flags"), body)
            return redirect(url_for("demo.article", id=id, done="reported"), SEE_OTHER)
    page = draw(
        "demo/report.html", article=article, stored=stored, reasons=REASONS, reason=reason, note=note,
        sentence=sentence,
    )  # fmt: skip
    return page, UNPROCESSABLE if sentence else 200


def _about_report(reason: str, note: str) -> str:
    if reason not in REASONS:
        return "Please choose what is the matter. Nothing was sent."
    return f"Please shorten the note to {MOST_NOTE:,} characters. Nothing was sent." if len(note) > MOST_NOTE else ""


@bp.route("/posts/<id>/replies/<comment_id>/removal", methods=["GET", "POST"])
def remove(id: str, comment_id: str) -> Any:
    """Take one's own reply back, after the question."""
    article, stored = _own(id, comment_id)
    if request.method == "GET":
        return draw("demo/remove.html", article=article, stored=stored)
    api().delete(address("comments", comment_id))
    return redirect(url_for("demo.article", id=id, done="removed"), SEE_OTHER)


@bp.post("/posts/<id>/replies/<comment_id>/appeal")
def appeal(id: str, comment_id: str) -> Any:
    """Ask for another look at one's own rejected reply."""
    article, _ = _own(id, comment_id)
    text = request.form.get("note", "").replace("\r\n", "\n")
    api().post(address("comments", comment_id, "appeals"), {"reader": {"id": me().id}, "text": text})
    return redirect(url_for("demo.article", id=article.id, done="appealed", _anchor=comment_id), SEE_OTHER)


def _own(id: str, comment_id: str) -> tuple[paper.Article, Any]:
    article = find_article(id)
    stored = thread.mine(comment_id, article.id, me())
    if stored is None:
        abort(404)
    return article, stored
