"""What an open page asks for every few seconds: counts, claims, and what colleagues decided meanwhile."""

import time
from threading import Lock
from typing import Any

from flask import g, jsonify, request
from flask_login import current_user
from werkzeug.wrappers import Response

from moderation.db import db
from moderation.schemas.desk import LiveQuery
from moderation.services.review import live, members, queues, wording
from moderation.views.review.blueprint import bp

# How long a worker answers with the same counts, in seconds: twenty open pages cost as much as one.
COUNTED_SECONDS = 2.0
_MOST_SITES = 1_000
_counted: dict[str, tuple[float, dict[str, Any]]] = {}
_lock = Lock()


@bp.get("/<site>/live/<queue>")
def live_page(site: str, queue: str) -> Response:  # noqa: ARG001 -- the guard has found the site
    """Tell what has changed; with ``If-None-Match`` mostly 304, without a body."""
    asked = LiveQuery().load(request.args.to_dict())
    database, mine = db.session(), current_user.moderator.id
    known = members.QUEUES.get(queue)
    told = {
        **_counts(),
        "held": live.holders(database, g.site.id, {*asked["ids"], asked["focus"]}, but_not=mine),
        "gone": live.left(database, asked["ids"], known.belongs(g.site.id)) if known else [],
        "changed": live.changed(database, g.site.id, asked["focus"], version=asked["version"])
        if asked["focus"]
        else "",
    }
    answer = jsonify(told)
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.add_etag()
    return answer.make_conditional(request)


def _counts() -> dict[str, Any]:
    """The counts of the queues and the age of the oldest, counted at most every ``COUNTED_SECONDS``."""
    now = time.monotonic()
    with _lock:
        at, found = _counted.get(g.site.id, (0.0, {}))
    if found and now - at < COUNTED_SECONDS:
        return found
    oldest = queues.oldest(db.session(), g.site.id)
    age = f"oldest {wording.ago(oldest).removesuffix(' ago')}" if oldest else ""
    found = {"counts": queues.counts(db.session(), g.site.id), "oldest": age}
    with _lock:
        if len(_counted) >= _MOST_SITES:
            _counted.clear()
        _counted[g.site.id] = (now, found)
    return found
