"""Standard Webhooks 1.0.0 signatures: HMAC-SHA256 over ``id.timestamp.body``.

Source: standard-webhooks/standard-webhooks, ``spec/standard-webhooks.md``.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the public prefix of secrets, not one
_SECRET_BYTES = 32


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
