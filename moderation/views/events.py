"""/v1/events: what happened, and how telling it went."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.webhooks import EventOut, EventPageOut, EventQuery
from moderation.services import events
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import decode_cursor, encode_cursor
from moderation.views.transaction import changes

bp = api_blueprint("events", prefix="/v1/events", scope="admin", about="What happened, and its deliveries.")


@bp.get("")
@bp.arguments(EventQuery, location="query")
@bp.response(200, EventPageOut)
def index(query: dict[str, Any]) -> Any:
    """List events with their deliveries, newest first"""
    after = decode_cursor(query.pop("cursor"), str)
    items, last = events.page(db.session(), g.site.id, after=after[0] if after else None, **query)
    return {"items": items, "next_cursor": encode_cursor([last] if last else None)}


@bp.post("/<id>/replay")
@changes
@bp.response(202, EventOut)
def replay(id: str) -> Any:
    """Send an event again, with the same id and bytes

    It goes to every enabled endpoint that asks for its type now.
    """
    session = db.session()
    event = events.get(session, g.site.id, id)
    events.replay(session, event, actor=g.actor)
    return events.describe(session, [event])[0]
