"""PHP's ``serialize`` format, as WordPress keeps lists in its options: a value, or a plain refusal.

Read by hand and strictly, because it comes from outside: no objects, no references, no floats, nothing left over,
and neither deep nor long (https://www.php.net/manual/en/function.serialize.php). String lengths count bytes.
"""

import re
from typing import TypeAlias

from moderation.services.moving.record import Refusal

MOST_BYTES = 2_000_000
MOST_ITEMS = 50_000
DEEPEST = 8
MOST_INTEGER = 2**63
Value: TypeAlias = "bool | int | str | dict[int | str, Value] | None"
# What WordPress itself takes for serialized; everything else in its tables is plain text.
_SERIALIZED = re.compile(r"(N;|[abdisCEOrRS]:)", re.ASCII)
_SCALAR = re.compile(rb"N;|b:([01]);|i:(-?[0-9]{1,19});")
_STRING = re.compile(rb"s:([0-9]{1,7}):\"")
_ARRAY = re.compile(rb"a:([0-9]{1,7}):\{")


def is_serialized(text: str) -> bool:
    return _SERIALIZED.match(text) is not None


def loads(text: str) -> Value:
    """Return the value; a PHP array is a dict in its order. Raise ``Refusal`` for everything else."""
    raw = text.strip().encode("utf-8", "surrogateescape")
    if len(raw) > MOST_BYTES:
        raise Refusal("bad_php", f"has {len(raw):,} bytes of serialized PHP; {MOST_BYTES:,} are read")
    reading = _Reading(raw)
    value = reading.value(0)
    if reading.at != len(raw):
        raise _wrong(reading.at)
    return value


def _wrong(at: int) -> Refusal:
    return Refusal("bad_php", f"has serialized PHP that cannot be read at byte {at + 1}")


class _Reading:
    def __init__(self, raw: bytes) -> None:
        self.raw, self.at, self.items = raw, 0, 0

    def value(self, depth: int) -> Value:
        if array := _ARRAY.match(self.raw, self.at):
            return self._array(array, depth)
        if string := _STRING.match(self.raw, self.at):
            return self._string(string)
        scalar = _SCALAR.match(self.raw, self.at)
        if scalar is None:
            raise _wrong(self.at)
        begin, self.at = self.at, scalar.end()
        if scalar[2] is None:
            return None if scalar[1] is None else scalar[1] == b"1"
        number = int(scalar[2])
        if not -MOST_INTEGER <= number < MOST_INTEGER:
            raise _wrong(begin)
        return number

    def _string(self, found: re.Match[bytes]) -> str:
        end = found.end() + int(found[1])
        if self.raw[end : end + 2] != b'";':
            raise _wrong(self.at)
        text = self.raw[found.end() : end]
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            raise Refusal("not_utf8", "is not in UTF-8") from None
        self.at = end + 2
        return decoded

    def _array(self, found: re.Match[bytes], depth: int) -> Value:
        count = int(found[1])
        self.items += count
        if depth == DEEPEST or self.items > MOST_ITEMS:
            raise Refusal("bad_php", f"has serialized PHP deeper than {DEEPEST} or of more than {MOST_ITEMS:,} items")
        self.at = found.end()
        array: dict[int | str, Value] = {}
        for _ in range(count):
            begin = self.at
            # An array is no key, and is not read as one either.
            key = None if self.raw[begin : begin + 2] == b"a:" else self.value(depth + 1)
            if isinstance(key, bool) or not isinstance(key, int | str) or key in array:
                raise _wrong(begin)
            array[key] = self.value(depth + 1)
        if self.raw[self.at : self.at + 1] != b"}":
            raise _wrong(self.at)
        self.at += 1
        return array
