"""The desk's blueprint and its guard: nobody gets past it unknown, forged or without the role."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, current_app, g, redirect, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from moderation.db import db, mark_reading
from moderation.errors import Forbidden, NotFound, Unauthenticated
from moderation.services import moderators, sites
from moderation.views.review.session import Person

bp = Blueprint("review", __name__, url_prefix="/review")
csrf = CSRFProtect()
SAFE = ("GET", "HEAD", "OPTIONS")
View = Callable[..., Any]


def needs(role: str) -> Callable[[View], View]:
    """Say which role a view asks for; without it, reading asks for a viewer and changing for a moderator."""

    def mark(view: View) -> View:
        view.needs_role = role  # type: ignore[attr-defined]  # a note on the function, read by the guard
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that nobody needs to be signed in for."""
    view.is_public = True  # type: ignore[attr-defined]  # as above
    return view


@bp.before_request
def guard() -> Response | None:
    arguments = request.view_args or {}
    if any("\x00" in str(value) for value in (*arguments.values(), *request.args.values())):
        raise NotFound("No address holds a NUL.")
    mark_reading(request.method in SAFE)
    view = current_app.view_functions[request.endpoint or ""]
    if not getattr(view, "is_public", False) and not current_user.is_authenticated:
        return _ask_to_sign_in()
    if request.method not in SAFE:
        csrf.protect()
    if "site" in arguments:
        _enter(arguments["site"], getattr(view, "needs_role", None))
    return None


def _ask_to_sign_in() -> Response | None:
    if request.method in SAFE:
        return redirect(url_for("review.login", next=request.full_path.rstrip("?")))
    raise Unauthenticated("Your session has ended. Nothing was decided; sign in and go on where you were.")


def _enter(name: str, needed: str | None) -> None:
    """Find the site and the role in it; a site that the person does not belong to is as good as missing."""
    person: Person = current_user
    role = person.roles.get(name)
    if role is None:
        raise NotFound("There is no such site here, or you do not belong to it.")
    needed = needed or ("viewer" if request.method in SAFE else "moderator")
    g.role = role
    if not moderators.at_least(role, needed):
        raise Forbidden(f"This needs the role “{needed}”; yours on this site is “{role}”. Nothing was changed.")
    g.site = sites.by_name(db.session(), name)


def form_fields() -> dict[str, str]:
    """The form as it came, without the token that the guard has checked."""
    return {name: value for name, value in request.form.items() if name != "csrf_token"}
