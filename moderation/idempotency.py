"""The stored answer for a repeated ``Idempotency-Key``, inside the caller's transaction.

Source: draft-ietf-httpapi-idempotency-key-header-07. The key's scope is (site, API key, method and path);
the fingerprint is a SHA-256 of the raw body and the query. Only answers that had an effect are stored, so
a corrected body may use the same key.
"""

import hashlib
import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Response, current_app, g, request
from sqlalchemy.orm import Session

from moderation.errors import IdempotencyKeyInvalid, IdempotencyKeyReused
from moderation.models import IdempotencyKey, utc_now

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def key_of_request() -> str | None:
    """Return the key, bare or as a structured-field string; raise where it is malformed."""
    raw = request.headers.get("Idempotency-Key")
    if raw is None:
        return None
    key = raw[1:-1] if len(raw) >= 2 and raw[0] == raw[-1] == '"' else raw  # noqa: PLR2004 -- two quotes
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid("An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return key


def find(session: Session, key: str) -> Response | None:
    """Return the stored answer of this key, None where it is new; raise where its body was another."""
    stored = session.get(IdempotencyKey, _identity(key))
    if stored is None:
        return None
    if stored.created_at < utc_now() - timedelta(hours=current_app.config["IDEMPOTENCY_HOURS"]):
        session.delete(stored)
        session.flush()
        return None
    if stored.fingerprint != _fingerprint():
        raise IdempotencyKeyReused("This Idempotency-Key came before with another body.")
    response = Response(stored.body, stored.status, stored.headers)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def store(session: Session, key: str, response: Response) -> None:
    """Keep the answer beside its effect; the caller commits both."""
    kept = {name: response.headers[name] for name in ("Content-Type", "ETag", "Location") if name in response.headers}
    values = {
        **_identity(key),
        "fingerprint": _fingerprint(),
        "status": response.status_code,
        "headers": kept,
        "body": response.get_data(as_text=True),
        "created_at": utc_now(),
    }
    session.execute(sa.insert(IdempotencyKey), values)


def _identity(key: str) -> dict[str, Any]:
    route = f"{request.method} {request.path}"
    return {"site_id": g.site.id, "api_key_id": g.api_key.id, "route": route, "key": key}


def _fingerprint() -> str:
    return hashlib.sha256(request.query_string + b"\n" + request.get_data()).hexdigest()
