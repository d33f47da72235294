"""/v1/webhook-endpoints: where the site's server wants to be told."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.models import WebhookEndpoint
from moderation.schemas.base import PageQuery
from moderation.schemas.webhooks import (
    DeliveryLogOut,
    DeliveryQuery,
    EndpointChangeIn,
    EndpointIn,
    EndpointOut,
    EndpointPageOut,
    EndpointReplayIn,
    LoggedDeliveryOut,
    LoggedDeliveryPageOut,
    NewEndpointOut,
    ReplayedOut,
    RotationIn,
)
from moderation.services import delivery_log, endpoints, events
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import decode_cursor, encode_cursor
from moderation.views.transaction import changes
from moderation.views.webhook_settings import where_we_run

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
    return endpoints.create(db.session(), g.site.id, **where_we_run(), actor=g.actor, **data), 201


@bp.get("")
@bp.arguments(PageQuery, location="query")
@bp.response(200, EndpointPageOut)
def index(query: dict[str, Any]) -> Any:
    """List endpoints, newest first, without their secrets"""
    after = decode_cursor(query["cursor"], str)
    items, last = endpoints.page(db.session(), g.site.id, after=after[0] if after else None, limit=query["limit"])
    return {"items": items, "next_cursor": encode_cursor([last] if last else None)}


@bp.get("/<id>")
@bp.response(200, EndpointOut)
def show(id: str) -> Any:
    """Read an endpoint, without its secret"""
    return _endpoint(id)


@bp.patch("/<id>")
@bp.arguments(EndpointChangeIn)
@changes
@bp.response(200, EndpointOut)
def change(data: dict[str, Any], id: str) -> Any:
    """Change an endpoint: its address, its event types, enabled or not

    What is left out stays. Disabled, nothing is sent to it and what waited for it is dead; enabled again, it begins
    anew with new events, and what is dead can be replayed.
    """
    endpoint = endpoints.held(db.session(), g.site.id, id)
    endpoints.update(db.session(), endpoint, **where_we_run(), actor=g.actor, **data)
    return endpoint


@bp.delete("/<id>")
@changes
@bp.response(204)
def remove(id: str) -> None:
    """Delete an endpoint, and what was waiting for it"""
    endpoints.remove(db.session(), _endpoint(id), actor=g.actor)


@bp.post("/<id>/rotate")
@bp.arguments(RotationIn, required=False)
@changes
@bp.response(200, NewEndpointOut)
def rotate(data: dict[str, Any], id: str) -> Any:
    """Give an endpoint a new secret

    The answer holds it, this once. Until ``rotating_until`` each delivery is signed with the old one, too; with
    ``overlap_hours`` 0 every old secret ends now.
    """
    endpoint = endpoints.held(db.session(), g.site.id, id)
    endpoints.rotate(db.session(), endpoint, actor=g.actor, **data)
    return endpoint


@bp.post("/<id>/test")
@changes
@bp.response(202, LoggedDeliveryOut)
def test(id: str) -> Any:
    """Send an event of the type `endpoint.test` to this endpoint alone

    It is sent as any other; read the delivery to see what was answered.
    """
    session = db.session()
    delivery = endpoints.send_test(session, _endpoint(id), actor=g.actor)
    return delivery_log.describe(delivery, events.get(session, g.site.id, delivery.event_id))


@bp.post("/<id>/replay")
@bp.arguments(EndpointReplayIn, required=False)
@changes
@bp.response(202, ReplayedOut)
def replay(data: dict[str, Any], id: str) -> Any:
    """Send one event, or all dead deliveries, to this endpoint again

    With ``event_id`` that event; without it every dead delivery, or those of events that happened from ``since`` on and
    before ``until``. Ids and bytes are as they were.
    """
    session, endpoint = db.session(), _endpoint(id)
    if "event_id" in data:
        event = events.get(session, g.site.id, data["event_id"])
        return {"deliveries": events.replay_to(session, endpoint, event, actor=g.actor)}
    since, until = data.get("since"), data.get("until")
    return {"deliveries": events.replay_dead(session, endpoint, since=since, until=until, actor=g.actor)}


@bp.get("/<id>/deliveries")
@bp.arguments(DeliveryQuery, location="query")
@bp.response(200, LoggedDeliveryPageOut)
def deliveries(query: dict[str, Any], id: str) -> Any:
    """List an endpoint's deliveries, newest first; `state=dead` for those that were given up"""
    after = decode_cursor(query.pop("cursor"), str)
    items, last = delivery_log.page(db.session(), _endpoint(id), after=after[0] if after else None, **query)
    return {"items": items, "next_cursor": encode_cursor([last] if last else None)}


@bp.get("/<id>/deliveries/<delivery_id>")
@bp.response(200, DeliveryLogOut)
def delivery(id: str, delivery_id: str) -> Any:
    """Read a delivery: what was sent, and each attempt with what was answered, newest first"""
    return delivery_log.show(db.session(), _endpoint(id), delivery_id)


def _endpoint(id: str) -> WebhookEndpoint:
    return endpoints.get(db.session(), g.site.id, id)
