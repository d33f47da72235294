"""What other payment providers send to the generic endpoint, signed (Standard Webhooks 1.0.0)."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from moderation.models import State
from moderation.schemas.base import Instant, StrictSchema, Text, Whole
from moderation.schemas.plans import MAX_UNLOCKS

ORDER_KINDS = ("bundle", "gift")


class ProviderEventIn(StrictSchema):
    type = fields.String(required=True, validate=validate.Regexp(r"[a-z0-9_.]{1,100}\Z"))
    timestamp = Instant(required=True)
    data = fields.Dict(required=True)


class OrderPaidIn(StrictSchema):
    reader_id = Text(required=True, least=1, most=255)
    reference = Text(required=True, least=1, most=255)
    unlocks = Whole(required=True, validate=validate.Range(1, MAX_UNLOCKS))
    kind = fields.String(validate=validate.OneOf(ORDER_KINDS), load_default="bundle")
    expires_at = Instant(allow_none=True, load_default=None)
    site = Text(most=64, allow_none=True, load_default=None)


class OrderRefundedIn(StrictSchema):
    reference = Text(required=True, least=1, most=255)
    refund_reference = Text(least=1, most=255, allow_none=True, load_default=None)
    unlocks = Whole(allow_none=True, load_default=None, validate=validate.Range(1, MAX_UNLOCKS))
    kind = fields.String(validate=validate.OneOf(ORDER_KINDS), load_default="bundle")
    site = Text(most=64, allow_none=True, load_default=None)


class SubscriptionUpdatedIn(StrictSchema):
    subscription = Text(required=True, least=1, most=255)
    reader_id = Text(required=True, least=1, most=255)
    plan = Text(required=True, least=1, most=100)
    state = fields.String(required=True, validate=validate.OneOf([str(state) for state in State]))
    paid_until = Instant(required=True)
    period_started_at = Instant(allow_none=True, load_default=None)
    site = Text(most=64, allow_none=True, load_default=None)

    @validates_schema
    def check_period(self, data: dict[str, Any], **_: Any) -> None:
        started, unpaid = data["period_started_at"], data["state"] in (State.PAST_DUE, State.ENDED)
        if started is None and not unpaid:
            raise ValidationError("Is required in this state.", "period_started_at")
        if started is not None and started >= data["paid_until"]:
            raise ValidationError("Must lie before paid_until.", "period_started_at")


BY_TYPE: dict[str, type[StrictSchema]] = {
    "order.paid": OrderPaidIn,
    "order.refunded": OrderRefundedIn,
    "subscription.updated": SubscriptionUpdatedIn,
}
