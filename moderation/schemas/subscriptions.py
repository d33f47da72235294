"""Subscriptions, as sites change and read them."""

from marshmallow import Schema, fields, validate

from moderation.models import State
from moderation.schemas.base import Instant, StrictSchema, Text

EFFECTS = (
    "unlock_left", "trial", "access_begins", "access_kept", "access_ends", "renewal_expected", "renewal_stops",
)  # fmt: skip


class SubscriptionIn(StrictSchema):
    plan = Text(required=True, least=1, most=100)


class ChangeIn(StrictSchema):
    plan = Text(required=True, least=1, most=100)
    at = fields.String(validate=validate.OneOf(["now", "period_end"]), load_default="now")


class CancelIn(StrictSchema):
    at = fields.String(validate=validate.OneOf(["period_end", "now"]), load_default="period_end")


class RenewIn(StrictSchema):
    reference = Text(
        least=1, most=255, allow_none=True, load_default=None,
        metadata={"description": "The payment's own name: the same one adds one period only."},
    )  # fmt: skip


class PendingChangeOut(Schema):
    plan = fields.String()
    at = Instant(metadata={"description": "The end of the paid time; the plan holds from there, if that is paid."})


class FiguresOut(Schema):
    """A reader's account at one moment, as a dialog shows it."""

    unlock_left = fields.Integer()
    plan = fields.String(allow_none=True, metadata={"description": "Null for who never had a subscription."})
    state = fields.Enum(State, by_value=True, allow_none=True)
    paid_until = Instant(allow_none=True)
    access_until = Instant(allow_none=True)


class EffectOut(Schema):
    """One thing that a change brings; docs/engagement.md says what each code means."""

    code = fields.String(validate=validate.OneOf(EFFECTS))
    before = fields.Integer(allow_none=True)
    after = fields.Integer(allow_none=True)
    until = Instant(allow_none=True)


class ChangeOut(Schema):
    """What the answer to a dry run says besides."""

    before = fields.Nested(FiguresOut, metadata={"description": "A dry run only: the account as it is."})
    after = fields.Nested(FiguresOut, metadata={"description": "A dry run only: the account as it would be."})
    effects = fields.List(fields.Nested(EffectOut), metadata={"description": "A dry run only: what lies between."})


class SubscriptionOut(Schema):
    id = fields.String()
    plan = fields.String()
    state = fields.Enum(State, by_value=True)
    paid_until = Instant(allow_none=True, metadata={"description": "Null: without end."})
    access_until = Instant(allow_none=True, metadata={"description": "paid_until and the days of grace."})
    cancel_at_period_end = fields.Boolean()
    trial_ends_at = Instant(allow_none=True)
    pending_change = fields.Nested(PendingChangeOut, allow_none=True)
    unlock_left = fields.Integer(metadata={"description": "Beside a change, and where it is read alone."})


class ShareOut(Schema):
    numerator = fields.Integer()
    denominator = fields.Integer()
    decimal = fields.String(metadata={"description": "Rounded to six places."})


class ProrationOut(Schema):
    old_plan = fields.String()
    new_plan = fields.String()
    trial = fields.Boolean(metadata={"description": "Whether the period is the trial, for which nobody paid."})
    period_start = Instant()
    period_end = Instant()
    seconds_used = fields.Integer()
    seconds_left = fields.Integer()
    unused = fields.Nested(ShareOut, metadata={"description": "seconds_left of the period, in lowest terms."})
    whole_periods_left = fields.Integer(metadata={"description": "Paid ahead, after this period."})


class PlanChangeOut(SubscriptionOut, ChangeOut):
    proration = fields.Nested(
        ProrationOut, allow_none=True,
        metadata={"description": "Of a change now; null where no beginning and end of the period is known here."},
    )  # fmt: skip


class SubscriptionChangeOut(SubscriptionOut, ChangeOut):
    """The subscription after a change."""


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
    next_plan = fields.String(allow_none=True, metadata={"description": "The plan that waits from here on."})
    effective_at = Instant()


class TransitionListOut(Schema):
    items = fields.List(fields.Nested(TransitionOut))
    next_cursor = fields.String(allow_none=True)
