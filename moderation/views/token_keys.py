"""/v1/sites/{site}/jwks.json: the public keys of a site's entitlement tokens, for whoever verifies one."""

import sqlalchemy as sa
from flask import Blueprint, Response, json, request

from moderation.db import db, mark_reading
from moderation.errors import NotFound
from moderation.models import Site, utc_now
from moderation.services import token_keys

bp = Blueprint("token-keys", __name__, url_prefix="/v1/sites")
bp.before_request(lambda: mark_reading(True))
_MOST_NAME = 64


@bp.get("/<site>/jwks.json")
def show(site: str) -> Response:
    """The public keys of a site's entitlement tokens, as a JWK Set"""
    found = None
    if "\x00" not in site and len(site) <= _MOST_NAME:
        found = db.session.scalar(sa.select(Site).where(Site.name == site))
    if found is None:
        raise NotFound("There is no such site.")
    document = token_keys.key_set(db.session(), found, now=utc_now())
    # RFC 7517 8.5.2 has the media type; what caches keep after an error is RFC 5861.
    response = Response(json.dumps(document), mimetype="application/jwk-set+json")
    response.headers["Cache-Control"] = f"public, max-age={token_keys.CACHE_SECONDS}, stale-if-error=86400"
    response.add_etag()
    response.make_conditional(request)
    return response
