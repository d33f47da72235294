"""/v1/comments/{id}/decisions: decide from outside."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.comments import CommentOut, DecisionIn
from moderation.services import comments
from moderation.views.blueprint import api_blueprint
from moderation.views.comments import find, tagged
from moderation.views.paging import IF_MATCH_REQUIRED
from moderation.views.transaction import changes

bp = api_blueprint("decisions", prefix="/v1/comments", scope="review", about="People's decisions.")


@bp.post("/<id>/decisions")
@bp.doc(parameters=[IF_MATCH_REQUIRED])
@bp.arguments(DecisionIn)
@changes
@bp.response(201, CommentOut)
def decide(data: dict[str, Any], id: str) -> Any:
    """Publish or reject a comment

    ``If-Match`` with the comment's ETag is required: absent gives 428, stale 412 with what it is now.
    """
    session, comment = db.session(), find(id, if_match=True)
    comments.set_status(session, comment, data["status"], actor=g.actor, reason=data["reason"], note=data["note"])
    return tagged(comment, 201)
