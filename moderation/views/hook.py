"""/v1/hook: where the site's own rule is asked."""

from typing import Any

from flask import current_app, g

from moderation.db import db
from moderation.models import SiteHook, utc_now
from moderation.schemas.hook import HookIn, HookOut, NewHookOut
from moderation.services import site_hooks
from moderation.views.blueprint import api_blueprint
from moderation.views.transaction import changes

bp = api_blueprint("hook", prefix="/v1/hook", scope="admin", about="The site's own rule.")


@bp.get("")
@bp.response(200, HookOut)
def show() -> Any:
    """The hook, without its secret, and how it goes"""
    return _told(site_hooks.find(db.session(), g.site.id))


def _told(row: SiteHook) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in HookOut().fields}
    until = row.old_secret_until
    return told | {"old_secret_until": until if until and until > utc_now() else None}


@bp.put("")
@bp.arguments(HookIn)
@changes
@bp.response(200, NewHookOut)
@bp.alt_response(201, schema=NewHookOut, description="There was none; the answer holds the secret, this once.")
def save(data: dict[str, Any]) -> Any:
    """Set the address that the rule `site_hook` asks

    A new hook gets a secret that signs every question (Standard Webhooks); the answer holds it, this once.
    Another address keeps the secret.
    """
    config = current_app.config
    private, plain = config["WEBHOOK_ALLOW_PRIVATE"], config["ENV"] == "development"
    row, new = site_hooks.put(db.session(), g.site.id, private=private, plain=plain, actor=g.actor, **data)
    told = _told(row)
    return (told | {"secret": row.secret}, 201) if new else (told, 200)


@bp.post("/secret")
@changes
@bp.response(201, NewHookOut)
def rotate() -> Any:
    """Make a new secret

    For another 24 hours both sign. The answer holds the new one, this once.
    """
    row = site_hooks.rotate(db.session(), g.site.id, actor=g.actor)
    return _told(row) | {"secret": row.secret}, 201


@bp.delete("")
@changes
@bp.response(204)
def remove() -> None:
    """Forget the hook

    While the rule `site_hook` is enabled, what it would have been asked about waits for people.
    """
    site_hooks.remove(db.session(), g.site.id, actor=g.actor)
