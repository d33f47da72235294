"""The meter, counted views and anonymous readers, as sites send and read them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from moderation.schemas.base import NO_NUL, Instant, StrictSchema, Text, Whole
from moderation.services.meter_rules import MONTH

MOST_POSTS = 1_000
# A quarter: shorter than any token of an anonymous reader is kept (REPLYDESK_ANONYMOUS_READER_DAYS).
MOST_WINDOW_DAYS = 92


class Window(fields.Field[str | int]):
    """``month``, or a number of days."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | int:  # noqa: ARG002 -- marshmallow's signature
        value = int(value) if isinstance(value, float) and value.is_integer() else value
        days = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_WINDOW_DAYS
        if value != MONTH and not days:
            raise ValidationError(f"Must be “{MONTH}”, or a number of days from 1 to {MOST_WINDOW_DAYS}.")
        checked: str | int = value
        return checked


def _posts(**kwargs: Any) -> Whole:
    return Whole(validate=validate.Range(0, MOST_POSTS), **kwargs)


class Sections(fields.Dict):
    """Numbers by section; a wrong one is named by its section."""

    def __init__(self) -> None:
        super().__init__(
            keys=Text(least=1, most=100), values=_posts(), validate=validate.Length(max=200), load_default=dict
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]  # marshmallow's
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            wrong = {
                name: [text for texts in found.values() for text in texts] for name, found in error.messages.items()
            }
            raise ValidationError(wrong) from None


class MeterIn(StrictSchema):
    window = Window(required=True)
    posts = _posts(allow_none=True, load_default=None)
    sections = Sections()
    json_schema: ClassVar[Mapping[str, Any]] = {
        "properties": {
            "window": {"anyOf": [{"const": MONTH}, {"type": "integer", "minimum": 1, "maximum": MOST_WINDOW_DAYS}]},
            "sections": {"propertyNames": {"minLength": 1, "maxLength": 100, "pattern": NO_NUL}, "maxProperties": 200},
        },
        "not": {"properties": {"posts": {"type": "null"}, "sections": {"maxProperties": 0}}},
    }

    @validates_schema
    def _has_a_rule(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("posts") is None and not data.get("sections"):
            raise ValidationError("A meter needs a number of posts, in general or for a section.", "posts")


class MeterOut(Schema):
    window = fields.Raw(metadata={"description": "“month”, or a number of days."})
    posts = fields.Integer(allow_none=True, metadata={"description": "For sections without a number of their own."})
    sections = fields.Dict(keys=fields.String(), values=fields.Integer())


class ViewIn(StrictSchema):
    post_id = Text(required=True, least=1, most=255)


class ViewOut(Schema):
    post_id = fields.String()
    because = fields.String(validate=validate.OneOf(["free_post", "subscription", "unlocked", "meter"]))
    meter_left = fields.Integer(allow_none=True)
    until = Instant(allow_none=True, metadata={"description": "When this access ends; null: not by itself."})


class AnonymousReaderOut(Schema):
    token = fields.String()


class MergeIn(StrictSchema):
    anonymous = Text(required=True, least=1, most=255)


class MergeOut(Schema):
    reader_id = fields.String()
    posts_merged = fields.Integer(metadata={"description": "Counted posts that the reader had not."})
