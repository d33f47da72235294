"""Who sits at the desk: a signed session becomes a person with a role on each site."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask, Request, Response, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, login_user

from moderation.db import db
from moderation.models import Moderator
from moderation.services import moderators

login_manager = LoginManager()
# In the memory of each worker: enough against guessing, and nothing to run beside the service.
limiter = Limiter(get_remote_address, storage_uri="memory://", default_limits=[])
HOURS = "SESSION_HOURS"
KEYED = "/v1/"


@dataclass(frozen=True)
class Person(UserMixin):  # type: ignore[misc]  # Flask-Login has no type hints
    """A signed-in moderator; ``roles`` by name of the site."""

    moderator: Moderator
    roles: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.moderator.name

    def get_id(self) -> str:
        return f"{self.moderator.id}:{self.moderator.session_salt}"


@login_manager.user_loader
def load(id: str) -> Person | None:
    """The person of a session, unless it is too old or ended by a new password."""
    moderator_id, _, salt = id.partition(":")
    if session.get("until", 0) < time.time():
        return None
    moderator = db.session.get(Moderator, moderator_id)
    if moderator is None or moderator.disabled_at is not None or moderator.session_salt != salt:
        return None
    g.person = Person(moderator, moderators.roles_of(db.session(), moderator))
    return g.person


def begin(moderator: Moderator, *, stay: bool, keep: Mapping[str, Any]) -> None:
    """Start a new session; of the old one only ``keep`` goes on."""
    session.clear()
    session.update(keep)
    session["until"] = int(time.time()) + current_app.config[HOURS] * 3600
    session.permanent = stay
    login_user(Person(moderator, moderators.roles_of(db.session(), moderator)))


class PageSessions(SecureCookieSessionInterface):
    """Flask's signed sessions, for pages: the API knows its callers by their keys, and pays for no cookie."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return self.session_class() if request.path.startswith(KEYED) else super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not request.path.startswith(KEYED):
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    app.config.update(
        SESSION_COOKIE_NAME="replydesk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=app.config["ENV"] != "development",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=app.config[HOURS]),
        SESSION_REFRESH_EACH_REQUEST=False,
        # The guard of the desk asks for the token; the API has keys and no cookies.
        WTF_CSRF_CHECK_DEFAULT=False,
        # A token lives as long as its session: a note may take its time.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.session_interface = PageSessions()
    login_manager.init_app(app)
