"""Webhook endpoints and events, as they come in and go out."""

from marshmallow import Schema, fields, validate

from moderation.schemas.base import Instant, PageQuery, StrictSchema, Text
from moderation.services.endpoints import EVERY_TYPE
from moderation.services.outbox import EVENT_TYPES

_TYPE = validate.OneOf(EVENT_TYPES, error="Must be an event type that Replydesk sends.")


class EndpointIn(StrictSchema):
    url = Text(required=True, least=1, most=2_000, metadata={"format": "uri", "pattern": "^https?://[^#\\s]+$"})
    event_types = fields.List(
        fields.String(validate=validate.OneOf([*EVENT_TYPES, EVERY_TYPE])),
        load_default=lambda: [EVERY_TYPE],
        validate=validate.Length(1, 100),
    )


class EndpointOut(Schema):
    id = fields.String()
    url = fields.String()
    event_types = fields.List(fields.String())
    created_at = Instant()
    failing_since = Instant(allow_none=True)
    disabled_at = Instant(allow_none=True)
    disabled_because = fields.String()


class NewEndpointOut(EndpointOut):
    """The only answer that shows the secret."""

    secret = fields.String()


class EndpointPageOut(Schema):
    items = fields.List(fields.Nested(EndpointOut))
    next_cursor = fields.String(allow_none=True)


class EventQuery(PageQuery):
    type = fields.String(validate=_TYPE, load_default=None)


class DeliveryOut(Schema):
    endpoint_id = fields.String()
    state = fields.String(validate=validate.OneOf(["waiting", "delivered", "dead"]))
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
