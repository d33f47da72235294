"""/v1/providers/generic: events of other payment providers, believed for their signature (Standard Webhooks)."""

import time
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, Response, g, json, request
from marshmallow import ValidationError

from moderation import signing
from moderation.db import db
from moderation.errors import Invalid, Malformed, SignatureInvalid
from moderation.models import utc_now
from moderation.schemas.provider_events import BY_TYPE, ProviderEventIn
from moderation.services import generic_events, provider_events, providers
from moderation.services.providers import GENERIC
from moderation.stripe import Told
from moderation.views.doors.stripe import Caller, site_named
from moderation.views.transaction import changes

bp = Blueprint("generic", __name__, url_prefix="/v1/providers/generic")
_AHEAD = timedelta(seconds=signing.TOLERANCE_SECONDS)


@bp.before_request
def check_signature() -> None:
    """Let only what is signed with a secret of the site through; what is wrong with the rest is not told."""
    g.site = site_named(str((request.view_args or {}).get("site", "")))
    account = providers.find(db.session(), g.site.id, GENERIC) if g.site else None
    given = {name.lower(): value for name, value in request.headers.items()}
    if account is None or not signing.is_signed(given, request.get_data(), account.secrets, now=int(time.time())):
        raise SignatureInvalid("The signature is missing, old, or not by a secret of this site.")
    g.api_key = Caller("provider:generic")


@bp.post("/<site>/events")
@changes
def receive(site: str) -> Response:  # noqa: ARG001 -- the address names it, and the signature has proved it
    """Events of another payment provider, by Standard Webhooks: kept once, and applied or put into quarantine"""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise Malformed("The body is not a JSON document in UTF-8.") from None
    event = ProviderEventIn().load(body)
    if event["timestamp"] > utc_now() + _AHEAD:
        raise Invalid.field("timestamp", "Lies in the future.")
    told = _read(event["type"], event["timestamp"], event["data"])
    became = provider_events.receive(db.session(), g.site, told, provider=GENERIC)
    return Response(json.dumps({"event": told.id, "outcome": became}), mimetype="application/json")


def _read(type: str, timestamp: datetime, data: dict[str, Any]) -> Told:
    """The event with its data checked; of a type that is not known nothing is kept but that it came."""
    schema, checked = BY_TYPE.get(type), {}
    if schema is not None:
        try:
            checked = schema().load(data)
        except ValidationError as error:
            raise ValidationError({"data": error.messages}) from None
    return generic_events.told(request.headers["webhook-id"], type, timestamp, checked)


def install(app: Flask) -> None:
    app.register_blueprint(bp)
