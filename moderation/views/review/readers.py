"""One reader: what became of their comments and of their account, and what may be done about both."""

import secrets
from collections.abc import Mapping
from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask_login import current_user
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from moderation.db import db, mark_reading
from moderation.errors import Conflict
from moderation.http_errors import STATUS, flatten
from moderation.models import Reader
from moderation.schemas.review import BAN_DAYS, MOST_GOODWILL, GoodwillForm, LedgerQuery, StandingForm
from moderation.services import audit, grants, moderators, standing
from moderation.services.review import account, cards, queues
from moderation.views.review.blueprint import bp, form_fields, needs


def _actor() -> str:
    return f"moderator:{current_user.moderator.id}"


@bp.get("/<site>/readers/<path:id>")
def reader(site: str, id: str) -> Any:  # noqa: ARG001 -- the guard has found the site
    """Show a reader; that somebody looked is recorded."""
    below = LedgerQuery().load({name: request.args[name] for name in ("below",) if name in request.args})["below"]
    database = db.session()
    found = standing.find(database, g.site.id, id)
    database.commit()
    mark_reading(False)
    audit.record(database, site_id=g.site.id, actor=_actor(), action="reader.opened", subject=found.id)
    database.commit()
    mark_reading(True)
    return _page(found, below=below)


def _page(
    found: Reader, *, below: int | None = None, typed: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    database = db.session()
    senior = moderators.at_least(g.role, "senior")
    return render_template(
        "review/reader.html", reader=found, outcomes=cards.outcomes(database, found),
        figure=standing.earned(database, found.site_id, found.id), days=BAN_DAYS, queue="",
        counts=queues.counts(database, g.site.id), oldest=None, until_lifted=standing.UNTIL_LIFTED,
        may_sanction=senior, may_give=senior, books=account.books(database, g.site.id, found.id, below=below),
        ticket=secrets.token_hex(12), typed=typed or {}, wrong=wrong or {}, most_goodwill=MOST_GOODWILL, below=below,
    )  # fmt: skip


@bp.post("/<site>/goodwill/<path:id>")
@needs("senior")
def give_goodwill(site: str, id: str) -> Any:
    """Give a reader unlocks for a reason; what does not fit is said beside its field, nothing changes."""
    database, typed = db.session(), form_fields()
    found = standing.find(database, g.site.id, id)
    try:
        form = GoodwillForm().load(typed)
        grant = {
            "unlocks": form["unlocks"], "kind": "goodwill", "reference": f"goodwill-{form['ticket']}",
            "expires_at": None, "reason": form["reason"].strip(),
        }  # fmt: skip
        given, new = grants.give(database, g.site, found.id, grant, actor=_actor())
    except ValidationError as error:
        wrong = {item["pointer"].removeprefix("#/"): item["detail"] for item in flatten(error.messages)}
        return _page(found, typed=typed, wrong=wrong), 422
    except Conflict as error:
        database.rollback()
        sentence = "This form gave unlocks before, and nothing was given now. Send it again to give more."
        return _page(found, typed=typed, wrong={"ticket": sentence}), STATUS[type(error)]
    database.commit()
    done = f"Gave {given['unlocks']}" if new else "They were given already, and nothing was given twice"
    flash(f"{done}. Unlock left: {given['unlock_left']}.", "note")
    return redirect(url_for("review.reader", site=site, id=found.id))


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
