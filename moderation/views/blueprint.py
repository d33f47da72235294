"""The blueprint of the JSON API: our body parser, and the errors that every operation may answer."""

from flask_smorest import Blueprint as SmorestBlueprint

from moderation.auth import require_scope
from moderation.schemas.base import BodyParser


class Blueprint(SmorestBlueprint):
    ARGUMENTS_PARSER = BodyParser()


def api_blueprint(name: str, *, prefix: str, scope: str, about: str, reads: bool = False) -> Blueprint:
    """Make a blueprint whose every route asks for a key with ``scope``."""
    blueprint = Blueprint(name, name, url_prefix=prefix, description=about)
    require_scope(blueprint, scope, reads=reads)
    return blueprint
