"""What all schemas share: strictness and the text field that refuses what no database should see."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate
from webargs.flaskparser import FlaskParser

from moderation.errors import Invalid, Malformed

MAX_COMBINING_RUN = 30
# How JSON Schema says it; half a surrogate pair cannot be said there.
NO_NUL = "^[^\\u0000]*$"
HOSTILE = re.compile(r"[\x00\ud800-\udfff]")
# Thai, Hebrew or Vietnamese stack four marks at the most; hundreds are an attack on the page.
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_STACKED = re.compile(f"[{_MARKS}]{{{MAX_COMBINING_RUN + 1}}}")


class StrictSchema(Schema):
    """A schema for what comes in: a key that it does not know is refused by name."""

    # What JSON Schema can say of rules across fields, beside what is made from the fields.
    json_schema: ClassVar[Mapping[str, Any]] = {}
    # Whether a request without any body stands for an empty object.
    may_be_left_out: ClassVar[bool] = False

    class Meta:
        unknown = RAISE
        ordered = True

    error_messages = {"unknown": "Unknown key.", "type": "Must be a JSON object."}  # noqa: RUF012 -- marshmallow's form


class Text(fields.String):
    """A string without NUL, lone surrogates and stacks of combining marks; ``most`` in code points."""

    def __init__(self, *, least: int = 0, most: int, **kwargs: Any) -> None:
        metadata = {"pattern": NO_NUL} | (kwargs.pop("metadata", None) or {})
        super().__init__(validate=validate.Length(least, most), metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if HOSTILE.search(text):
            raise ValidationError("Holds a NUL or half of a surrogate pair, which is no text.")
        if _STACKED.search(text):
            raise ValidationError(f"Holds more than {MAX_COMBINING_RUN} combining marks in a row.")
        return text


class YesNo(fields.Boolean):
    """``true`` or ``false``, and neither 1 nor "yes"."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Whole(fields.Integer):
    """A whole number, and as in JSON Schema 5.0 is one, too; a string is none."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Instant(fields.AwareDateTime):
    """An RFC 3339 time with zone in, UTC with ``Z`` out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=None, **kwargs)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        try:
            return super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None


class PageQuery(StrictSchema):
    """Keyset paging: ``cursor`` is what the last answer gave as ``next_cursor``."""

    cursor = Text(most=500, load_default=None)
    limit = fields.Integer(strict=False, validate=validate.Range(1, 200), load_default=50)


class BodyParser(FlaskParser):
    """Raises our own errors, so that one file turns all of them into problem details."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": RAISE, "query": RAISE}  # noqa: RUF012 -- webargs' form

    def load_json(self, req: Any, schema: Any) -> Any:
        if getattr(schema, "may_be_left_out", False) and not req.get_data(cache=True):
            return {}
        if not req.is_json:
            req.on_json_loading_failed(None)
        try:
            return req.json_module.loads(req.get_data(cache=True))
        except (ValueError, RecursionError):
            raise Malformed("The body is not a JSON document in UTF-8.") from None

    def handle_error(self, error: Any, req: Any, schema: Any, *, error_status_code: Any, error_headers: Any) -> Any:
        messages = error.messages
        location = next(iter(messages))
        if location == "query":
            rows = [{"parameter": str(name)[:100], "detail": str(text[0])} for name, text in messages["query"].items()]
            raise Invalid(rows)
        raise ValidationError(messages[location])
