"""The blueprint of the JSON API: our body parser, and the errors that every operation may answer."""

from typing import Any

from flask import current_app, request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema
from werkzeug.routing import BaseConverter

from moderation import rate_limits
from moderation.auth import SAFE_METHODS, require_scope
from moderation.errors import Invalid
from moderation.schemas.base import BodyParser

DRY_RUN = "dry_run"


class PostId(BaseConverter):
    """The site's id of a post in an address: often an address itself, with slashes at its ends and in the middle.

    Servers decode ``%2F`` before an application sees it, so slashes are taken as they come.
    """

    regex = ".+?"
    part_isolating = False


class LonePostId(PostId):
    """As above where nothing follows: ``/comments`` at the end is another call's, whatever the method."""

    regex = ".+?(?<!/comments)"


class Blueprint(SmorestBlueprint):  # type: ignore[misc]  # flask-smorest has no type hints
    ARGUMENTS_PARSER = BodyParser()

    def arguments(self, schema: type[Schema], **kwargs: Any) -> Any:
        """As flask-smorest's, with one schema object for all requests: making one costs more than loading."""
        decorate = super().arguments(schema(), **kwargs)
        if kwargs.get("location") != "query":
            return decorate
        names = frozenset(schema().fields)

        def mark(view: Any) -> Any:
            loading = decorate(view)
            # Copied to whatever wraps it further.
            loading.query_names = names
            return loading

        return mark


def api_blueprint(name: str, *, prefix: str, scope: str, about: str, reads: bool = False) -> Blueprint:
    """Make a blueprint whose every route asks for a key with ``scope``."""
    blueprint = Blueprint(name, name, url_prefix=prefix, description=about)
    require_scope(blueprint, scope, reads=reads)
    rate_limits.limit(blueprint)
    blueprint.before_request(_refuse_unknown_parameters if reads else _refuse_unknown_parameters_of_changes)
    return blueprint


def _refuse_unknown_parameters() -> None:
    _refuse_others(frozenset())


def _refuse_unknown_parameters_of_changes() -> None:
    # A misspelt dry_run would do what it was meant to try.
    _refuse_others(frozenset() if request.method in SAFE_METHODS else frozenset({DRY_RUN}))


def _refuse_others(shared: frozenset[str]) -> None:
    if not request.args or request.endpoint is None:
        return
    known = shared | getattr(current_app.view_functions[request.endpoint], "query_names", frozenset())
    unknown = [name for name in request.args if name not in known]
    if unknown:
        raise Invalid([{"parameter": name[:100], "detail": "Unknown parameter."} for name in unknown])
