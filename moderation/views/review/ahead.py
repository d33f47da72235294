"""The cards that come next, drawn and held before they are needed, so that the next one is there at once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Response, abort, current_app, g, jsonify, make_response, render_template, session
from flask_login import current_user

from moderation.db import db, mark_reading
from moderation.models import utc_now
from moderation.schemas.desk import AheadForm, ClaimsForm
from moderation.services import comments
from moderation.services.review import claims, members
from moderation.views.review import queue as queue_view
from moderation.views.review.blueprint import bp, form_fields

# Nobody holds more of a line than this share of it: colleagues find something to do.
SHARE = 5


@bp.post("/<site>/queues/<queue>/ahead")
def ahead(site: str, queue: str) -> Response:  # noqa: ARG001 -- the guard has found the site
    """Hold the next cards of a queue for this person and draw them, without those that the page has."""
    if queue not in members.QUEUES:
        abort(404)
    form = AheadForm().load(form_fields())
    database = db.session()
    line = queue_view.dealt(queue)
    wanted = _wanted(line, form)
    held = claims.take_all(
        database, g.site.id, [row.id for row in wanted], moderator_id=current_user.moderator.id,
        seconds=current_app.config["CLAIM_SECONDS"],
    )  # fmt: skip
    database.commit()
    mark_reading(True)
    places = {row.id: at for at, row in enumerate(line)}
    # Drawing a card asks for its own article, reader and reports: a handful of cards, a handful of queries each.
    drawn = [_draw(queue, line, places[row.id]) for row in wanted if row.id in held]
    answer = make_response("".join(drawn))
    answer.headers["X-Lease"] = lease()
    return answer


def _wanted(line: Sequence[Any], form: dict[str, Any]) -> Sequence[Any]:
    if form["one"]:
        return [row for row in line if row.id == form["one"]]
    mine = current_user.moderator.id
    have = {*form["have"], form["after"], *session.get("skipped", [])}
    at = next((at + 1 for at, row in enumerate(line) if row.id == form["after"]), 0)
    free = [row for row in (*line[at:], *line[:at]) if row.held_by in (None, mine)]
    room = len(free) // SHARE + 1 - sum(row.held_by == mine for row in free)
    return [row for row in free if row.id not in have][: max(1, min(form["count"], room))]


def _draw(queue: str, line: Sequence[Any], at: int) -> str:
    comment = comments.get(db.session(), g.site.id, line[at].id)
    return render_template(
        "review/card.html", layout="review/ahead.html", row=line[at],
        **queue_view.card_of(comment, queue=queue, line=line, at=at),
    )  # fmt: skip


@bp.post("/<site>/claims")
def claims_of_page(site: str) -> Response:  # noqa: ARG001 -- the guard has found the site
    """Renew what a page looks at and let go of what it left; sent while somebody looks, and on leaving."""
    form = ClaimsForm().load(form_fields())
    database, mine = db.session(), current_user.moderator.id
    if form["release"]:
        claims.release_all(database, form["release"], moderator_id=mine, lease=form["lease"] or utc_now())
    held = claims.take_all(
        database, g.site.id, form["hold"], moderator_id=mine, seconds=current_app.config["CLAIM_SECONDS"]
    )
    database.commit()
    return jsonify(held=sorted(held), lease=lease())


def lease() -> str:
    """When a claim that is taken now ends, as a page repeats it."""
    return (utc_now() + timedelta(seconds=current_app.config["CLAIM_SECONDS"])).isoformat()
