"""Opaque identifiers: a prefix that names the kind, then 26 characters that sort by time of making.

The form is that of a ULID (48 bits of Unix milliseconds, 80 random bits, Crockford base 32), in lower
case: index inserts stay at the right-hand edge of a B-tree, and keyset paging by id is paging by age.
"""

import secrets
import time
from datetime import datetime
from hashlib import sha256

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def new_id(prefix: str, *, at: datetime | None = None) -> str:
    """Return e.g. ``cmt_01jd8m3k2v...``: the prefix, an underscore, 26 characters.

    With ``at`` (an aware instant) the id is the lowest of that millisecond: a bound for a range of ids.
    """
    milliseconds = time.time_ns() // 1_000_000 if at is None else int(at.timestamp() * 1000)
    number = milliseconds << 80 | (secrets.randbits(80) if at is None else 0)
    pairs = [_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"


def id_of_then(prefix: str, at: datetime, seed: str) -> str:
    """Return the id of what was made at another time elsewhere; the same ``seed`` gives the same id.

    Whatever asks by id asks by age, so what is moved in must stand where its time is.
    """
    number = int(at.timestamp() * 1000) << 80 | int.from_bytes(sha256(seed.encode()).digest()[:10])
    pairs = [_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"
