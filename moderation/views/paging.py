"""Keyset cursors and entity tags, as the whole API uses them."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from flask import request

from moderation.errors import CursorInvalid, PreconditionRequired, StaleVersion
from moderation.schemas.base import HOSTILE

# How the document says it: of what must be sent, and of what may be.
IF_MATCH: Mapping[str, Any] = {
    "in": "header",
    "name": "If-Match",
    "required": False,
    "description": "The ETag that you saw: the change is refused (412) if it is another one by now.",
    "schema": {"type": "string"},
    "example": '"v7"',
}
IF_MATCH_REQUIRED: Mapping[str, Any] = {**IF_MATCH, "required": True}
LARGEST = 2**63 - 1


def encode_cursor(position: list[Any] | None) -> str | None:
    """Return the opaque, URL-safe form of a sort position; None at the end of a list."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *types: type) -> list[Any] | None:
    """Return the position, checked to hold values of ``types``; raise ``CursorInvalid`` otherwise."""
    if cursor is None:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        position = None
    known = isinstance(position, list) and [type(value) for value in position] == list(types)
    if not known or not all(map(_can_be_asked_for, position)):
        raise CursorInvalid("Use next_cursor as it came, for the same list.")
    return position


def _can_be_asked_for(value: Any) -> bool:
    """Whether a database can look for it: no half characters, and no number that fits in no column."""
    if isinstance(value, str):
        return not HOSTILE.search(value)
    return not isinstance(value, int) or 0 <= value <= LARGEST


def decode_id(cursor: str | None) -> str | None:
    """Return the id in a cursor of a list that is sorted by id."""
    position = decode_cursor(cursor, str)
    return position[0] if position else None


def entity_tag(version: int) -> str:
    return f'"v{version}"'


def check_if_match(version: int, current: dict[str, Any], *, required: bool) -> None:
    """Compare ``If-Match`` with ``version`` by strong comparison (RFC 9110 13.1.1)."""
    if required and "If-Match" not in request.headers:
        raise PreconditionRequired("Send If-Match with the ETag of what you saw.")
    if not if_match_names(entity_tag(version)):
        raise StaleVersion("Somebody changed it since you saw it; nothing was done.", current=current)


def if_match_names(tag: str) -> bool:
    """Whether ``If-Match`` is not there, or is ``*``, or lists ``tag`` as a strong one."""
    header = request.headers.get("If-Match")
    return header is None or header.strip() == "*" or tag in [named.strip() for named in header.split(",")]
