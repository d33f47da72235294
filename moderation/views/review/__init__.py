"""/review/: the moderators' desk, drawn on the server; every action is a form that works without a script."""

from flask import Flask

from moderation.views import limits
from moderation.views.review import decide, errors, login, policy, queue, readers, rendering, session, webhooks
from moderation.views.review.blueprint import bp, csrf

__all__ = ["decide", "errors", "install", "login", "policy", "queue", "readers", "webhooks"]


def install(app: Flask) -> None:
    """Register the desk with the app."""
    session.init_app(app)
    csrf.init_app(app)
    rendering.init_app(app)
    app.register_blueprint(bp)
    limits.attach(app, session.limiter, bp)
