"""The blueprint of the JSON API: our body parser, and the errors that every operation may answer."""

from typing import Any

from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema
from werkzeug.routing import BaseConverter

from moderation.auth import require_scope
from moderation.schemas.base import BodyParser


class PostId(BaseConverter):
    """The site's id of a post in an address: often an address itself, with slashes at its ends and in the middle.

    Servers decode ``%2F`` before an application sees it, so slashes are taken as they come.
    """

    regex = ".+?"
    part_isolating = False


class Blueprint(SmorestBlueprint):  # type: ignore[misc]  # flask-smorest has no type hints
    ARGUMENTS_PARSER = BodyParser()

    def arguments(self, schema: type[Schema], **kwargs: Any) -> Any:
        """As flask-smorest's, with one schema object for all requests: making one costs more than loading."""
        return super().arguments(schema(), **kwargs)


def api_blueprint(name: str, *, prefix: str, scope: str, about: str, reads: bool = False) -> Blueprint:
    """Make a blueprint whose every route asks for a key with ``scope``."""
    blueprint = Blueprint(name, name, url_prefix=prefix, description=about)
    require_scope(blueprint, scope, reads=reads)
    return blueprint
