"""/v1/readers/{reader_id}/unlocks, grants and ledger: posts opened one by one."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.base import PageQuery
from moderation.schemas.readers import (
    GrantChangeOut,
    GrantIn,
    GrantRefundIn,
    GrantRefundOut,
    LedgerPageOut,
    OpenGrantListOut,
    UnlockChangeOut,
    UnlockIn,
    UnlockPageOut,
)
from moderation.services import grant_refunds, grants, unlocks
from moderation.views.asked import asked
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import IF_MATCH, decode_cursor, decode_id, encode_cursor
from moderation.views.transaction import changes

bp = api_blueprint("unlocks", prefix="/v1/readers", scope="readers", about="Posts opened one by one.")


@bp.post("/<reader_id>/unlocks")
@bp.arguments(UnlockIn)
@changes
@bp.response(201, UnlockChangeOut)
@bp.alt_response(200, schema=UnlockChangeOut, description="It was open already; nothing was spent.")
@bp.alt_response(409, description="`no_unlocks_left`.")
@bp.doc(parameters=[IF_MATCH])
@asked
def unlock(data: dict[str, Any], reader_id: str) -> Any:
    """Spend one unlock on a post"""
    opened, new = unlocks.unlock(db.session(), g.site, reader_id, data["post_id"], actor=g.actor)
    return opened, 201 if new else 200


@bp.get("/<reader_id>/unlocks")
@bp.arguments(PageQuery, location="query")
@bp.response(200, UnlockPageOut)
def index(query: dict[str, Any], reader_id: str) -> Any:
    """List the posts that a reader has unlocked, newest first"""
    after, limit = decode_id(query["cursor"]), query["limit"]
    items, last = unlocks.page(db.session(), g.site.id, reader_id, after=after, limit=limit)
    return {"items": items, "next_cursor": encode_cursor([last] if last else None)}


@bp.delete("/<reader_id>/unlocks/<post_id:post_id>")
@changes
@bp.response(200, UnlockChangeOut)
@bp.alt_response(409, description="`state_forbids`: the site's time for it is over.")
@bp.doc(parameters=[IF_MATCH])
@asked
def refund(reader_id: str, post_id: str) -> Any:
    """Close a post again and give its unlock back, within the site's window"""
    return unlocks.refund(db.session(), g.site, reader_id, post_id, actor=g.actor)


@bp.post("/<reader_id>/grants")
@bp.arguments(GrantIn)
@changes
@bp.response(201, GrantChangeOut)
@bp.alt_response(200, schema=GrantChangeOut, description="This kind and reference came before; credited once.")
@bp.doc(parameters=[IF_MATCH])
@asked
def give(data: dict[str, Any], reader_id: str) -> Any:
    """Give a reader unlocks"""
    grant, new = grants.give(db.session(), g.site, reader_id, data, actor=g.actor)
    return grant, 201 if new else 200


@bp.post("/<reader_id>/grants/refunds")
@bp.arguments(GrantRefundIn)
@changes
@bp.response(201, GrantRefundOut)
@bp.alt_response(200, schema=GrantRefundOut, description="This refund was told before; taken back once.")
@bp.alt_response(409, description="`conflict`: the order or the refund is another one.")
@bp.doc(parameters=[IF_MATCH])
@asked
def refund_order(data: dict[str, Any], reader_id: str) -> Any:
    """Take a grant back that was paid back: unspent units leave, then the posts opened last close"""
    taken, new = grant_refunds.refund(db.session(), g.site, reader_id, data, actor=g.actor)
    return taken, 201 if new else 200


@bp.get("/<reader_id>/grants")
@bp.response(200, OpenGrantListOut)
def show_grants(reader_id: str) -> Any:
    """The grants that still hold unlocks, the one that runs out first at the top"""
    return {"items": grants.still_open(db.session(), g.site.id, reader_id), "next_cursor": None}


@bp.get("/<reader_id>/ledger")
@bp.arguments(PageQuery, location="query")
@bp.response(200, LedgerPageOut)
def show_ledger(query: dict[str, Any], reader_id: str) -> Any:
    """Every grant, unlock, expiry and refund, oldest first; the sum is the balance"""
    position = decode_cursor(query["cursor"], int)
    after = position[0] if position else 0
    items, last = unlocks.ledger_page(db.session(), g.site.id, reader_id, after=after, limit=query["limit"])
    return {"items": items, "next_cursor": encode_cursor([last] if last else None)}
