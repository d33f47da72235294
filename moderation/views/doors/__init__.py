"""Doors for clients of other services, which change one address: each speaks its protocol, errors included."""

from flask import Flask

from moderation.views.doors import akismet, coral, discovery, generic, perspective, stripe


def install(app: Flask) -> None:
    """Open every door."""
    perspective.install(app)
    app.register_blueprint(discovery.bp)
    akismet.install(app)
    stripe.install(app)
    generic.install(app)
    coral.install(app)
