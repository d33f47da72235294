"""Subscriptions, as sites change and read them."""

from marshmallow import Schema, fields, validate

from moderation.models import State
from moderation.schemas.base import Instant, StrictSchema, Text


class SubscriptionIn(StrictSchema):
    plan = Text(required=True, least=1, most=100)


class CancelIn(StrictSchema):
    at = fields.String(validate=validate.OneOf(["period_end", "now"]), load_default="period_end")


class RenewIn(StrictSchema):
    reference = Text(
        least=1, most=255, allow_none=True, load_default=None,
        metadata={"description": "The payment's own name: the same one adds one period only."},
    )  # fmt: skip


class SubscriptionOut(Schema):
    id = fields.String()
    plan = fields.String()
    state = fields.Enum(State, by_value=True)
    paid_until = Instant(allow_none=True, metadata={"description": "Null: without end."})
    access_until = Instant(allow_none=True, metadata={"description": "paid_until and the days of grace."})
    cancel_at_period_end = fields.Boolean()
    trial_ends_at = Instant(allow_none=True)
    unlock_left = fields.Integer(metadata={"description": "Beside a change, and where it is read alone."})


class TransitionOut(Schema):
    subscription_id = fields.String()
    version = fields.Integer()
    event = fields.String()
    old_state = fields.Enum(State, by_value=True, allow_none=True)
    new_state = fields.Enum(State, by_value=True)
    plan = fields.String()
    paid_until = Instant(allow_none=True)
    cause = fields.String(validate=validate.OneOf(["request", "clock", "provider", "import", "erasure"]))
    actor = fields.String()
    reference = fields.String(allow_none=True)
    effective_at = Instant()


class TransitionListOut(Schema):
    items = fields.List(fields.Nested(TransitionOut))
    next_cursor = fields.String(allow_none=True)
