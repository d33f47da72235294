"""Posts: what the site says of its articles, beyond what comes with a comment."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Invalid, NotFound
from moderation.models import Post, Site
from moderation.services import audit, intake
from moderation.services.facts import Named


def get(session: Session, site_id: str, id: str) -> Post:
    post = session.get(Post, (site_id, id))
    if post is None:
        raise NotFound("There is no such post here.")
    return post


def save(session: Session, site: Site, id: str, data: Mapping[str, Any], *, actor: str) -> tuple[Named, bool]:
    """Take over what the site says of the post; return it and whether it is new."""
    if data.get("id", id) != id:
        raise Invalid.field("id", "Is another one than the address names.")
    known = sa.select(Post.id).where(Post.site_id == site.id, Post.id == id)
    new = session.scalar(known) is None
    post = intake.name_post(session, site, {**data, "id": id})
    told = {name: data[name] for name in ("free", "comments") if name in data}
    audit.record(session, site_id=site.id, actor=actor, action="post.saved", subject=id, **told)
    return post, new
