"""Standard Webhooks 1.0.0 signatures: HMAC-SHA256 over ``id.timestamp.body``.

Source: standard-webhooks/standard-webhooks, ``spec/standard-webhooks.md``.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the public prefix of secrets, not one
_SECRET_BYTES = 32
_LEAST_BYTES, _MOST_BYTES = 24, 64
TOLERANCE_SECONDS = 300
# Without a full stop, which parts an id from the time.
ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,255}")
_TIME, _MOST_ITEMS = re.compile(r"[1-9][0-9]{0,11}"), 20


def new_secret() -> str:
    """Return ``whsec_`` and the base64 of 32 random bytes (the standard allows 24 to 64)."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, *, id: str, timestamp: int, body: bytes) -> str:
    """Return one ``v1,<base64>`` item; ``timestamp`` in Unix seconds of this attempt."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, b"%s.%d.%s" % (id.encode(), timestamp, body), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(secrets_in_use: Sequence[str], *, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a delivery; during a rotation there are two secrets, both sign."""
    items = [sign(secret, id=id, timestamp=timestamp, body=body) for secret in secrets_in_use]
    return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": " ".join(items)}


def is_secret(text: str) -> bool:
    """Whether this is ``whsec_`` and the base64 of 24 to 64 bytes."""
    if not text.startswith(SECRET_PREFIX):
        return False
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        return False
    return _LEAST_BYTES <= len(key) <= _MOST_BYTES


def is_signed(given: Mapping[str, str], body: bytes, secrets_in_use: Sequence[str], *, now: int) -> bool:
    """Whether the three headers prove this body under one of the secrets, at most five minutes away from ``now``."""
    id, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not ID.fullmatch(id) or not _TIME.fullmatch(timestamp):
        return False
    items = [item for item in given.get("webhook-signature", "").split(" ")[:_MOST_ITEMS] if item.isascii()]
    expected = [sign(secret, id=id, timestamp=int(timestamp), body=body) for secret in secrets_in_use]
    # All are compared, so that the time tells nothing of which one it was.
    matches = [hmac.compare_digest(good, item) for good in expected for item in items]
    return any(matches) and abs(now - int(timestamp)) <= TOLERANCE_SECONDS
