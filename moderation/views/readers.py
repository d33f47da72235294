"""/v1/readers/{reader_id}: one reader at a glance, access, export and erasure."""

from typing import Any

from flask import g

from moderation.auth import may_remember_key
from moderation.db import db
from moderation.schemas.readers import AccessOut, AccessQuery, EntitlementTokenOut, ReaderExportOut, ReaderOut
from moderation.services import access, entitlements, erasure, export, readers
from moderation.views.asked import tag_of
from moderation.views.blueprint import api_blueprint
from moderation.views.transaction import changes

bp = api_blueprint("readers", prefix="/v1/readers", scope="readers", about="Readers, by the site's own ids.")


@bp.get("/<reader_id>")
@bp.response(200, ReaderOut)
def show(reader_id: str) -> Any:
    """What a reader has, and how they stand

    A reader who was never named has nothing and stands well. The ETag fits in ``If-Match`` of every change of
    the reader's unlocks, grants and subscription.
    """
    tag = tag_of(reader_id)
    body = readers.overview(db.session(), g.site.id, reader_id) | {"time_zone": g.site.time_zone}
    return body, 200, {"ETag": tag}


@bp.get("/<reader_id>/access")
@bp.arguments(AccessQuery, location="query")
@bp.response(200, AccessOut)
@may_remember_key
def show_access(query: dict[str, Any], reader_id: str) -> Any:
    """May this reader read this post, and why?

    Asked in this order: is the post free, does a subscription open it, was it unlocked, does the meter open it.
    Asking counts nothing.
    """
    return access.find(db.session(), g.site, reader_id, query["post_id"])


@bp.get("/<reader_id>/entitlement-token")
@bp.response(200, EntitlementTokenOut)
def show_token(reader_id: str) -> Any:
    """What this reader may read, signed for the site's edge

    Verified with the keys of `/v1/sites/{site}/jwks.json`. Nothing is stored, and nothing takes a token back: it
    says what was true when it was made, for as long as time alone does not change it.
    """
    return entitlements.issue(db.session(), g.site, reader_id)


@bp.get("/<reader_id>/export")
@bp.response(200, ReaderExportOut)
def show_export(reader_id: str) -> Any:
    """Everything that is held on a reader"""
    return export.of_reader(db.session(), g.site.id, reader_id)


@bp.delete("/<reader_id>")
@changes
@bp.response(204)
def erase(reader_id: str) -> None:
    """Erase a reader

    Everything personal goes, for good; the ledger stays under an id that means nothing.
    """
    erasure.erase(db.session(), g.site, reader_id, actor=g.actor)
