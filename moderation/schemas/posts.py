"""Posts, as sites send and read them."""

from marshmallow import Schema, fields, validate

from moderation.schemas.base import StrictSchema, Text, YesNo

MODES = ("open", "premoderated", "closed")


class PostSettingsIn(StrictSchema):
    """What is not sent stays as it is; ``id`` may come back as it was read, but it is the address that counts."""

    id = Text(least=1, most=255)
    title = Text(most=500)
    url = Text(most=2_000)
    free = YesNo()
    comments = fields.String(validate=validate.OneOf(MODES))
    section = Text(most=100)
    tags = fields.List(Text(least=1, most=100), validate=validate.Length(max=50))


class PostOut(Schema):
    id = fields.String()
    title = fields.String()
    url = fields.String()
    free = fields.Boolean()
    comments = fields.String()
    section = fields.String()
    tags = fields.List(fields.String())
