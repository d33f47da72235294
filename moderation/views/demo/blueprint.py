"""The site's blueprint: who reads, known by a signed cookie of the site's own, and what every page needs."""

import hashlib
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, abort, current_app, g, render_template, request
from itsdangerous import BadSignature, URLSafeSerializer
from jinja2 import pass_context
from jinja2.runtime import Context
from werkzeug.wrappers import Response

from moderation.db import mark_reading
from moderation.views.demo import paper
from moderation.views.demo.client import SiteClient, address, key_of
from moderation.views.review.blueprint import SAFE, csrf

bp = Blueprint("demo", __name__, url_prefix="/demo")
# Not the session of the desk: signing in or out there starts that anew, and a moderator may be a reader too.
COOKIE = "courier"
YEAR_SECONDS = 31_536_000
SEE_OTHER = 303


@dataclass(frozen=True)
class Visitor:
    """A reader of the paper, made per browser; the name is what was last written under a reply."""

    id: str
    name: str = ""


@bp.before_request
def guard() -> None:
    """Know the reader, or make one with a gift; every form must be of a page of ours."""
    if any("\x00" in str(value) for value in (request.view_args or {}).values()):
        abort(404)
    # The pages ask the API and no database. Should Flask-Login look up a moderator, it takes no write lock.
    mark_reading(True)
    key = key_of(current_app)
    if not key:
        abort(503)
    g.api = SiteClient(current_app, key)
    visitor = _known()
    g.visitor = visitor or Visitor(f"web-{secrets.token_hex(8)}")
    if request.method not in SAFE:
        csrf.protect()
    if visitor is None:
        _welcome(g.visitor)
        remember(g.visitor)


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="a reader of the demo site")


def _known() -> Visitor | None:
    try:
        return Visitor(**_signer().loads(request.cookies.get(COOKIE, "")))
    except (BadSignature, TypeError):
        return None


def _welcome(visitor: Visitor) -> None:
    # The reference stays in the ledger when a reader is erased, so it does not hold the reader's id.
    reference = f"welcome-{hashlib.sha256(visitor.id.encode()).hexdigest()[:24]}"
    gift = {"unlocks": paper.GIFT_UNLOCKS, "kind": "gift", "reference": reference}
    api().post(address("readers", visitor.id, "grants"), gift)


def api() -> SiteClient:
    client: SiteClient = g.api
    return client


def me() -> Visitor:
    visitor: Visitor = g.visitor
    return visitor


def remember(visitor: Visitor) -> None:
    """Send the cookie with this answer."""
    g.visitor = g.new_cookie = visitor


def rename(name: str) -> None:
    remember(replace(me(), name=name))


@bp.after_request
def set_cookie(response: Response) -> Response:
    visitor = g.get("new_cookie")
    if visitor is not None:
        response.set_cookie(
            COOKIE, str(_signer().dumps(asdict(visitor))), max_age=YEAR_SECONDS, path="/demo/", httponly=True,
            samesite="Lax", secure=current_app.config["SESSION_COOKIE_SECURE"],
        )  # fmt: skip
    return response


def find_article(id: str) -> paper.Article:
    found = paper.articles().get(id)
    if found is None:
        abort(404)
    return found


def draw(template: str, **more: Any) -> str:
    """A page with what its head shows: the reader's unlocks, as the API tells them just now."""
    account = api().get(address("readers", me().id))
    return render_template(template, account=account, paper=paper, visitor=me(), **more)


def moment(text: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(text)


@pass_context
def _day(context: Context, text: str) -> str:
    """The day of a moment where the site is: the API tells its time zone with every reader."""
    account = context.get("account")
    found = moment(text).astimezone(ZoneInfo(account["time_zone"] if account else "UTC"))
    return f"{found.day} {found:%B %Y}"


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(moment=moment, day=_day)
