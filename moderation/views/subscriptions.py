"""/v1/readers/{reader_id}/subscription: begun, paid for, paused, changed and ended."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.subscriptions import (
    CancelIn,
    ChangeIn,
    PlanChangeOut,
    RenewIn,
    SubscriptionChangeOut,
    SubscriptionIn,
    SubscriptionOut,
    TransitionListOut,
)
from moderation.services import plan_changes, subscriptions
from moderation.views.asked import asked, tag_of
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import IF_MATCH
from moderation.views.transaction import changes

bp = api_blueprint("subscriptions", prefix="/v1/readers", scope="readers", about="Readers' subscriptions.")
FORBIDS = "`state_forbids`: the state, named in the answer, does not allow it."


@bp.get("/<reader_id>/subscription")
@bp.response(200, SubscriptionOut)
def show(reader_id: str) -> Any:
    """Read a reader's subscription: the living one, or the last that ended"""
    tag = tag_of(reader_id)
    return subscriptions.get(db.session(), g.site.id, reader_id), 200, {"ETag": tag}


@bp.put("/<reader_id>/subscription")
@bp.arguments(SubscriptionIn)
@changes
@bp.response(200, SubscriptionChangeOut)
@bp.alt_response(201, schema=SubscriptionChangeOut, description="A new subscription began.")
@bp.alt_response(409, description=FORBIDS)
@bp.doc(parameters=[IF_MATCH])
@asked
def start(data: dict[str, Any], reader_id: str) -> Any:
    """Begin a subscription; while an ending one has paid time left, the new period follows it"""
    described, new = subscriptions.start(db.session(), g.site, reader_id, data["plan"], actor=g.actor)
    return described, 201 if new else 200


@bp.post("/<reader_id>/subscription/renew")
@bp.arguments(RenewIn)
@changes
@bp.response(201, SubscriptionChangeOut)
@bp.alt_response(200, schema=SubscriptionChangeOut, description="This reference was counted before.")
@bp.alt_response(409, description=FORBIDS)
@bp.doc(parameters=[IF_MATCH])
@asked
def renew(data: dict[str, Any], reader_id: str) -> Any:
    """Add one period that was paid"""
    described, new = subscriptions.renew(db.session(), g.site, reader_id, **data, actor=g.actor)
    return described, 201 if new else 200


@bp.post("/<reader_id>/subscription/cancel")
@bp.arguments(CancelIn)
@changes
@bp.response(200, SubscriptionChangeOut)
@bp.alt_response(409, description=FORBIDS)
@bp.doc(parameters=[IF_MATCH])
@asked
def cancel(data: dict[str, Any], reader_id: str) -> Any:
    """Cancel at the end of the paid period, or now"""
    return subscriptions.cancel(db.session(), g.site, reader_id, **data, actor=g.actor)


@bp.post("/<reader_id>/subscription/resume")
@changes
@bp.response(200, SubscriptionChangeOut)
@bp.alt_response(409, description=FORBIDS)
@bp.doc(parameters=[IF_MATCH])
@asked
def resume(reader_id: str) -> Any:
    """Take a cancellation or a pause back, while paid time is left"""
    return subscriptions.resume(db.session(), g.site, reader_id, actor=g.actor)


@bp.post("/<reader_id>/subscription/pause")
@changes
@bp.response(200, SubscriptionChangeOut)
@bp.alt_response(409, description=FORBIDS)
@bp.doc(parameters=[IF_MATCH])
@asked
def pause(reader_id: str) -> Any:
    """Await no renewal for now; paid time goes on to its end"""
    return subscriptions.pause(db.session(), g.site, reader_id, actor=g.actor)


@bp.post("/<reader_id>/subscription/change")
@bp.arguments(ChangeIn)
@changes
@bp.response(200, PlanChangeOut)
@bp.alt_response(409, description=FORBIDS)
@bp.doc(parameters=[IF_MATCH])
@asked
def change(data: dict[str, Any], reader_id: str) -> Any:
    """Go over to another plan, now or at the end of the paid time"""
    return plan_changes.change(db.session(), g.site, reader_id, **data, actor=g.actor)


@bp.get("/<reader_id>/subscription/history")
@bp.response(200, TransitionListOut)
def show_history(reader_id: str) -> Any:
    """Every transition with its cause, oldest first"""
    items = subscriptions.history(db.session(), g.site.id, reader_id)
    return {"items": items, "next_cursor": None}
