"""/v1/plans: what readers can subscribe to."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.base import PageQuery
from moderation.schemas.plans import PlanIn, PlanOut, PlanPageOut
from moderation.services import plans
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import decode_id, encode_cursor
from moderation.views.transaction import changes

bp = api_blueprint("plans", prefix="/v1/plans", scope="readers", about="What readers can subscribe to.")


@bp.get("")
@bp.arguments(PageQuery, location="query")
@bp.response(200, PlanPageOut)
def index(query: dict[str, Any]) -> Any:
    """List the plans that are sold, by name"""
    after = decode_id(query["cursor"])
    items, last = plans.page(db.session(), g.site.id, after=after, limit=query["limit"])
    return {"items": items, "next_cursor": encode_cursor([last] if last else None)}


@bp.get("/<plan>")
@bp.response(200, PlanOut)
def show(plan: str) -> Any:
    """Read a plan"""
    return plans.get(db.session(), g.site.id, plan)


@bp.put("/<plan>")
@bp.arguments(PlanIn)
@changes
@bp.response(200, PlanOut)
@bp.alt_response(201, schema=PlanOut, description="The plan was not sold before.")
def save(data: dict[str, Any], plan: str) -> Any:
    """Sell a plan in this form from now on

    A reader keeps what was bought: a change reaches those who subscribe, or change over, after it.
    """
    version, new = plans.save(db.session(), g.site, plan, data, actor=g.actor)
    return version, 201 if new else 200


@bp.delete("/<plan>")
@changes
@bp.response(204)
def retire(plan: str) -> None:
    """Sell a plan no longer; who has it keeps it, and can renew it"""
    plans.retire(db.session(), g.site, plan, actor=g.actor)
