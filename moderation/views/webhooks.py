"""/v1/webhook-endpoints: where the site's server wants to be told."""

from typing import Any

from flask import current_app, g

from moderation.db import db
from moderation.schemas.base import PageQuery
from moderation.schemas.webhooks import EndpointIn, EndpointPageOut, NewEndpointOut
from moderation.services import endpoints
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import decode_cursor, encode_cursor
from moderation.views.transaction import changes

PREFIX = "/v1/webhook-endpoints"
bp = api_blueprint("webhook-endpoints", prefix=PREFIX, scope="admin", about="Where events are sent.")


@bp.post("")
@bp.arguments(EndpointIn)
@changes
@bp.response(201, NewEndpointOut)
def create(data: dict[str, Any]) -> Any:
    """Register an endpoint

    The answer holds the secret that signs its deliveries, this once. Without ``event_types`` it gets
    every type.
    """
    config = current_app.config
    private, plain = config["WEBHOOK_ALLOW_PRIVATE"], config["ENV"] == "development"
    session = db.session()
    return endpoints.create(session, g.site.id, private=private, plain=plain, actor=g.actor, **data), 201


@bp.get("")
@bp.arguments(PageQuery, location="query")
@bp.response(200, EndpointPageOut)
def index(query: dict[str, Any]) -> Any:
    """List endpoints, newest first, without their secrets"""
    after = decode_cursor(query["cursor"], str)
    items, last = endpoints.page(db.session(), g.site.id, after=after[0] if after else None, limit=query["limit"])
    return {"items": items, "next_cursor": encode_cursor([last] if last else None)}


@bp.delete("/<id>")
@changes
@bp.response(204)
def remove(id: str) -> None:
    """Delete an endpoint, and what was waiting for it"""
    endpoints.remove(db.session(), endpoints.get(db.session(), g.site.id, id), actor=g.actor)
