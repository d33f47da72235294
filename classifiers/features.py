"""Texts to hashed n-grams: the one code for training and for serving.

Features of a text: its words and pairs of words, the character n-grams of each word with its surrounding blanks,
and the properties of ``surface``; each once, however often it occurs (Weinberger et al. 2009, "Feature Hashing for
Large Scale Multitask Learning"). Every hash is a difference of two prefix sums of ``code[i] * BASE**i`` modulo
2**64, scaled back by ``BASE**-start``: the polynomial hash of Karp and Rabin (1987), so all n-grams of all texts
are hashed by a handful of array operations. Words have the upper half of the buckets, characters the lower.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers import surface

BITS = 18
BUCKETS = 1 << BITS
_HALF_BITS = BITS - 1
CHARACTER_SIZES = (3, 4, 5)
# A window of canonical text; a longer text is several, overlapping, and at most this many.
WINDOW_CHARACTERS = 2_000
STEP_CHARACTERS = 1_600
MOST_WINDOWS = 14
# Arrays of this many characters stay in the cache; rows and buckets of a chunk fit in 32 bits together.
CHUNK_CHARACTERS = 32_768
_CHUNK_ROWS = 1 << (31 - BITS)

_BASE = 0x9E3779B97F4A7C15
_CODE_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_MIX_FACTOR = np.uint64(0xFF51AFD7ED558CCD)
_WORD_SALT = np.uint64(0xA0761D6478BD642F)
_SHIFT = np.uint64(32)
_TOP = np.uint64(64 - _HALF_BITS)
_BLANK = 32
_POWERS_LENGTH = CHUNK_CHARACTERS + WINDOW_CHARACTERS + 2


def _powers(base: int) -> NDArray[np.uint64]:
    """Return ``base**0, base**1, ...`` modulo 2**64."""
    factors = np.full(_POWERS_LENGTH, base, dtype=np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


_POWERS = _powers(_BASE)
_INVERSES = _powers(pow(_BASE, -1, 1 << 64))


@dataclass(frozen=True)
class Rows:
    """Texts as rows of buckets: row ``i`` has ``buckets[starts[i]:starts[i + 1]]``, ascending, none twice."""

    starts: NDArray[np.intp]
    buckets: NDArray[np.uint32]


@dataclass(frozen=True)
class Grams:
    """All n-grams of some texts as they occur: where each starts, how long it is, row and bucket."""

    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]
    keys: NDArray[np.uint32]


def windows(canonical: str) -> list[str]:
    """Cut a canonical text into the windows that are scored; of more than ``MOST_WINDOWS``, evenly spread ones."""
    if len(canonical) <= WINDOW_CHARACTERS:
        return [canonical]
    return [canonical[start : start + WINDOW_CHARACTERS] for start in window_starts(len(canonical))]


def window_starts(length: int) -> list[int]:
    """Return where the windows of a canonical text of this length begin."""
    if length <= WINDOW_CHARACTERS:
        return [0]
    last = length - WINDOW_CHARACTERS
    count = min(-(-last // STEP_CHARACTERS) + 1, MOST_WINDOWS)
    return [last * i // (count - 1) for i in range(count)]


def extract(canonicals: Sequence[str], raws: Sequence[str]) -> Rows:
    """Return the features of windows of canonical text; ``raws`` are the texts whose surface counts for each."""
    starts: list[NDArray[np.intp]] = []
    buckets: list[NDArray[np.uint32]] = []
    total = 0
    for first, end in _chunks(canonicals):
        keys = _unique(_keys_of(canonicals[first:end], raws[first:end]))
        rows = np.arange(end - first, dtype=np.uint32) << np.uint32(BITS)
        starts.append(np.searchsorted(keys, rows) + total)
        buckets.append(keys & np.uint32(BUCKETS - 1))
        total += len(keys)
    starts.append(np.array([total], dtype=np.intp))
    return Rows(np.concatenate(starts), np.concatenate(buckets) if buckets else np.zeros(0, np.uint32))


def surface_buckets(raw: str) -> NDArray[np.uint32]:
    """Return the buckets of the surface properties of a raw text."""
    return np.array([_SURFACE[name] for name in surface.names(raw)], dtype=np.uint32)


def grams(canonicals: Sequence[str]) -> Grams:
    """Hash all n-grams of canonical texts (together at most a chunk); ``starts`` count from a leading blank.

    A character n-gram of a text that begins at ``starts[i]`` covers ``lengths[i]`` characters of
    ``" " + " ".join(canonicals) + " "``.
    """
    codes = _codes(canonicals)
    blanks = codes == _BLANK
    scaled = (codes.astype(np.uint64) + np.uint64(1)) * _CODE_FACTOR * _POWERS[: len(codes)]
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(scaled, out=sums[1:])
    row_of = np.repeat(
        np.arange(len(canonicals), dtype=np.uint32) << np.uint32(BITS), [len(text) + 1 for text in canonicals]
    )
    parts = [*_character_grams(sums, ~blanks), *_word_grams(sums, np.flatnonzero(blanks), row_of)]
    starts = np.concatenate([part[0] for part in parts])
    return Grams(
        starts,
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]) | row_of[starts],
    )


_Part = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint32]]


def _character_grams(sums: NDArray[np.uint64], inked: NDArray[np.bool_]) -> Iterator[_Part]:
    """Give the n-grams that have blanks at their ends only."""
    inside = inked[1:-1]
    for size in CHARACTER_SIZES:
        if size > CHARACTER_SIZES[0]:
            inside = inside[:-1] & inked[size - 2 : -1]
        starts = np.flatnonzero(inside[: len(inked) - size + 1])
        hashes = (sums[starts + size] - sums[starts]) * _INVERSES[starts]
        yield starts, np.full(len(starts), size), _bucket(hashes)


def _word_grams(sums: NDArray[np.uint64], blanks: NDArray[np.intp], row_of: NDArray[np.uint32]) -> Iterator[_Part]:
    """Give the words and the pairs of neighbouring words of one row."""
    upper = np.uint32(1 << _HALF_BITS)
    for count in (1, 2):
        starts, ends = blanks[:-count], blanks[count:]
        if count > 1:
            same = row_of[starts] == row_of[blanks[count - 1 : -1]]
            starts, ends = starts[same], ends[same]
        hashes = (sums[ends] - sums[starts]) * _INVERSES[starts]
        yield starts, ends - starts, _bucket(hashes + _WORD_SALT) | upper


def _bucket(hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Spread hashes over half of the buckets."""
    return (((hashes ^ (hashes >> _SHIFT)) * _MIX_FACTOR) >> _TOP).astype(np.uint32)


