"""One form, one decision; and the way back."""

from typing import Any

from flask import flash, g, jsonify, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from moderation.db import db
from moderation.models import Comment, Decision
from moderation.policy import Status
from moderation.schemas.review import DecisionForm, UndoForm
from moderation.services.review import decisions
from moderation.views.review import queue as queue_view
from moderation.views.review.blueprint import bp, form_fields
from moderation.views.review.rendering import REASON_NAMES

_DONE = {"approve": "Published", "reject": "Rejected", "uphold": "Appeal upheld, it stays rejected:",
         "overturn": "Appeal granted, published:"}  # fmt: skip


@bp.post("/<site>/comments/<id>/decision")
def decide(site: str, id: str) -> Response:
    """Do what the button says, to the version that was seen, and go on to the next."""
    form = DecisionForm().load(form_fields())
    database = db.session()
    comment = decisions.find(database, g.site.id, id)
    if form["do"] == "skip":
        queue_view.skip(comment.id)
        said, decision = "Skipped. It stays in the queue.", None
    else:
        decision = _again(comment, form) or _decide(comment, form)
        kept = decision.old_status is decision.new_status
        said = _told(comment, form["do"], form.get("reason"), kept=kept)
    database.commit()
    if _saved_behind():
        return jsonify(said=said, decision=decision.id if decision else "")
    flash(said, "done" if decision else "skip")
    then = {"focus": form["next"], "then": 1} if form["next"] else {}
    return redirect(url_for("review.queue", site=site, queue=queue_view.known(form["queue"]), **then))


def _saved_behind() -> bool:
    """Whether the page went on by itself and only wants to know that it is saved."""
    return request.accept_mimetypes.best == "application/json"


def _status_of(form: dict[str, Any]) -> Status:
    return Status.PUBLISHED if form["do"] in ("approve", "overturn") else Status.REJECTED


def _again(comment: Comment, form: dict[str, Any]) -> Decision | None:
    """What was decided by this same request before, where its answer was lost on the way."""
    if not _saved_behind():
        return None
    return decisions.already(
        db.session(), comment, _status_of(form), version=form["version"], moderator=current_user.moderator,
        reason=form.get("reason"),
    )  # fmt: skip


def _decide(comment: Comment, form: dict[str, Any]) -> Decision:
    seen: dict[str, Any] = {
        "version": form["version"], "note": form["note"].strip(), "moderator": current_user.moderator,
    }  # fmt: skip
    if form["do"] in ("uphold", "overturn"):
        return decisions.answer_appeal(db.session(), comment, overturn=form["do"] == "overturn", **seen)
    return decisions.decide(db.session(), comment, _status_of(form), reason=form.get("reason"), **seen)


def _told(comment: Comment, do: str, reason: str | None, *, kept: bool) -> str:
    author = comment.reader_name or "a reader"
    if do == "approve" and kept:
        return f"Kept: {author}’s reply stays published."  # noqa: RUF001 -- the apostrophe of print
    why = f" ({REASON_NAMES[reason].lower()})" if reason else ""
    return f"{_DONE[do]} {author}’s reply{why}."  # noqa: RUF001 -- as above


@bp.post("/<site>/undo")
def undo(site: str) -> Response:
    """Take back the last decision, or the one named, and show the reply again."""
    form = UndoForm().load(form_fields())
    database = db.session()
    comment = decisions.undo(
        database, g.site.id, moderator=current_user.moderator, decision_id=form["decision"] or None
    )
    flash("Taken back. It is as it was before.", "back")
    database.commit()
    if comment.status is Status.PENDING:
        return redirect(url_for("review.queue", site=site, queue="pending", focus=comment.id))
    return redirect(url_for("review.comment", site=site, id=comment.id, queue=queue_view.known(form["queue"])))
