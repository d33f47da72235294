"""The queue: one card, what comes next, and what was decided."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import abort, current_app, g, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from moderation import scoring
from moderation.db import db, mark_reading
from moderation.models import Comment, utc_now
from moderation.services import comments, moderators
from moderation.services.review import cards, claims, decisions, members, queues
from moderation.views.review.blueprint import bp, public

UP_NEXT = 10
# As many as a session cookie carries.
MOST_SKIPPED = 40


@bp.get("/")
def home() -> Any:
    """Lead to the first site's queue."""
    names = list(current_user.roles)
    if not names:
        return render_template("review/no_site.html")
    return redirect(url_for("review.queue", site=names[0], queue="pending"))


@bp.get("/<site>/")
def site_home(site: str) -> Response:
    return redirect(url_for("review.queue", site=site, queue="pending"))


@bp.get("/<site>/queues/<queue>")
def queue(site: str, queue: str) -> Any:  # noqa: ARG001 -- the guard has found the site
    """Draw a queue: the card in focus, held for this moderator, and what comes next."""
    if queue == "decided":
        return _decided()
    if queue not in members.QUEUES:
        abort(404)
    line = dealt(queue)
    wanted = request.args.get("focus")
    at = _choose(line, wanted)
    missed = wanted is not None and not _by_itself() and (at is None or line[at].id != wanted)
    if at is None:
        return desk_page("review/empty.html", queue=queue, missed=missed, held=len(line))
    comment = comments.get(db.session(), g.site.id, line[at].id)
    return _card_page(comment, queue=queue, line=line, at=at, missed=missed)


@bp.get("/<site>/comments/<id>")
def comment(site: str, id: str) -> Any:  # noqa: ARG001 -- as above
    """One comment by itself, whatever its state."""
    found = comments.get(db.session(), g.site.id, id)
    return _card_page(found, queue=known(request.args.get("queue", "")), line=[], at=0, missed=False)


def dealt(queue: str) -> Sequence[Any]:
    """The head of a queue in the order in which this person gets it."""
    return queues.line(db.session(), g.site.id, queue)


def known(queue: str) -> str:
    """The name of a queue that there is: the one that a page or a form named, or that of what is pending."""
    return queue if queue == "decided" or queue in members.QUEUES else "pending"


def _choose(line: Sequence[Any], wanted: str | None) -> int | None:
    """Where the card in focus stands: the one asked for, else the first that is free and not skipped."""
    ids = [row.id for row in line]
    mine = current_user.moderator.id
    free = [at for at, row in enumerate(line) if row.held_by in (None, mine)]
    if wanted in ids:
        at = ids.index(wanted)
        # What a person asked for is shown though a colleague holds it; what comes by itself passes it over.
        return next((other for other in free if other >= at), at) if _by_itself() else at
    skipped = session.get("skipped", [])
    rest = [at for at in free if ids[at] not in skipped]
    if free and not rest:
        session["skipped"] = []
    return next(iter(rest or free), None)


def _by_itself() -> bool:
    """Whether the reply in focus follows on a decision, and nobody chose it."""
    return "then" in request.args


def _card_page(comment: Comment, *, queue: str, line: Sequence[Any], at: int, missed: bool) -> Any:
    if moderators.at_least(g.role, "moderator"):
        _hold(comment.id)
    return desk_page("review/card.html", missed=missed, **card_of(comment, queue=queue, line=line, at=at))


def card_of(comment: Comment, *, queue: str, line: Sequence[Any], at: int) -> dict[str, Any]:
    """What the template of a card asks for, of the comment that stands at ``at`` in its line."""
    database, mine = db.session(), current_user.moderator.id
    card = cards.of_comment(database, g.site, comment)
    holder = claims.holder(database, comment, but_not=mine)
    after = [row for row in line[at + 1 :] if row.held_by in (None, mine)]
    # At the end of the line it begins again, with what was passed over.
    after = after or [row for row in line[:at] if row.held_by in (None, mine)]
    return {
        "queue": queue, "card": card, "holder": holder, "spans": _spans(comment),
        "up_next": line[at + 1 : at + 1 + UP_NEXT], "position": at + 1, "next_id": after[0].id if after else "",
        "previous_id": line[at - 1].id if at else "", "draft": _draft(comment.id), "alone": not line,
        "may_decide": moderators.at_least(g.role, "moderator"),
        "own_appeal": bool(card.appeal and card.standing and card.standing.moderator_id == mine),
        "lease": (utc_now() + timedelta(seconds=current_app.config["CLAIM_SECONDS"])).isoformat(),
    }  # fmt: skip


def desk_page(template: str, **more: Any) -> str:
    """A page of the desk with its rail: the counts of the queues, and what can be taken back."""
    database = db.session()
    undoable = decisions.undoable(database, g.site.id, current_user.moderator.id)
    return render_template(
        template, counts=queues.counts(database, g.site.id), oldest=queues.oldest(database, g.site.id),
        undoable=undoable[0] if undoable else None, **more,
    )  # fmt: skip


def _hold(comment_id: str) -> None:
    """Claim it, and let the last one go, in a transaction of its own: drawing the page holds no lock."""
    database, mine = db.session(), current_user.moderator.id
    database.commit()
    mark_reading(False)
    before = session.get("held")
    if before and before != comment_id:
        claims.release(database, before, moderator_id=mine)
    seconds = current_app.config["CLAIM_SECONDS"]
    if claims.take(database, g.site.id, comment_id, moderator_id=mine, seconds=seconds):
        session["held"] = comment_id
    database.commit()
    mark_reading(True)


def _spans(comment: Comment) -> Sequence[Any]:
    """What raised the scores, as the model that decides now sees it."""
    classifier = scoring.current().classifier()
    return classifier.explain(comment.text) if classifier is not None and comment.scores else []


def _draft(comment_id: str) -> str:
    """The note that an ended session left behind for this comment."""
    if session.get("draft_for") != comment_id:
        return ""
    session.pop("draft_for")
    return str(session.pop("draft", ""))


def _decided() -> Any:
    database = db.session()
    mine = {row.id for row in decisions.undoable(database, g.site.id, current_user.moderator.id)}
    return desk_page("review/decided.html", queue="decided", rows=queues.decided(database, g.site.id), mine=mine)


def skip(comment_id: str) -> None:
    """Leave it for later: it stays in the queue and is not held any longer."""
    session["skipped"] = [*session.get("skipped", []), comment_id][-MOST_SKIPPED:]
    claims.release(db.session(), comment_id, moderator_id=current_user.moderator.id)


@bp.route("/<path:rest>", methods=["GET", "POST"])
@public
def nowhere(rest: str) -> None:  # noqa: ARG001 -- whatever no other view answers
    """Any other address of the desk: a page, not the API's problem document."""
    abort(404)
