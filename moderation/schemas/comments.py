"""Comments, as sites send and read them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from moderation.policy import DECISION_REASONS, Status
from moderation.schemas.base import Instant, PageQuery, StrictSchema, Text, YesNo

MAX_TEXT = 50_000
MAX_TEXTS = 1_000
OLDEST = datetime(1995, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)


def _plausible(moment: datetime) -> None:
    if not OLDEST <= moment <= datetime.now(UTC) + CLOCK_SKEW:
        raise ValidationError("Must lie between 1995 and now.")


class PostIn(StrictSchema):
    id = Text(required=True, least=1, most=255)
    url = Text(most=2_000)
    title = Text(most=500)
    section = Text(most=100)
    tags = fields.List(Text(least=1, most=100), validate=validate.Length(max=50))


class ReaderIn(StrictSchema):
    id = Text(least=1, most=255, allow_none=True)
    name = Text(most=100)
    email = Text(most=254)
    url = Text(most=2_000)
    ip = Text(most=45)
    user_agent = Text(most=1_000)
    roles = fields.List(Text(least=1, most=50), validate=validate.Length(max=20))

    # Neither an id nor a name is what is refused. As ``not``, because generators of clients make classes of ``anyOf``.
    json_schema: ClassVar[Mapping[str, Any]] = {
        "not": {"properties": {"id": {"type": "null"}, "name": {"maxLength": 0}}}
    }

    @validates_schema
    def _has_id_or_name(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("id") and not data.get("name"):
            raise ValidationError("A reader needs an id or a name.")


class SignalsIn(StrictSchema):
    honeypot_filled = YesNo()
    seconds_to_submit = fields.Float(validate=validate.Range(0, 1e9))


class CommentIn(StrictSchema):
    external_id = Text(least=1, most=255, allow_none=True, load_default=None)
    post = fields.Nested(PostIn, required=True)
    parent_id = Text(least=1, most=40, allow_none=True, load_default=None)
    reader = fields.Nested(ReaderIn, required=True)
    text = Text(required=True, least=1, most=MAX_TEXT)
    created_at = Instant(validate=_plausible, load_default=None, allow_none=True)
    signals = fields.Nested(SignalsIn, load_default=dict)


class BatchIn(StrictSchema):
    # Each item is checked by itself: one bad one fails alone.
    items = fields.List(fields.Raw(allow_none=True), required=True, validate=validate.Length(1, MAX_TEXTS))


class EditIn(StrictSchema):
    text = Text(required=True, least=1, most=MAX_TEXT)


_KNOWN_READER: Mapping[str, Any] = {
    "properties": {"reader": {"required": ["id"], "properties": {"id": {"type": "string"}}}}
}


class FlagIn(StrictSchema):
    json_schema: ClassVar[Mapping[str, Any]] = _KNOWN_READER

    reader = fields.Nested(ReaderIn, required=True)
    reason = fields.String(required=True, validate=validate.OneOf(DECISION_REASONS))
    note = Text(most=1_000, load_default="")


class AppealIn(StrictSchema):
    json_schema: ClassVar[Mapping[str, Any]] = _KNOWN_READER

    reader = fields.Nested(ReaderIn, required=True)
    text = Text(most=2_000, load_default="")


class DecisionIn(StrictSchema):
    status = fields.Enum(Status, by_value=True, required=True)
    reason = fields.String(validate=validate.OneOf(DECISION_REASONS), load_default=None, allow_none=True)
    note = Text(most=1_000, load_default="")

    json_schema: ClassVar[Mapping[str, Any]] = {
        "properties": {"status": {"enum": ["published", "rejected"]}},
        "not": {"properties": {"status": {"const": "rejected"}, "reason": {"type": "null"}}},
    }

    @validates_schema
    def _rejection_needs_a_reason(self, data: dict[str, Any], **_: Any) -> None:
        if data["status"] is Status.PENDING:
            raise ValidationError("A decision publishes or rejects.", "status")
        if data["status"] is Status.REJECTED and not data.get("reason"):
            raise ValidationError("A rejection needs a reason.", "reason")


class CommentQuery(PageQuery):
    post_id = Text(least=1, most=255)
    reader_id = Text(least=1, most=255)
    status = fields.Enum(Status, by_value=True)


class ThreadQuery(PageQuery):
    shape = fields.String(validate=validate.OneOf(["nested", "flat"]), load_default="nested")


class ReasonOut(Schema):
    code = fields.String()
    detail = fields.String()
    label = fields.String()
    value = fields.Float()
    threshold = fields.Float()


class CommentOut(Schema):
    id = fields.String()
    external_id = fields.String(allow_none=True)
    post_id = fields.String()
    parent_id = fields.String(allow_none=True)
    reader_id = fields.String(allow_none=True)
    reader_name = fields.String()
    text = fields.String()
    status = fields.Enum(Status, by_value=True)
    reasons = fields.List(fields.Nested(ReasonOut))
    scores = fields.Dict(keys=fields.String(), values=fields.Float())
    model_version = fields.String()
    policy_version = fields.Integer()
    decided_by = fields.String()
    flag_count = fields.Integer()
    created_at = Instant()
    updated_at = Instant()
    version = fields.Integer()


class CommentPageOut(Schema):
    items = fields.List(fields.Nested(CommentOut))
    next_cursor = fields.String(allow_none=True)


class BatchItemOut(Schema):
    status = fields.Integer(metadata={"description": "What this submission alone would have been answered."})
    comment = fields.Nested(CommentOut)
    problem = fields.Dict()


class BatchOut(Schema):
    items = fields.List(fields.Nested(BatchItemOut))


class ThreadCommentOut(Schema):
    """What the public sees of a comment; a removed one keeps its place without its text."""

    id = fields.String()
    parent_id = fields.String(allow_none=True)
    reader_id = fields.String(allow_none=True)
    reader_name = fields.String()
    text = fields.String()
    removed = fields.Boolean()
    created_at = Instant()
    updated_at = Instant()
    version = fields.Integer()
    replies = fields.List(fields.Nested("ThreadCommentOut"))


class ThreadOut(Schema):
    items = fields.List(fields.Nested(ThreadCommentOut))
    next_cursor = fields.String(allow_none=True)


class FlagOut(Schema):
    id = fields.String()
    comment_id = fields.String()
    reader_id = fields.String()
    reason = fields.String()
    note = fields.String()
    created_at = Instant()


class AppealOut(Schema):
    id = fields.String()
    comment_id = fields.String()
    text = fields.String()
    state = fields.String()
    created_at = Instant()
    decided_at = Instant(allow_none=True)


class HistoryItemOut(Schema):
    id = fields.String()
    kind = fields.String()
    old_status = fields.Enum(Status, by_value=True, allow_none=True)
    new_status = fields.Enum(Status, by_value=True)
    reason = fields.String(allow_none=True)
    note = fields.String()
    reasons = fields.List(fields.Nested(ReasonOut))
    actor = fields.String()
    model_version = fields.String()
    policy_version = fields.Integer()
    comment_version = fields.Integer()
    hook = fields.Dict(
        allow_none=True, metadata={"description": "What the site's own rule answered; null where it was not asked."}
    )
    text_before = fields.String(metadata={"description": "The text that this edit replaced."})
    created_at = Instant()


class HistoryOut(Schema):
    items = fields.List(fields.Nested(HistoryItemOut))


class StatementOut(Schema):
    """A statement of reasons in the sense of article 17 of the EU Digital Services Act."""

    comment_id = fields.String()
    decision_id = fields.String()
    restriction = fields.String()
    ground = fields.String()
    facts = fields.List(fields.String())
    automated_detection = fields.Boolean()
    automated_decision = fields.Boolean()
    decided_at = Instant()
    redress = fields.String()


class ScoreIn(StrictSchema):
    texts = fields.List(Text(least=0, most=MAX_TEXT), required=True, validate=validate.Length(1, MAX_TEXTS))
    explain = YesNo(load_default=False)
    decide = YesNo(load_default=False)


class SpanOut(Schema):
    start = fields.Integer()
    end = fields.Integer()
    label = fields.String()
    weight = fields.Float()


class ScoreItemOut(Schema):
    scores = fields.Dict(keys=fields.String(), values=fields.Float())
    status = fields.Enum(Status, by_value=True)
    reasons = fields.List(fields.Nested(ReasonOut))
    spans = fields.List(fields.Nested(SpanOut))


class ScoreOut(Schema):
    items = fields.List(fields.Nested(ScoreItemOut))
    model_version = fields.String()
