"""What Perspective's clients send, read as its own service reads it, and refused in its own words.

Unknown fields are ignored and names may be written in either case, as in all JSON of protocol buffers: these
schemas are the one exception from the rule that unknown keys are refused. Clients search the messages for
words, so the wording is part of the protocol (protocols.md 1.6).
"""

import re
from collections.abc import Mapping
from typing import Any

from flask import json
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from moderation import languages, perspective

INVALID = "INVALID_ARGUMENT"
_ERROR = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_TYPE, _PLAIN, _HTML = "TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT", "HTML"
_SCORE_TYPES = ("PROBABILITY", "SCORE_TYPE_UNSPECIFIED")
MOST_NAMED = 200


class Refused(Exception):  # noqa: N818 -- what the answer is, not what went wrong here
    """An answer in Google's envelope; ``details`` is never empty, since clients read its first item unasked."""

    def __init__(self, message: str, details: list[dict[str, Any]], *, code: int = 400, status: str = INVALID) -> None:
        super().__init__(message)
        self.message, self.details, self.code, self.status = message, details, code, status


def refusal(message: str, error_type: str = "INVALID_REQUEST", **more: Any) -> Refused:
    return Refused(message, [{"@type": _ERROR, "errorType": error_type, **more}])


def violation(message: str, field: str = "") -> Refused:
    violations = [{"field": field, "description": message}]
    return Refused(message, [{"@type": _BAD_REQUEST, "fieldViolations": violations}])


class WireText(fields.String):
    """Any text at all, but no half of a surrogate pair: protocol buffers hold UTF-8."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if _SURROGATE.search(text):
            raise ValidationError("String is not valid UTF-8.")
        return text


class WireSchema(Schema):
    """Unknown names are ignored, ``snake_case`` is read as well, and null means absent."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def rename(self, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002 -- marshmallow's signature
        if not isinstance(data, Mapping):
            return data
        named = {}
        for name, field in self.load_fields.items():
            key = field.data_key or name
            value = data.get(key, data.get(name))
            if value is not None:
                named[key] = value
        return named


class TextEntryIn(WireSchema):
    text = WireText(load_default="")
    type = WireText(load_default=_PLAIN)


class ArticleAndParentIn(WireSchema):
    article = fields.Nested(TextEntryIn)
    parent_comment = fields.Nested(TextEntryIn, data_key="parentComment")


class ContextIn(WireSchema):
    entries = fields.List(fields.Nested(TextEntryIn), load_default=list)
    article_and_parent_comment = fields.Nested(ArticleAndParentIn, data_key="articleAndParentComment")


class AttributeIn(WireSchema):
    score_type = WireText(data_key="scoreType", load_default="PROBABILITY")
    score_threshold = fields.Float(data_key="scoreThreshold", load_default=None, allow_nan=False)


class ScoreIn(WireSchema):
    value = fields.Float(required=True, allow_nan=False, validate=validate.Range(0, 1))


class SpanScoreIn(WireSchema):
    score = fields.Nested(ScoreIn, required=True)


class AttributeScoresIn(WireSchema):
    summary_score = fields.Nested(ScoreIn, data_key="summaryScore", load_default=None)
    span_scores = fields.List(fields.Nested(SpanScoreIn), data_key="spanScores", load_default=list)


class CommentIn(WireSchema):
    comment = fields.Nested(TextEntryIn, load_default=dict)
    context = fields.Nested(ContextIn, load_default=dict)
    languages = fields.List(WireText(), load_default=list, validate=validate.Length(max=MOST_NAMED))
    do_not_store = fields.Boolean(data_key="doNotStore", load_default=False)
    client_token = WireText(data_key="clientToken", load_default=None)
    community_id = WireText(data_key="communityId", load_default="")
    session_id = WireText(data_key="sessionId", load_default="")


class AnalyzeIn(CommentIn):
    requested_attributes = fields.Dict(
        WireText(), fields.Nested(AttributeIn, allow_none=True),
        data_key="requestedAttributes", load_default=dict, validate=validate.Length(max=MOST_NAMED),
    )  # fmt: skip
    span_annotations = fields.Boolean(data_key="spanAnnotations", load_default=False)


class SuggestIn(CommentIn):
    attribute_scores = fields.Dict(
        WireText(), fields.Nested(AttributeScoresIn),
        data_key="attributeScores", load_default=dict, validate=validate.Length(max=MOST_NAMED),
    )  # fmt: skip


