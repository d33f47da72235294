"""A site's hook, as it is set and shown."""

from marshmallow import Schema, fields, validate

from moderation.schemas.base import Instant, StrictSchema, Text
from moderation.services.site_hooks import SENDABLE


class HookIn(StrictSchema):
    url = Text(required=True, least=1, most=2_000, metadata={"format": "uri", "pattern": "^https?://[^#\\s]+$"})
    send = fields.List(
        fields.String(validate=validate.OneOf(SENDABLE)),
        load_default=list,
        validate=validate.Length(max=10),
        metadata={"description": "What of a reader is sent beside id, name, url and roles."},
    )


class HookOut(Schema):
    url = fields.String()
    send = fields.List(fields.String())
    created_at = Instant()
    updated_at = Instant()
    old_secret_until = Instant(allow_none=True)
    failed_at = Instant(allow_none=True)
    last_error = fields.String()
    recovered_at = Instant(allow_none=True)


class NewHookOut(HookOut):
    """The only answers that show the secret: of a new hook, and of a rotation."""

    secret = fields.String()
