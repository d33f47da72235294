"""Signing in and out, and the look of the desk."""

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Response, current_app, make_response, redirect, render_template, request, session, url_for
from flask_limiter.util import get_remote_address
from flask_login import current_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as AnyResponse
from wtforms import BooleanField, EmailField, HiddenField, PasswordField
from wtforms.validators import Length

from moderation import passwords
from moderation.db import db
from moderation.models import Moderator
from moderation.schemas.review import MOST_NOTE
from moderation.services import audit, moderators
from moderation.views.review import session as sessions
from moderation.views.review.blueprint import View, bp, public

WRONG = "That e-mail and password do not go together. Check both and try again; after five tries there is a wait."
FOUND = 302
# Windows that grow: who goes on guessing waits a minute, then an hour, then a day.
PER_PERSON_AND_PLACE = "5 per minute; 20 per hour; 50 per day"
PER_PLACE = "30 per minute; 300 per hour"
PER_PERSON = "100 per hour"
THEMES = ("light", "dark", "auto")
YEAR_SECONDS = 31_536_000


class LoginForm(FlaskForm):  # type: ignore[misc]  # WTForms has no type hints
    email = EmailField("E-mail", [Length(max=254)])
    password = PasswordField("Password", [Length(max=passwords.MOST_CHARACTERS)])
    stay = BooleanField("Stay signed in on this computer")
    next = HiddenField()
    # A note that was being written when the session ended.
    draft_for = HiddenField(validators=[Length(max=40)])
    draft = HiddenField(validators=[Length(max=MOST_NOTE)])


def _who() -> str:
    return request.form.get("email", "").strip().lower()[:254]


def _failed(response: Response) -> bool:
    return response.status_code != FOUND


def _limited(spec: str, key: str) -> Callable[[View], View]:
    keys = {
        "place": get_remote_address,
        "person": _who,
        "both": lambda: f"{get_remote_address()} {_who()}",
    }
    limit: Callable[[View], View] = sessions.limiter.limit(
        spec, key_func=keys[key], methods=["POST"], deduct_when=_failed
    )
    return limit


@bp.route("/login", methods=["GET", "POST"])
@public
@_limited(PER_PERSON_AND_PLACE, "both")
@_limited(PER_PLACE, "place")
@_limited(PER_PERSON, "person")
def login() -> AnyResponse:
    """Sign in; the answer and its time are the same for an unknown e-mail and a wrong password."""
    form = LoginForm()
    if request.method == "GET":
        if current_user.is_authenticated:
            return redirect(_local(request.args.get("next")))
        form.next.data = request.args.get("next", "")
        return _page(form, 200)
    moderator = _known(form)
    if moderator is None:
        return _page(form, 401, wrong=WRONG)
    draft = form.draft.data if form.validate() else ""
    keep = {"draft": draft, "draft_for": form.draft_for.data} if draft else {}
    sessions.begin(moderator, stay=bool(form.stay.data), keep=keep)
    return redirect(_local(form.next.data))


def _known(form: LoginForm) -> Moderator | None:
    # The password is looked up in a plain read; the trail is written after it, so that hashing holds no lock.
    email, password = _who(), form.password.data or ""
    db_session = db.session()
    moderator = None if "\x00" in email else moderators.find(db_session, email)
    db_session.commit()
    right = passwords.fits(moderator.password_hash if moderator else None, password)
    subject = moderator.id if moderator else "unknown"
    if right and moderator and passwords.is_outdated(moderator.password_hash):
        moderator.password_hash = passwords.hash_of(password)
    audit.record(db_session, site_id=None, actor=f"moderator:{subject}" if right else "nobody",
                 action="moderator.signed_in" if right else "moderator.refused", subject=subject)  # fmt: skip
    db_session.commit()
    return moderator if right else None


def _local(target: str | None) -> str:
    """``target`` where it is a path of the desk; anything else leads to the start of the desk."""
    start = url_for("review.home")
    if not target or not target.startswith(start) or "\\" in target or not target.isprintable():
        return start
    parts = urlsplit(target)
    return start if parts.scheme or parts.netloc else target


def _page(form: LoginForm, status: int, *, wrong: str = "", ended: str = "") -> Response:
    html = render_template("review/login.html", form=form, wrong=wrong, ended=ended)
    return make_response(html, status)


def ask_again(sentence: str) -> Response:
    """The session ended in the middle of a form: ask to sign in and carry the note over."""
    arguments = request.view_args or {}
    form = LoginForm(formdata=None)
    form.draft.data = request.form.get("note", "")[:MOST_NOTE]
    form.draft_for.data = arguments.get("id", "")
    form.next.data = _where_it_was(arguments)
    return _page(form, 401, ended=sentence)


def _where_it_was(arguments: dict[str, str]) -> str:
    if request.endpoint != "review.decide":
        return (request.referrer and urlsplit(request.referrer).path) or url_for("review.home")
    return url_for("review.comment", site=arguments["site"], id=arguments["id"], queue=request.form.get("queue"))


@bp.post("/logout")
@public
def logout() -> AnyResponse:
    logout_user()
    session.clear()
    return redirect(url_for("review.login"))


@bp.post("/theme")
@public
def theme() -> AnyResponse:
    """Remember light, dark or the system's choice."""
    chosen = request.form.get("theme", "auto")
    response = redirect(_local(request.form.get("next")))
    response.set_cookie(
        "theme", chosen if chosen in THEMES else "auto", max_age=YEAR_SECONDS, httponly=True, samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )  # fmt: skip
    return response