def _codes(canonicals: Sequence[str]) -> NDArray[np.uint8] | NDArray[np.uint32]:
    joined = f" {' '.join(canonicals)} "
    if joined.isascii():
        return np.frombuffer(joined.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _chunks(canonicals: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Give ranges of texts that are hashed together."""
    first, size = 0, 0
    for i, text in enumerate(canonicals):
        if size + len(text) + 1 > CHUNK_CHARACTERS or i - first >= _CHUNK_ROWS:
            yield first, i
            first, size = i, 0
        size += len(text) + 1
    if first < len(canonicals):
        yield first, len(canonicals)


def _keys_of(canonicals: Sequence[str], raws: Sequence[str]) -> NDArray[np.uint32]:
    named = [(row << BITS) | _SURFACE[name] for row, raw in enumerate(raws) for name in surface.names(raw)]
    return np.concatenate([grams(canonicals).keys, np.array(named, dtype=np.uint32)])


def _unique(keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Sort and drop repeats; ``keys`` is a scratch array and not kept."""
    keys.sort()
    fresh = np.empty(len(keys), dtype=np.bool_)
    fresh[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
    return keys[fresh]


def _surface_table() -> dict[str, int]:
    """The names of ``surface`` share the half of the words, hashed as words that no text can contain."""
    found = grams([f"\x1e{name}".replace(" ", "\x1e") for name in surface.NAMES])
    upper = found.keys[found.keys & np.uint32(1 << _HALF_BITS) != 0]
    return dict(zip(surface.NAMES, (upper[: len(surface.NAMES)] & np.uint32(BUCKETS - 1)).tolist(), strict=True))


_SURFACE = _surface_table()
