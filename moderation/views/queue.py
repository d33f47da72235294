"""/v1/queue: what waits for a person, for desks of a site's own."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.review import QueueOut, QueueQuery
from moderation.services.review import queues
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import decode_cursor, encode_cursor

bp = api_blueprint("queue", prefix="/v1/queue", scope="review", about="What waits for a person.")


@bp.get("")
@bp.arguments(QueueQuery, location="query")
@bp.response(200, QueueOut)
def index(query: dict[str, Any]) -> Any:
    """The pending comments: those whose reader's plan says so first, then by expected harm

    Decide one by ``POST /v1/comments/{id}/decisions`` with its ETag, ``"v<version>"``.
    """
    position = decode_cursor(query["cursor"], int, float, str)
    after = (position[0], position[1], position[2]) if position else None
    items, last = queues.page(db.session(), g.site.id, after=after, limit=query["limit"])
    return {"items": items, "next_cursor": encode_cursor(list(last) if last else None)}
