"""/demo/: a small news site that uses the API as a site would; served in development only."""

from flask import Flask

from moderation.views.demo import account, errors, pages, posting, reactions, unlocking
from moderation.views.demo.blueprint import bp, init_app

__all__ = ["account", "errors", "install", "pages", "posting", "reactions", "unlocking"]


def install(app: Flask) -> None:
    """Register the site where it is wanted; anywhere else its addresses do not exist."""
    if app.config["ENV"] == "development":
        init_app(app)
        app.register_blueprint(bp)
