"""Webhook endpoints and events, as they come in and go out."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from moderation.schemas.base import Instant, PageQuery, StrictSchema, Text, Whole, YesNo
from moderation.services.delivery_log import STATES
from moderation.services.endpoints import EVERY_TYPE, MOST_ROTATION_HOURS, ROTATION_HOURS
from moderation.services.outbox import EVENT_TYPES

_TYPE = validate.OneOf(EVENT_TYPES, error="Must be an event type that Replydesk sends.")


def _url(**kwargs: Any) -> Text:
    return Text(least=1, most=2_000, metadata={"format": "uri", "pattern": "^https?://[^#\\s]+$"}, **kwargs)


def _types(**kwargs: Any) -> fields.Field[Any]:
    one = fields.String(validate=validate.OneOf([*EVENT_TYPES, EVERY_TYPE]))
    return fields.List(one, validate=validate.Length(1, 100), **kwargs)


class EndpointIn(StrictSchema):
    url = _url(required=True)
    event_types = _types(load_default=lambda: [EVERY_TYPE])


class EndpointChangeIn(StrictSchema):
    """What is left out stays as it is."""

    url = _url()
    event_types = _types()
    enabled = YesNo()


class RotationIn(StrictSchema):
    may_be_left_out = True

    overlap_hours = Whole(load_default=ROTATION_HOURS, validate=validate.Range(0, MOST_ROTATION_HOURS))


class EndpointReplayIn(StrictSchema):
    """One event by its id, or without one the dead deliveries of events in a time."""

    may_be_left_out = True

    event_id = Text(least=1, most=40)
    since = Instant()
    until = Instant()

    @validates_schema
    def _one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        if "event_id" in data and ("since" in data or "until" in data):
            raise ValidationError("Goes without a time.", "event_id")

    json_schema: ClassVar[Mapping[str, Any]] = {
        "not": {
            "anyOf": [{"required": ["event_id", "since"]}, {"required": ["event_id", "until"]}],
        }
    }


class EndpointOut(Schema):
    id = fields.String()
    url = fields.String()
    event_types = fields.List(fields.String())
    created_at = Instant()
    failing_since = Instant(allow_none=True)
    disabled_at = Instant(allow_none=True)
    disabled_because = fields.String()
    rotating_until = Instant(allow_none=True)


class NewEndpointOut(EndpointOut):
    """The only kind of answer that shows the secret: after it was made, and after a rotation."""

    secret = fields.String()


class EndpointPageOut(Schema):
    items = fields.List(fields.Nested(EndpointOut))
    next_cursor = fields.String(allow_none=True)


class EventQuery(PageQuery):
    type = fields.String(validate=_TYPE, load_default=None)


class DeliveryOut(Schema):
    endpoint_id = fields.String()
    state = fields.String(validate=validate.OneOf(STATES))
    attempts = fields.Integer()
    last_status = fields.Integer(allow_none=True)
    last_error = fields.String()
    delivered_at = Instant(allow_none=True)
    next_attempt_at = Instant(allow_none=True)


class EventOut(Schema):
    id = fields.String()
    type = fields.String()
    created_at = Instant()
    data = fields.Dict()
    deliveries = fields.List(fields.Nested(DeliveryOut))


class EventPageOut(Schema):
    items = fields.List(fields.Nested(EventOut))
    next_cursor = fields.String(allow_none=True)


class DeliveryQuery(PageQuery):
    state = fields.String(validate=validate.OneOf(STATES), load_default=None)


class LoggedDeliveryOut(DeliveryOut):
    id = fields.String()
    event_id = fields.String()
    event_type = fields.String()
    event_created_at = Instant()


class LoggedDeliveryPageOut(Schema):
    items = fields.List(fields.Nested(LoggedDeliveryOut))
    next_cursor = fields.String(allow_none=True)


class AttemptOut(Schema):
    """``answer_body`` is what was read of it, at most 64 kB; ``answer_cut`` says that there was more."""

    number = fields.Integer()
    created_at = Instant()
    milliseconds = fields.Integer()
    url = fields.String()
    request_headers = fields.Dict()
    status = fields.Integer(allow_none=True)
    error = fields.String()
    answer_headers = fields.Dict()
    answer_body = fields.String()
    answer_cut = fields.Boolean()


class DeliveryLogOut(LoggedDeliveryOut):
    request_body = fields.String()
    log = fields.List(fields.Nested(AttemptOut))


class ReplayedOut(Schema):
    deliveries = fields.Integer()
