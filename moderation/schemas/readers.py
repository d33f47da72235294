"""Readers' unlocks, grants, access and what is held on them, as sites send and read them."""

from marshmallow import Schema, fields, validate

from moderation.schemas.base import Instant, StrictSchema, Text, Whole
from moderation.schemas.plans import MAX_UNLOCKS
from moderation.schemas.subscriptions import ChangeOut, SubscriptionOut

GRANT_KINDS = ("bundle", "gift", "goodwill", "refund", "import")


class AccessQuery(StrictSchema):
    post_id = Text(required=True, least=1, most=255)


class AccessOut(Schema):
    allowed = fields.Boolean()
    because = fields.String(validate=validate.OneOf(["free_post", "subscription", "unlocked", "meter", "none"]))
    unlock_left = fields.Integer()
    meter_left = fields.Integer(
        allow_none=True,
        metadata={"description": "How many more posts the meter's rule lets be counted; null where no rule does."},
    )
    until = Instant(allow_none=True, metadata={"description": "When this access ends; null: not by itself."})


class EntitlementTokenOut(Schema):
    token = fields.String(metadata={"description": "A JWT for the site's edge; its claims are in docs/edge.md."})
    expires_at = Instant()


class StandingOut(Schema):
    banned = fields.Boolean()
    banned_until = Instant(allow_none=True, metadata={"description": "Null for a ban until it is lifted."})
    ban_reason = fields.String()
    premoderated = fields.Boolean()
    points = fields.Float(metadata={"description": "Earned by approved comments, lost by rejections; never below 0."})
    days_approved = fields.Integer(metadata={"description": "Days of the last year with an approved comment."})
    rejections = fields.Integer(metadata={"description": "Rejections of the last year that cost points."})


class ReaderOut(Schema):
    reader_id = fields.String()
    unlock_left = fields.Integer()
    subscription = fields.Nested(SubscriptionOut, allow_none=True)
    standing = fields.Nested(StandingOut)
    time_zone = fields.String(metadata={"description": "The site's: days are to be told in it."})


class UnlockIn(StrictSchema):
    post_id = Text(required=True, least=1, most=255)


class UnlockOut(Schema):
    id = fields.String()
    post_id = fields.String()
    unlock_left = fields.Integer()
    unlocked_at = Instant()
    expires_at = Instant(allow_none=True)


class UnlockChangeOut(UnlockOut, ChangeOut):
    """The unlock after a change."""


class UnlockPageOut(Schema):
    items = fields.List(fields.Nested(UnlockOut))
    next_cursor = fields.String(allow_none=True)


class GrantIn(StrictSchema):
    unlocks = Whole(required=True, validate=validate.Range(1, MAX_UNLOCKS))
    kind = fields.String(required=True, validate=validate.OneOf(GRANT_KINDS))
    reference = Text(
        least=1, most=255, allow_none=True, load_default=None,
        metadata={"description": "The order's own name, not the reader's: it stays in the ledger."},
    )  # fmt: skip
    expires_at = Instant(allow_none=True, load_default=None)
    reason = Text(most=200, load_default="")


class GrantOut(Schema):
    id = fields.String()
    unlocks = fields.Integer()
    kind = fields.String()
    reference = fields.String(allow_none=True)
    expires_at = Instant(allow_none=True)
    created_at = Instant()
    unlock_left = fields.Integer()


class GrantRefundIn(StrictSchema):
    kind = fields.String(required=True, validate=validate.OneOf(GRANT_KINDS))
    reference = Text(required=True, least=1, most=255, metadata={"description": "The grant's."})
    refund_reference = Text(
        required=True, least=1, most=255,
        metadata={"description": "The refund's own name: the same one takes back once."},
    )  # fmt: skip
    unlocks = Whole(
        allow_none=True, load_default=None, validate=validate.Range(1, MAX_UNLOCKS),
        metadata={"description": "How many of its units were paid back; null: all."},
    )  # fmt: skip


class GrantRefundOut(ChangeOut):
    id = fields.String()
    kind = fields.String()
    reference = fields.String()
    refund_reference = fields.String()
    unlocks = fields.Integer(allow_none=True)
    state = fields.String(
        validate=validate.OneOf(["applied", "waiting"]),
        metadata={"description": "`waiting` until the order itself comes."},
    )
    taken = fields.Integer(metadata={"description": "How many units of the order this has taken back."})
    closed_posts = fields.List(fields.String())
    created_at = Instant()
    unlock_left = fields.Integer()


class GrantChangeOut(GrantOut, ChangeOut):
    """The grant, after it was given."""


class OpenGrantOut(Schema):
    id = fields.String(allow_none=True, metadata={"description": "Null for what time carried on just now."})
    kind = fields.String()
    reference = fields.String(allow_none=True)
    unlocks_left = fields.Integer()
    expires_at = Instant(allow_none=True)


class OpenGrantListOut(Schema):
    items = fields.List(fields.Nested(OpenGrantOut))
    next_cursor = fields.String(allow_none=True)


class LedgerItemOut(Schema):
    sequence = fields.Integer()
    unlocks = fields.Integer()
    kind = fields.String(validate=validate.OneOf(["grant", "unlock", "refund", "expiry"]))
    reference = fields.String(allow_none=True)
    post_id = fields.String(allow_none=True)
    balance = fields.Integer()
    created_at = Instant()


class LedgerPageOut(Schema):
    items = fields.List(fields.Nested(LedgerItemOut))
    next_cursor = fields.String(allow_none=True)


class ReaderExportOut(Schema):
    """Everything that is held on a reader; rows have the names and values of the tables."""

    reader_id = fields.String()
    exported_at = fields.String()
    profile = fields.Dict(allow_none=True)
    comments = fields.List(fields.Dict())
    flags = fields.List(fields.Dict())
    appeals = fields.List(fields.Dict())
    unlock_left = fields.Integer()
    unlocks = fields.List(fields.Dict())
    grants = fields.List(fields.Dict())
    grant_refunds = fields.List(fields.Dict())
    ledger = fields.List(fields.Dict())
    subscriptions = fields.List(fields.Dict())
    coral_comments = fields.List(fields.Dict())
    payment_customers = fields.List(fields.Dict())
    payment_subscriptions = fields.List(fields.Dict())
    payment_events = fields.List(fields.Dict())
    metered_posts = fields.List(fields.Dict())
    merged_tokens = fields.List(fields.Dict())
    standing_history = fields.List(fields.Dict())
