"""/v1/providers/stripe: events of Stripe, believed for their signature (protocols.md 4)."""

import time
from typing import NamedTuple

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, g, json, request

from moderation import stripe
from moderation.db import db
from moderation.errors import SignatureInvalid
from moderation.models import Site, utc_now
from moderation.services import provider_events, providers
from moderation.views.transaction import changes

bp = Blueprint("stripe", __name__, url_prefix="/v1/providers/stripe")
_MOST_NAME = 64


class Caller(NamedTuple):
    """In the place of a site key."""

    id: str


@bp.before_request
def check_signature() -> None:
    """Let only what is signed with a secret of the site through; what is wrong with the rest is not told."""
    g.site = site_named(str((request.view_args or {}).get("site", "")))
    account = providers.find(db.session(), g.site.id) if g.site else None
    header, body = request.headers.get("Stripe-Signature", ""), request.get_data()
    if account is None or not stripe.is_signed(header, body, account.secrets, now=int(time.time())):
        raise SignatureInvalid("The signature is missing, old, or not by a secret of this site.")
    g.api_key = Caller("provider:stripe")


def site_named(name: str) -> Site | None:
    if "\x00" in name or len(name) > _MOST_NAME:
        return None
    return db.session.scalar(sa.select(Site).where(Site.name == name))


@bp.post("/<site>/events")
@changes
def receive(site: str) -> Response:  # noqa: ARG001 -- the address names it, and the signature has proved it
    """Stripe's events: kept once, and applied or put into quarantine"""
    told = stripe.read(request.get_data(), now=utc_now())
    became = provider_events.receive(db.session(), g.site, told)
    return Response(json.dumps({"event": told.id, "outcome": became}), mimetype="application/json")


def install(app: Flask) -> None:
    app.register_blueprint(bp)
