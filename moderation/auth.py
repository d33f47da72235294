"""Who is calling: an API key becomes a site, for the whole blueprint, so that no route can forget it."""

import hashlib

import sqlalchemy as sa
from flask import Blueprint, g, request

from moderation.db import db, mark_reading
from moderation.errors import Forbidden, NotFound, Unauthenticated
from moderation.models import ApiKey, Site, utc_now

SCOPES = ("comments", "score", "readers", "review", "admin")
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def require_scope(blueprint: Blueprint, scope: str, *, reads: bool = False) -> None:
    """Let only keys with ``scope`` through to the blueprint; ``reads`` says that its POSTs write nothing."""

    def check() -> None:
        if request.method == "OPTIONS":
            return
        if any("\x00" in str(value) for value in (request.view_args or {}).values()):
            raise NotFound("No id holds a NUL.")
        mark_reading(reads or request.method in _SAFE_METHODS)
        g.api_key, g.site = _find(_token())
        g.actor = f"key:{g.api_key.id}"
        if scope not in g.api_key.scopes:
            raise Forbidden(f"This key lacks the scope “{scope}”.", needed=scope)

    blueprint.before_request(check)


def _token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send the site key as “Authorization: Bearer <key>”.")
    return token.strip()


def _find(token: str) -> tuple[ApiKey, Site]:
    # Looking up a hash of 256 random bits leaks nothing through its timing that would help to guess one.
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
    query = sa.select(ApiKey, Site).join(Site, Site.id == ApiKey.site_id)
    row = db.session.execute(query.where(ApiKey.sha256 == digest, ApiKey.door == "api")).one_or_none()
    if row is None or row.ApiKey.revoked_at or (row.ApiKey.expires_at and row.ApiKey.expires_at <= utc_now()):
        raise Unauthenticated("This key is unknown, expired or revoked.")
    return row.ApiKey, row.Site
