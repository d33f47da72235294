"""/review/: the moderators' desk, drawn on the server; every action is a form that works without a script."""

from flask import Flask

from moderation.views import limits
from moderation.views.review import (
    ahead,
    decide,
    errors,
    live,
    login,
    policy,
    queue,
    readers,
    rendering,
    session,
    stylesheet,
    webhooks,
)
from moderation.views.review.blueprint import bp, csrf

__all__ = ["ahead", "decide", "errors", "install", "live", "login", "policy", "queue", "readers", "stylesheet",
           "webhooks"]  # fmt: skip


def install(app: Flask) -> None:
    """Register the desk with the app."""
    session.init_app(app)
    csrf.init_app(app)
    rendering.init_app(app)
    app.register_blueprint(bp)
    limits.attach(app, session.limiter, bp)
