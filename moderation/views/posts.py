"""/v1/posts/{post_id}: what the site says of an article."""

from typing import Any

from flask import g

from moderation.db import db
from moderation.schemas.posts import PostOut, PostSettingsIn
from moderation.services import posts
from moderation.views.blueprint import api_blueprint
from moderation.views.transaction import changes

bp = api_blueprint("posts", prefix="/v1/posts", scope="comments", about="The site's articles.")


@bp.get("/<lone_post_id:post_id>")
@bp.response(200, PostOut)
def show(post_id: str) -> Any:
    """Read a post"""
    return posts.get(db.session(), g.site.id, post_id)


@bp.put("/<lone_post_id:post_id>")
@bp.arguments(PostSettingsIn)
@changes
@bp.response(200, PostOut)
@bp.alt_response(201, schema=PostOut, description="The post was not known before.")
def save(data: dict[str, Any], post_id: str) -> Any:
    """Say what a post is: free or not, open for comments or not

    What is not sent stays as it is; a comment that names the post makes it too.
    """
    post, new = posts.save(db.session(), g.site, post_id, data, actor=g.actor)
    return post, 201 if new else 200
