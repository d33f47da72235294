"""A site's policy, as it is read and written."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from moderation.policy import LABELS, RULES, SITE_HOOK, Action
from moderation.schemas.base import StrictSchema, Text, YesNo

MOST_WORDS = 2_000
MOST_CHARACTERS = 200


class ThresholdIn(StrictSchema):
    publish_below = fields.Float(required=True, validate=validate.Range(0, 1))
    reject_above = fields.Float(required=True, validate=validate.Range(0, 1))

    @validates_schema
    def _ordered(self, data: dict[str, Any], **_: Any) -> None:
        if data["publish_below"] > data["reject_above"]:
            raise ValidationError("The publish line must not lie above the reject line.", "publish_below")


class RuleIn(StrictSchema):
    json_schema: ClassVar[Mapping[str, Any]] = {
        "not": {"properties": {"rule": {"const": SITE_HOOK}, "action": {"const": "publish"}}}
    }

    rule = fields.String(required=True, validate=validate.OneOf(list(RULES)))
    action = fields.String(required=True, validate=validate.OneOf([action.value for action in Action]))
    enabled = YesNo(load_default=True)
    params = fields.Dict(keys=fields.String(), load_default=dict)

    @validates_schema
    def _params_fit(self, data: dict[str, Any], **_: Any) -> None:
        known = RULES[data["rule"]][1]
        if data["rule"] == SITE_HOOK and data["action"] == Action.PUBLISH:
            # It is what is done where no answer comes.
            raise ValidationError("A hook that gives no answer never publishes: queue or reject.", "action")
        errors = {name: ["Unknown key."] for name in data["params"] if name not in known}
        for name in known.keys() & data["params"].keys():
            if not _CHECKS[name](data["params"][name]):
                errors[name] = [_EXPECTED[name]]
        if errors:
            raise ValidationError({"params": errors})


class PolicyIn(StrictSchema):
    json_schema: ClassVar[Mapping[str, Any]] = {"properties": {"thresholds": {"propertyNames": {"enum": list(LABELS)}}}}

    thresholds = fields.Dict(
        keys=fields.String(validate=validate.OneOf(LABELS)), values=fields.Nested(ThresholdIn), required=True
    )
    rules = fields.List(fields.Nested(RuleIn), required=True, validate=validate.Length(max=100))
    note = Text(most=1_000, load_default="")

    @validates_schema
    def _one_hook(self, data: dict[str, Any], **_: Any) -> None:
        at = [index for index, rule in enumerate(data["rules"]) if rule["rule"] == SITE_HOOK]
        if len(at) > 1:
            raise ValidationError({"rules": {at[1]: {"rule": ["A site has one hook, and asks it once."]}}})


class ThresholdOut(Schema):
    publish_below = fields.Float()
    reject_above = fields.Float()


class RuleOut(Schema):
    rule = fields.String()
    action = fields.String()
    enabled = fields.Boolean()
    params = fields.Dict()


class PolicyOut(Schema):
    version = fields.Integer()
    thresholds = fields.Dict(keys=fields.String(), values=fields.Nested(ThresholdOut))
    rules = fields.List(fields.Nested(RuleOut))


def _count(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _words(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MOST_WORDS
        and all(
            isinstance(word, str) and 0 < len(word.strip()) <= MOST_CHARACTERS and word.isprintable() for word in value
        )
    )


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "max_characters": _count(1, 50_000),
    "max_links": _count(0, 1_000),
    "times": _count(1, 100),
    "published_needed": _count(1, 100),
    "roles": _words,
    "words": _words,
    "patterns": _words,
    "timeout_ms": _count(50, 1_000),
    "standing_needed": _count(1, 120),
    "score_below": lambda value: type(value) in (int, float) and 0 <= value <= 1,
    "dry_run": lambda value: isinstance(value, bool),
}
_LIST = f"Must be a list of at most {MOST_WORDS} strings of 1 to {MOST_CHARACTERS} printable characters."
_EXPECTED: Mapping[str, str] = {
    "max_characters": "Must be a whole number from 1 to 50000.",
    "max_links": "Must be a whole number from 0 to 1000.",
    "times": "Must be a whole number from 1 to 100.",
    "published_needed": "Must be a whole number from 1 to 100.",
    "roles": _LIST,
    "words": _LIST,
    "patterns": _LIST,
    "timeout_ms": "Must be a whole number from 50 to 1000.",
    "standing_needed": "Must be a whole number from 1 to 120.",
    "score_below": "Must be a number from 0 to 1.",
    "dry_run": "Must be true or false.",
}