_ANALYZE, _SUGGEST = AnalyzeIn(), SuggestIn()


def read_analyze(body: bytes) -> dict[str, Any]:
    """Return the request, checked; raise ``Refused``."""
    asked = _load(_ANALYZE, body)
    asked["text"] = _text(asked)
    if not asked["requested_attributes"]:
        raise refusal("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")
    for name, config in asked["requested_attributes"].items():
        _must_be_known(name)
        if config and config["score_type"] not in _SCORE_TYPES:
            kind = shown(config["score_type"])
            raise refusal(f"Requested score type {kind} is not supported by attribute {name}")
    asked["detected"] = [languages.detect(asked["text"])]
    _must_be_served(asked, next(iter(asked["requested_attributes"])))
    return asked


def read_suggestion(body: bytes) -> dict[str, Any]:
    """Return the request with ``values``, the suggested score of each attribute; raise ``Refused``."""
    asked = _load(_SUGGEST, body)
    asked["text"] = _text(asked)
    if not asked["attribute_scores"]:
        raise refusal("Missing attribute_scores", "NO_REQUESTED_ATTRIBUTES")
    asked["values"] = {}
    for name, scores in asked["attribute_scores"].items():
        _must_be_known(name)
        given = [scores["summary_score"]] if scores["summary_score"] else [s["score"] for s in scores["span_scores"]]
        if not given:
            raise violation(f"Attribute {name} has neither summary_score nor span_scores", "attribute_scores")
        asked["values"][name] = max(score["value"] for score in given)
    return asked


def shown(word: str) -> str:
    """What a client sent, short enough to be said back to it."""
    return word[:100]


def _load(schema: Schema, body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body) if body.strip() else {}
    except ValueError:
        raise violation("Invalid JSON payload received. Unexpected token.") from None
    try:
        return dict(schema.load(data))
    except ValidationError as error:
        path, detail = _first(error.messages)
        raise violation(f"Invalid JSON payload received. Invalid value at '{path}': {detail}", path) from None
    except RecursionError:
        raise violation("Invalid JSON payload received. Nested too deep.") from None


def _first(messages: Any) -> tuple[str, str]:
    """The first complaint of marshmallow's nested ones, with the path of its field."""
    path: list[str] = []
    while isinstance(messages, Mapping):
        key, messages = next(iter(messages.items()))
        if key not in ("_schema", "key", "value"):
            path.append(shown(str(key)).encode("utf-8", "backslashreplace").decode())
    return ".".join(path), str(messages[0] if isinstance(messages, list) else messages)


def _text(asked: dict[str, Any]) -> str:
    entry = {"text": "", "type": _PLAIN, **asked["comment"]}
    if entry["type"] not in (_PLAIN, _HTML, _NO_TYPE):
        raise refusal("Unknown text type")
    text = str(entry["text"])
    plain = perspective.without_tags(text) if entry["type"] == _HTML else text
    if not plain.strip():
        raise refusal("Comment must be non-empty.", "COMMENT_EMPTY")
    size = len(text.encode())
    if size > perspective.MOST_TEXT_BYTES:
        limit = f"Value ({size}) exceeded limit ({perspective.MOST_TEXT_BYTES})."
        raise refusal(f"Comment text was too many bytes. {limit}", "COMMENT_TOO_LONG")
    _check_context(asked["context"])
    return plain


def _check_context(context: Mapping[str, Any]) -> None:
    both = context.get("entries") and context.get("article_and_parent_comment")
    if both:
        raise refusal("Context can have either entries or article_and_parent_comment, but both fields were populated.")
    for entry in context.get("entries", ()):
        if len(entry["text"].encode()) > perspective.MOST_CONTEXT_BYTES:
            raise refusal("Context text was too many bytes.")


def _must_be_known(name: str) -> None:
    if name not in perspective.ATTRIBUTES:
        raise refusal(f"Unknown requested attribute: {shown(name)}")


def _must_be_served(asked: Mapping[str, Any], attribute: str) -> None:
    wanted = asked["languages"] or asked["detected"]
    strange = [shown(tag) for tag in wanted if languages.primary(tag) not in languages.SERVED]
    if strange:
        found = {"detectedLanguages": asked["detected"], "requestedLanguages": wanted, "attribute": attribute}
        raise refusal(
            f"Attribute {attribute} does not support request languages: {', '.join(strange)}",
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE", languageNotSupportedByAttributeError=found,
        )  # fmt: skip
