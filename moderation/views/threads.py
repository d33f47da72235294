"""/v1/posts/{post_id}/comments: the published thread, for everybody's eyes."""

import hashlib
from typing import Any

from flask import Response, g, request

from moderation.db import db
from moderation.schemas.comments import ThreadOut, ThreadQuery
from moderation.services import threads
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import decode_id, encode_cursor

bp = api_blueprint("threads", prefix="/v1/posts", scope="comments", about="Published threads.")


@bp.get("/<post_id:post_id>/comments")
@bp.arguments(ThreadQuery, location="query")
@bp.response(200, ThreadOut)
@bp.alt_response(304, description="Nothing changed since the ETag in If-None-Match.")
def show(query: dict[str, Any], post_id: str) -> Any:
    """The published thread, oldest first

    ``nested`` pages over top-level comments and gives each with its whole branch; ``flat`` pages over
    all. Cacheable: send the ETag back as ``If-None-Match``.
    """
    session = db.session()
    after = decode_id(query["cursor"])
    state = f"{g.site.id} {post_id} {threads.version(session, g.site.id, post_id)} {query}"
    tag = f'"{hashlib.sha256(state.encode()).hexdigest()[:20]}"'
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status=304, headers={"ETag": tag, "Cache-Control": "no-cache"})
    read = threads.nested if query["shape"] == "nested" else threads.flat
    items, last = read(session, g.site.id, post_id, after=after, limit=query["limit"])
    body = {"items": items, "next_cursor": encode_cursor([last] if last else None)}
    return body, 200, {"ETag": tag, "Cache-Control": "no-cache"}
