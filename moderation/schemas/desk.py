"""What the desk's own scripts send: cards to come, claims, and what is looked at."""

import re
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from moderation.schemas.base import StrictSchema, Text

# A page has at most this many cards in hand.
MOST_HELD = 40
MOST_AHEAD = 10
MOST_ID = 40
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Ids(fields.String):
    """Ids of comments with commas between them, at most ``MOST_HELD``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        named = [word for word in text.split(",") if word]
        if len(named) > MOST_HELD or not all(map(_ID.fullmatch, named)):
            raise ValidationError(f"Name at most {MOST_HELD} replies by their ids.")
        return tuple(named)


class Lease(fields.String):
    """The end of a claim as this server wrote it, in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            moment = datetime.fromisoformat(super()._deserialize(value, attr, data, **kwargs))
        except ValueError:
            raise ValidationError("That is no moment of this desk.") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class AheadForm(StrictSchema):
    """Which cards come next: ``after`` one, without those that the page ``have``, or just ``one``."""

    after = Text(most=MOST_ID, load_default="")
    have = Ids(load_default=())
    one = Text(most=MOST_ID, load_default="")
    count = fields.Integer(strict=False, validate=validate.Range(1, MOST_AHEAD), load_default=5)


class ClaimsForm(StrictSchema):
    """Hold on to some and let go of others; ``lease`` is the last end of a claim that the page was told."""

    hold = Ids(load_default=())
    release = Ids(load_default=())
    lease = Lease(load_default=None)


class LiveQuery(StrictSchema):
    """What has become of the replies that a page shows; ``focus`` is the one being read, at ``version``."""

    ids = Ids(load_default=())
    focus = Text(most=MOST_ID, load_default="")
    version = fields.Integer(strict=False, validate=validate.Range(1, 2**31 - 1), load_default=1)
