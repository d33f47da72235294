"""/v1/policy: thresholds and rules; every version is kept."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.policy import PolicyIn, PolicyOut
from moderation.services import policies
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import IF_MATCH, check_if_match, entity_tag
from moderation.views.transaction import changes

bp = api_blueprint("policy", prefix="/v1/policy", scope="admin", about="Thresholds and rules.")


@bp.get("")
@bp.response(200, PolicyOut)
def show() -> Any:
    """The policy in force"""
    policy = policies.in_force(db.session(), g.site)
    return policies.as_dict(policy), 200, {"ETag": entity_tag(policy.version)}


@bp.put("")
@bp.doc(parameters=[IF_MATCH])
@bp.arguments(PolicyIn)
@changes
@bp.response(200, PolicyOut)
def save(data: dict[str, Any]) -> Any:
    """Put a new version in force

    The lists are taken whole. A pattern that RE2 cannot compile is refused and nothing changes.
    ``If-Match`` is honoured where it is sent.
    """
    session = db.session()
    check_if_match(g.site.policy_version, {"version": g.site.policy_version}, required=False)
    policy = policies.save(session, g.site, actor=g.actor, **data)
    return policies.as_dict(policy), 200, {"ETag": entity_tag(policy.version)}
