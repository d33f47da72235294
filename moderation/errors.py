"""What can go wrong in the domain, in the domain's words.

Each error has a stable ``code``; ``http_errors`` alone knows its HTTP status, and ``docs/errors.md``
tells what a client does about it.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ReplydeskError(Exception):
    """The root of our own errors: ``detail`` is a sentence that may be shown to a person."""

    code = "error"
    title = "Something is wrong"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra: Mapping[str, Any] = extra


class NotFound(ReplydeskError):  # noqa: N818 -- "not found" reads as an error already
    code = "not_found"
    title = "There is no such thing here"


class Invalid(ReplydeskError):  # noqa: N818 -- as above
    """One or more fields are wrong; ``errors`` is a list of ``{"pointer", "detail"}``."""

    code = "validation_failed"
    title = "The request is not valid"

    def __init__(self, errors: Sequence[Mapping[str, str]]) -> None:
        count = len(errors)
        detail = "One field is wrong." if count == 1 else f"{count} fields are wrong."
        super().__init__(detail, errors=list(errors))

    @classmethod
    def field(cls, pointer: str, detail: str) -> "Invalid":
        return cls([{"pointer": f"#/{pointer}", "detail": detail}])


class Malformed(ReplydeskError):  # noqa: N818 -- as above
    code = "malformed_json"
    title = "The body is not JSON"


class SignatureInvalid(ReplydeskError):  # noqa: N818 -- as above
    code = "signature_invalid"
    title = "The signature is not valid"


class SignatureUnknown(ReplydeskError):  # noqa: N818 -- as above
    code = "signature_unknown"
    title = "The signature is not by a secret of this site"


class CursorInvalid(ReplydeskError):  # noqa: N818 -- as above
    code = "cursor_invalid"
    title = "The cursor is not one of ours"


class Unauthenticated(ReplydeskError):  # noqa: N818 -- as above
    code = "unauthenticated"
    title = "A valid site key is needed"


class Forbidden(ReplydeskError):  # noqa: N818 -- as above
    code = "forbidden"
    title = "The key may not do this"


class Conflict(ReplydeskError):  # noqa: N818 -- as above
    code = "conflict"
    title = "The present state forbids it"


class ExternalIdReused(Conflict):
    code = "external_id_reused"
    title = "The external id belongs to another content"


class StateForbids(Conflict):
    code = "state_forbids"
    title = "The present state forbids it"


class NoUnlocksLeft(Conflict):
    code = "no_unlocks_left"
    title = "No unlocks are left"


class MeterUsedUp(Conflict):
    code = "meter_used_up"
    title = "The free posts are used up"


class NotMetered(Conflict):
    code = "not_metered"
    title = "The meter does not open this post"


class AnonymousReaderMerged(Conflict):
    code = "anonymous_reader_merged"
    title = "The token belongs to a reader who has signed in"


class SubscribersOnly(Conflict):
    code = "subscribers_only"
    title = "Comments are for subscribers here"


class ClaimedByOther(Conflict):
    code = "claimed_by_other"
    title = "A colleague is looking at it"


class StaleVersion(ReplydeskError):  # noqa: N818 -- as above
    """``If-Match`` names an older version; ``current`` tells what it is now, ``tag`` its ETag if that is no version."""

    code = "stale_version"
    title = "It has changed since you saw it"

    def __init__(self, detail: str, *, tag: str = "", **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.tag = tag


class PreconditionRequired(ReplydeskError):  # noqa: N818 -- as above
    code = "precondition_required"
    title = "If-Match is needed"


class IdempotencyKeyInvalid(ReplydeskError):  # noqa: N818 -- as above
    code = "idempotency_key_invalid"
    title = "The Idempotency-Key is not valid"


class IdempotencyKeyReused(ReplydeskError):  # noqa: N818 -- as above
    code = "idempotency_key_reused"
    title = "The Idempotency-Key was used for another request"


class RateLimited(ReplydeskError):  # noqa: N818 -- as above
    """Too many requests; ``retry_after`` is in seconds."""

    code = "rate_limited"
    title = "Too many requests"


class NotReady(ReplydeskError):  # noqa: N818 -- as above
    code = "not_ready"
    title = "The service cannot do this just now"


class SettingError(ReplydeskError):
    """A setting is unknown or malformed: the start stops with this sentence."""

    code = "setting_invalid"
    title = "A setting is wrong"
