"""One reader: what became of their comments, and what may be done about them."""

from typing import Any

from flask import flash, g, redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from moderation.db import db, mark_reading
from moderation.schemas.review import BAN_DAYS, StandingForm
from moderation.services import audit, moderators, standing
from moderation.services.review import cards, queues
from moderation.views.review.blueprint import bp, form_fields, needs


def _actor() -> str:
    return f"moderator:{current_user.moderator.id}"


@bp.get("/<site>/readers/<path:id>")
def reader(site: str, id: str) -> Any:  # noqa: ARG001 -- the guard has found the site
    """Show a reader; that somebody looked is recorded."""
    database = db.session()
    found = standing.find(database, g.site.id, id)
    database.commit()
    mark_reading(False)
    audit.record(database, site_id=g.site.id, actor=_actor(), action="reader.opened", subject=found.id)
    database.commit()
    mark_reading(True)
    return render_template(
        "review/reader.html", reader=found, outcomes=cards.outcomes(database, found), days=BAN_DAYS, queue="",
        counts=queues.counts(database, g.site.id), oldest=None, until_lifted=standing.UNTIL_LIFTED,
        may_sanction=moderators.at_least(g.role, "senior"),
    )  # fmt: skip


@bp.post("/<site>/standing/<path:id>")
@needs("senior")
def change_standing(site: str, id: str) -> Response:
    """Ban or lift a ban; look first or no longer."""
    form = StandingForm().load(form_fields())
    database = db.session()
    found = standing.find(database, g.site.id, id)
    if form["do"] == "ban":
        days = None if form["days"] == "lifted" else int(form["days"])
        standing.ban(database, found, days=days, reason=form["reason"].strip(), actor=_actor())
        flash("Banned. New replies are refused; those that stand stay.", "note")
    elif form["do"] == "unban":
        standing.unban(database, found, actor=_actor())
        flash("The ban is lifted.", "note")
    else:
        standing.premoderate(database, found, on=form["do"] == "premoderate", actor=_actor())
        now = "People look first from now on." if found.premoderated else "The policy decides again."
        flash(now, "note")
    database.commit()
    return redirect(url_for("review.reader", site=site, id=found.id))
