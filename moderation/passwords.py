"""Moderators' passwords: hashed with Argon2id (RFC 9106), checked in the same time whether known or not."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from moderation.errors import Invalid

LEAST_CHARACTERS = 8
# Longer ones would make hashing a way to keep the processor busy.
MOST_CHARACTERS = 1_000
# OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash(secrets.token_hex(16))


def hash_of(password: str) -> str:
    """Return the hash to store; raise ``Invalid`` for a password that is too short or too long."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise Invalid.field(
            "password",
            f"A password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters; this one {len(password)}.",
        )
    return _HASHER.hash(password)


def fits(stored: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; None (an unknown person) takes as long and is never true."""
    try:
        _HASHER.verify(stored or _NOBODY, password[:MOST_CHARACTERS])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(stored)
