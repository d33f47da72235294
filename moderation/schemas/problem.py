"""The one shape of errors (RFC 9457)."""

from marshmallow import INCLUDE, Schema, fields


class FieldErrorOut(Schema):
    pointer = fields.String(metadata={"description": "JSON pointer into the body, as a fragment."})
    parameter = fields.String(metadata={"description": "The query parameter, where it is one."})
    detail = fields.String()


class ProblemOut(Schema):
    class Meta:
        unknown = INCLUDE  # extension members, RFC 9457 section 3.2

    type = fields.Url()
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    instance = fields.String()
    code = fields.String()
    errors = fields.List(fields.Nested(FieldErrorOut))
