"""Where Flask-Limiter looks: by itself at every request, here only at those of the blueprints that it limits."""

from flask import Blueprint, Flask
from flask_limiter import Limiter


def attach(app: Flask, limiter: Limiter, *blueprints: Blueprint) -> None:
    """Start the limiter for these blueprints, before their own checks; they are registered already."""
    limiter.init_app(app)
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs):
        hook = hooks[None].pop()
        for blueprint in blueprints:
            hooks.setdefault(blueprint.name, []).insert(0, hook)  # type: ignore[arg-type]  # three lists of three kinds of hook
