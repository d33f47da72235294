"""Plans, as sites send and read them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from moderation.schemas.base import StrictSchema, Text, Whole, YesNo

MAX_UNLOCKS = 1_000_000
# Ten years: far enough for every plan, near enough for every calendar.
MAX_DAYS = 3_660
MONTH = "month"
_NAMES = fields.List(Text(least=1, most=100), validate=validate.Length(max=200))
PERIOD: Mapping[str, Any] = {
    "anyOf": [{"const": MONTH}, {"type": "integer", "minimum": 1, "maximum": MAX_DAYS}, {"type": "null"}],
    "description": "“month” (a calendar month), a number of days, or null for a plan without end.",
}
_DAYS = validate.Range(0, MAX_DAYS)


class Period(fields.Field[str | int]):
    """``month``, a number of days, or null for a plan without end."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | int:  # noqa: ARG002 -- marshmallow's signature
        value = int(value) if isinstance(value, float) and value.is_integer() else value
        days = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_DAYS
        if value != MONTH and not days:
            raise ValidationError(f"Must be “{MONTH}”, a number of days from 1 to {MAX_DAYS:,}, or null.")
        checked: str | int = value
        return checked


class OpensIn(StrictSchema):
    all = YesNo()
    sections = _NAMES
    tags = _NAMES

    json_schema: ClassVar[Mapping[str, Any]] = {
        "not": {
            "properties": {"all": {"const": True}},
            "required": ["all"],
            "anyOf": [{"properties": {name: {"minItems": 1}}, "required": [name]} for name in ("sections", "tags")],
        }
    }

    @validates_schema
    def _is_all_or_some(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("all") and (data.get("sections") or data.get("tags")):
            raise ValidationError("Opens everything, or some sections and tags; not both.")


class PlanIn(StrictSchema):
    json_schema: ClassVar[Mapping[str, Any]] = {"properties": {"period": PERIOD}}
    name = Text(least=1, most=100, metadata={"description": "May come back as it was read; the address counts."})
    unlocks = Whole(validate=validate.Range(0, MAX_UNLOCKS), load_default=0)
    period = Period(required=True, allow_none=True)
    rollover_cap = Whole(validate=validate.Range(0, MAX_UNLOCKS), load_default=0)
    trial_days = Whole(validate=_DAYS, load_default=0)
    grace_days = Whole(validate=_DAYS, load_default=0)
    opens = fields.Nested(OpensIn, allow_none=True, load_default=None)
    may_comment = YesNo(load_default=True)
    comments_first = YesNo(load_default=False)


class OpensOut(Schema):
    all = fields.Boolean()
    sections = fields.List(fields.String())
    tags = fields.List(fields.String())


class PlanOut(Schema):
    name = fields.String()
    unlocks = fields.Integer()
    period = fields.Raw(allow_none=True, metadata={"description": "“month”, a number of days, or null."})
    rollover_cap = fields.Integer()
    trial_days = fields.Integer()
    grace_days = fields.Integer()
    opens = fields.Nested(OpensOut)
    may_comment = fields.Boolean(metadata={"description": "Where comments are for subscribers, these may comment."})
    comments_first = fields.Boolean(metadata={"description": "Their comments come first in the review queue."})


class PlanPageOut(Schema):
    items = fields.List(fields.Nested(PlanOut))
    next_cursor = fields.String(allow_none=True)
