"""/integrations/coral: Coral's external moderation phase and its webhooks, believed for their signature.

Every answer that is not a good one makes Coral take the comment unmoderated, so bad input gets the status that
says so and nothing more is hoped of it. There is no shape of errors in Coral's protocol: it logs the number.
"""

import logging
import time
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, current_app, g, json, request

from moderation import coral, scoring
from moderation.coral import Asked
from moderation.db import db, mark_reading
from moderation.errors import NotReady, SignatureUnknown
from moderation.models import CoralSite, Site, table_of, utc_now
from moderation.services import policies
from moderation.services.comments import Scored
from moderation.services.coral import accounts, phase, way_back
from moderation.views.transaction import before_writing, changes

log = logging.getLogger("replydesk")
bp = Blueprint("coral", __name__, url_prefix="/integrations/coral")
_MOST_NAME = 64
_SITE, _CORAL = table_of(Site).c, table_of(CoralSite).c
# A row, not objects: asked before every answer, and read only.
_ASKED = (
    sa.select(*_SITE, *(column for column in _CORAL if column.name != "created_at"))
    .join_from(table_of(Site), table_of(CoralSite), _CORAL.site_id == _SITE.id)
    .where(_SITE.name == sa.bindparam("name"))
)
# Of the budget: for what comes after the scores, the writing.
RESERVE_SECONDS = 0.1


class Caller(NamedTuple):
    """In the place of a site key."""

    id: str


@bp.before_request
def check_signature() -> None:
    """Let only what is signed with a secret of the site through; what is wrong with the rest is not told."""
    g.began = time.monotonic()
    mark_reading(True)
    row = _row(str((request.view_args or {}).get("site", "")))
    header, body = request.headers.get("X-Coral-Signature", ""), request.get_data()
    if row is None or not coral.is_signed(header, body, row.secrets):
        raise SignatureUnknown("The signature is missing, or not by a secret of this site.")
    db.session.rollback()
    mark_reading(False)
    g.site = g.account = row
    g.api_key, g.actor = Caller("integration:coral"), "integration:coral"


def _row(name: str) -> Any:
    """The site and how its Coral is known, in one row; None where there is none."""
    if "\x00" in name or len(name) > _MOST_NAME:
        return None
    return db.session.connection().execute(_ASKED, {"name": name}).one_or_none()


def _score(site: str) -> Scored | None:  # noqa: ARG001 -- as in the views: the address names it
    """The scores of a question that is new, in the time that is left for them; None for any other."""
    asked: Asked = coral.read_request(request.get_data())
    g.asked = asked
    text = phase.text_of(asked)
    if not text or phase.known(db.session(), g.site.id, asked, now=utc_now()) is not None:
        return None
    budget = float(current_app.config["CORAL_BUDGET_MS"]) / 1_000
    left = budget - RESERVE_SECONDS - (time.monotonic() - g.began)
    try:
        return scoring.current().score([text], within_seconds=max(0.0, left))[0]
    except NotReady:
        log.error("coral: no model can score, so Coral takes a comment of %s unmoderated", g.site.name)  # noqa: TRY400 -- the sentence is the finding
        raise


@bp.post("/<site>")
@before_writing(_score)
@changes
def moderate(site: str, prepared: Scored | None) -> Response:  # noqa: ARG001 -- the address names it, and the signature has proved it
    """Coral's external moderation phase: a status and flags for a comment, or no opinion (204)"""
    session = db.session()
    policy = policies.in_force(session, g.site)
    keep = g.account.decides == accounts.BY_DESK
    scored = prepared or Scored(None, "")
    return _say(phase.answer(session, g.site, policy, scored, g.asked, keep=keep, actor=g.actor))


@bp.post("/<site>/events")
@changes
def hear(site: str) -> Response:  # noqa: ARG001 -- as above
    """Coral's webhooks: where people decided there, the comment is looked at and learnt from"""
    # Coral switches off an endpoint that refuses, so an event that is not ours to use is taken and let go.
    told = coral.read_object(request.get_data())
    noted = way_back.note(db.session(), g.account, told, now=utc_now())
    return Response(json.dumps({"noted": noted}), mimetype="application/json")


def _say(body: Any) -> Response:
    return Response(json.dumps(body), mimetype="application/json") if body else Response(status=204)


def install(app: Flask) -> None:
    app.register_blueprint(bp)
