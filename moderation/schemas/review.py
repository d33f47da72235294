"""Forms of the moderators' desk, and the queue as the API shows it."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from moderation.policy import DECISION_REASONS
from moderation.schemas.base import PageQuery, StrictSchema, Text
from moderation.schemas.comments import CommentOut

ACTIONS = ("approve", "reject", "skip", "uphold", "overturn")
# What may be lost when a session ends in the middle of a decision.
MOST_NOTE = 1_000
MOST_QUEUE = 80
BAN_DAYS = (1, 7, 30)
# The most unlocks that are given at once from the desk.
MOST_GOODWILL = 50


class QueueQuery(PageQuery):
    """The pending queue is asked page by page."""


class QueueItemOut(CommentOut):
    comes_first = fields.Function(
        lambda comment: comment.priority > 0,
        metadata={"type": "boolean", "description": "Its reader's plan puts it before others."},
    )


class QueueOut(Schema):
    items = fields.List(fields.Nested(QueueItemOut))
    next_cursor = fields.String(allow_none=True)


class DecisionForm(StrictSchema):
    """A button of the card: ``do``, or a ``reason``, which rejects."""

    do = fields.String(
        validate=validate.OneOf(ACTIONS, error="The page asked for something that this desk does not do.")
    )
    reason = fields.String(validate=validate.OneOf(DECISION_REASONS, error="That is not one of this site's reasons."))
    note = Text(most=MOST_NOTE, load_default="")
    version = fields.Integer(required=True, validate=validate.Range(1, 2**31 - 1))
    queue = Text(most=MOST_QUEUE, load_default="pending")
    next = Text(most=40, load_default="")

    @validates_schema
    def _complete(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("reason"):
            data["do"] = "reject"
        if data.get("do") == "reject" and not data.get("reason"):
            raise ValidationError("A rejection needs a reason.", "reason")
        if not data.get("do"):
            raise ValidationError("The page did not say what to do.", "do")


class LedgerQuery(StrictSchema):
    below = fields.Integer(strict=False, validate=validate.Range(1, 2**63 - 1), load_default=None)


class UndoForm(StrictSchema):
    decision = Text(most=40, load_default="")
    queue = Text(most=MOST_QUEUE, load_default="pending")


class GoodwillForm(StrictSchema):
    """Unlocks from the house. ``ticket`` is of the form itself: sent twice, it gives once."""

    unlocks = fields.Integer(
        required=True,
        validate=validate.Range(1, MOST_GOODWILL, error=f"Give 1 to {MOST_GOODWILL} unlocks."),
        error_messages={"required": "Say how many.", "invalid": "Say how many, as a whole number."},
    )
    reason = Text(most=200, load_default="")
    ticket = fields.String(
        required=True, validate=validate.Regexp(r"[0-9a-f]{24}\Z", error="The page was not whole; send it again.")
    )

    @validates_schema
    def _kindness_has_a_reason(self, data: dict[str, Any], **_: Any) -> None:
        if not data["reason"].strip():
            raise ValidationError("Say why, so that your colleagues know.", "reason")


class StandingForm(StrictSchema):
    do = fields.String(required=True, validate=validate.OneOf(("ban", "unban", "premoderate", "trust")))
    days = fields.String(validate=validate.OneOf([*map(str, BAN_DAYS), "lifted"]), load_default=str(BAN_DAYS[0]))
    reason = Text(most=500, load_default="")

    @validates_schema
    def _a_ban_has_a_reason(self, data: dict[str, Any], **_: Any) -> None:
        if data["do"] == "ban" and not data["reason"].strip():
            raise ValidationError("Say why, so that the reader and your colleagues know.", "reason")
