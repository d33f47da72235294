"""Who is calling: an API key becomes a site, for the whole blueprint, so that no route can forget it."""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import Blueprint, Flask, current_app, g, request

from moderation.db import db, mark_reading, reading
from moderation.errors import Forbidden, NotFound, Unauthenticated
from moderation.known_keys import KnownKeys, Name, Rows
from moderation.models import ApiKey, Site, table_of, utc_now

SCOPES = ("comments", "score", "readers", "review", "admin")
_KEYS, _SITES = table_of(ApiKey), table_of(Site)
# Rows, not objects: asked on every request, and read only.
_KEY = sa.select(_KEYS).where(_KEYS.c.sha256 == sa.bindparam("digest"), _KEYS.c.door == sa.bindparam("door"))
_SITE = sa.select(_SITES).where(_SITES.c.id == sa.bindparam("id"))
# Blueprint: the scope that it asks for, and whether its POSTs only read.
SCOPE_OF: dict[str, tuple[str, bool]] = {}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
LONGEST_ID = 255
View = TypeVar("View", bound=Callable[..., Any])


def init_app(app: Flask) -> None:
    app.extensions["known_keys"] = KnownKeys()


def require_scope(blueprint: Blueprint, scope: str, *, reads: bool = False) -> None:
    """Let only keys with ``scope`` through to the blueprint; ``reads`` says that its POSTs write nothing."""

    def check() -> None:
        if request.method == "OPTIONS":
            return
        if any(_is_no_id(str(value)) for value in (request.view_args or {}).values()):
            raise NotFound(f"No id holds a NUL or more than {LONGEST_ID} characters.")
        view = current_app.view_functions[request.endpoint or ""]
        g.api_key, g.site = find(_token(), remembered=getattr(view, "may_remember_key", False))
        mark_reading(reads or request.method in SAFE_METHODS)
        g.actor = f"key:{g.api_key.id}"
        if scope not in g.api_key.scopes:
            raise Forbidden(f"This key lacks the scope “{scope}”.", needed=scope)

    SCOPE_OF[blueprint.name] = (scope, reads)
    blueprint.before_request(check)


def may_remember_key(view: View) -> View:
    """Let a view that only reads believe what is known of a key for a second: what another process changed, late."""
    view.may_remember_key = True  # type: ignore[attr-defined]  # found again through the view's wrappers
    return view


def _is_no_id(text: str) -> bool:
    return "\x00" in text or len(text) > LONGEST_ID


def _token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send the site key as “Authorization: Bearer <key>”.")
    return token.strip()


def find(token: str, *, door: str = "api", remembered: bool = False) -> tuple[Any, Any]:
    """Return the rows of the key and its site; raise ``Unauthenticated``. A key opens the door it was made for.

    With ``remembered``, what another process has changed is seen within ``known_keys.SECONDS``, and the rows are
    shared: only read them.
    """
    # Looking up a hash of 256 random bits leaks nothing through its timing that would help to guess one.
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
    name = (digest, door)
    rows = current_app.extensions["known_keys"].find(name, _read) if remembered else _read(name)
    if rows is None or rows[0].revoked_at or (rows[0].expires_at and rows[0].expires_at <= utc_now()):
        raise Unauthenticated("This key is unknown, expired or revoked.")
    return rows[0], rows[1]


def _read(name: Name) -> Rows | None:
    """Ask the database, in a transaction that only reads and ends here: whoever writes takes the lock later."""
    with reading():
        connection = db.session.connection()
        key = connection.execute(_KEY, {"digest": name[0], "door": name[1]}).one_or_none()
        site = connection.execute(_SITE, {"id": key.site_id}).one() if key else None
        db.session.rollback()
    return None if key is None else (key, site)
