"""/v1/meter, views that are counted, and readers who did not sign in."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.metering import AnonymousReaderOut, MergeIn, MergeOut, MeterIn, MeterOut, ViewIn, ViewOut
from moderation.schemas.readers import AccessOut, AccessQuery
from moderation.services import anonymous_readers, meter_rules, metered_views
from moderation.views.blueprint import api_blueprint
from moderation.views.transaction import changes

bp = api_blueprint("metering", prefix="/v1", scope="readers", about="Free posts a window, counted by reader.")
NOT_COUNTED = "Something else opens the post, or it was counted already; nothing was spent."


@bp.get("/meter")
@bp.response(200, MeterOut)
def show() -> Any:
    """Read the meter: how many free posts a window gives"""
    return meter_rules.get(g.site)


@bp.put("/meter")
@bp.arguments(MeterIn)
@changes
@bp.response(200, MeterOut)
@bp.alt_response(201, schema=MeterOut, description="There was no meter before.")
def save(data: dict[str, Any]) -> Any:
    """Give free posts a window, by these rules from now on

    A post is counted by one rule: its section's own, else the general one.
    """
    meter, new = meter_rules.save(db.session(), g.site, data, actor=g.actor)
    return meter, 201 if new else 200


@bp.delete("/meter")
@changes
@bp.response(204)
def remove() -> None:
    """Give no free posts any more"""
    meter_rules.remove(db.session(), g.site, actor=g.actor)


@bp.post("/readers/<reader_id>/views")
@bp.arguments(ViewIn)
@changes
@bp.response(201, ViewOut)
@bp.alt_response(200, schema=ViewOut, description=NOT_COUNTED)
@bp.alt_response(409, description="`meter_used_up` or `not_metered`: the reader may not read it.")
def count(data: dict[str, Any], reader_id: str) -> Any:
    """Count that a reader reads a post, where the meter opens it"""
    answer, new = metered_views.count(db.session(), g.site, reader_id, data["post_id"])
    return answer, 201 if new else 200


@bp.post("/readers/<reader_id>/merge")
@bp.arguments(MergeIn)
@changes
@bp.response(201, MergeOut)
@bp.alt_response(200, schema=MergeOut, description="The token was merged into this reader before.")
@bp.alt_response(409, description="`anonymous_reader_merged`: into another reader.")
def merge(data: dict[str, Any], reader_id: str) -> Any:
    """Count for a reader who signs in what was counted for the token, once"""
    answer, new = anonymous_readers.merge(db.session(), g.site, reader_id, data["anonymous"], actor=g.actor)
    return answer, 201 if new else 200


@bp.post("/anonymous-readers")
@changes
@bp.response(201, AnonymousReaderOut)
def make() -> Any:
    """Make a token for a visitor who has not signed in; it is shown this once"""
    return {"token": anonymous_readers.make(db.session(), g.site)}


@bp.get("/anonymous-readers/<token>/access")
@bp.arguments(AccessQuery, location="query")
@bp.response(200, AccessOut)
def show_access(query: dict[str, Any], token: str) -> Any:
    """May this visitor read this post, and why?

    Asking counts nothing.
    """
    return anonymous_readers.access(db.session(), g.site, token, query["post_id"])


@bp.post("/anonymous-readers/<token>/views")
@bp.arguments(ViewIn)
@changes
@bp.response(201, ViewOut)
@bp.alt_response(200, schema=ViewOut, description=NOT_COUNTED)
@bp.alt_response(409, description="`meter_used_up`, `not_metered`, or `anonymous_reader_merged`.")
def count_anonymous(data: dict[str, Any], token: str) -> Any:
    """Count that a visitor reads a post, where the meter opens it"""
    answer, new = metered_views.count_anonymous(db.session(), g.site, token, data["post_id"])
    return answer, 201 if new else 200
