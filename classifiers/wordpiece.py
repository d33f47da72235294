"""Words to the numbers of a vocabulary, as BERT does it (Devlin et al. 2019, uncased): the longest piece first.

One thing is added: a long word that is none, but a row of common words without blanks, is read as these words.

The package ``tokenizers`` does the same and brings sixteen packages that could reach a network; for one comment at a
time, next to the encoder, plain Python is fast enough.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_FIRST, _LAST, _UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
_COMMONEST = "the"
_LONGEST_WORD = 100
_MOST_CACHED = 50_000
# From which length on words may be joined, how long each may be, and the short ones among many.
_JOINED, _JOINED_WITH_SHORT, _LONGEST_JOINED, _SHORTEST_JOINED = 9, 14, 16, 3
_SHORT = frozenset(["a", "i", *re.findall("..", "amanasatbebydogohehiifinisitmemymynoofonorsotoupuswe")])
# What a word costs besides the logarithm of its rank, so that few words are better than many, and what a letter may
# cost: "stupididiot" is two words, "rationale" is not four.
_WORD_COST, _LETTER_COST = 2.5, 2.1
# Runs of anything but blanks and signs, and signs one by one.
_ASCII = re.compile(r"[!-/:-@\[-`{-~]|[^\s!-/:-@\[-`{-~]+")
_IDEOGRAPHS = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))


@dataclass(frozen=True)
class Tokens:
    """Numbers without the marks around them, and the place in the text of the word that each is of."""

    ids: list[int]
    places: list[tuple[int, int]]


class WordPiece:
    """A vocabulary: one piece a line, numbered from 0; ``##`` begins what goes on a word."""

    def __init__(self, vocabulary: str) -> None:
        self._numbers = {piece: number for number, piece in enumerate(vocabulary.split("\n")) if piece}
        self._known: dict[str, tuple[int, ...]] = {}
        # A KeyError here tells that this is no such vocabulary.
        self.first, self.last, self._unknown = (self._numbers[mark] for mark in (_FIRST, _LAST, _UNKNOWN))
        # A vocabulary begins with marks and signs and goes on with words, the common ones first.
        self._common = self._numbers.get(_COMMONEST, 0) - 1

    def __len__(self) -> int:
        return len(self._numbers)

    def tokens(self, text: str) -> Tokens:
        """Return the tokens of a text that is in lower case already."""
        ids: list[int] = []
        places: list[tuple[int, int]] = []
        for start, end, word in _words(text):
            found = self._known.get(word)
            if found is None:
                parts = self.parted(word) or [word]
                found = tuple(number for part in parts for number in self._pieces(part))
                if len(self._known) < _MOST_CACHED:
                    self._known[word] = found
            ids += found
            places += [(start, end)] * len(found)
        return Tokens(ids, places)

    def parted(self, word: str) -> list[str]:
        """Return the common words that a long one is made of, nothing where it is a word or no row of words."""
        if (
            not _JOINED <= len(word) <= _LONGEST_WORD
            or not (word.isascii() and word.isalpha())
            or word in self._numbers
        ):
            return []
        with_short = len(word) >= _JOINED_WITH_SHORT
        best: list[tuple[float, list[str]] | None] = [(0.0, [])]
        for end in range(1, len(word) + 1):
            found = None
            for start in range(max(0, end - _LONGEST_JOINED), end):
                before, cost = best[start], self._cost(word[start:end], with_short)
                if before is not None and cost is not None and (found is None or before[0] + cost < found[0]):
                    found = (before[0] + cost, [*before[1], word[start:end]])
            best.append(found)
        cheapest = best[-1]
        return cheapest[1] if cheapest is not None and cheapest[0] <= _LETTER_COST * len(word) else []

    def _cost(self, part: str, with_short: bool) -> float | None:
        number = self._numbers.get(part)
        if number is None or (len(part) < _SHORTEST_JOINED and not (with_short and part in _SHORT)):
            return None
        return _WORD_COST + math.log(max(number - self._common, 1))

    def _pieces(self, word: str) -> list[int]:
        if len(word) > _LONGEST_WORD:
            return [self._unknown]
        numbers: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                number = self._numbers.get(("##" if start else "") + word[start:end])
                if number is not None:
                    break
            else:
                return [self._unknown]
            numbers.append(number)
            start = end
        return numbers


def _words(text: str) -> Iterator[tuple[int, int, str]]:
    """Give start, end and the word as it is looked up."""
    if text.isascii():
        yield from ((found.start(), found.end(), found.group()) for found in _ASCII.finditer(text))
        return
    start = 0
    for at, sign in enumerate([*text, " "]):
        parts, is_blank = _parts(sign), sign.isspace()
        if not (parts or is_blank):
            continue
        if start < at and (word := _folded(text[start:at])):
            yield start, at, word
        if parts and not is_blank:
            yield at, at + 1, sign
        start = at + 1


def _parts(sign: str) -> bool:
    """Whether a character is a word of its own: punctuation, an ASCII sign or an ideograph."""
    if sign.isascii():
        return not (sign.isalnum() or sign.isspace()) and sign.isprintable()
    code = ord(sign)
    return unicodedata.category(sign)[0] == "P" or any(low <= code <= high for low, high in _IDEOGRAPHS)


def _folded(word: str) -> str:
    if word.isascii():
        return word
    parts = unicodedata.normalize("NFD", word)
    return "".join(part.lower() for part in parts if unicodedata.category(part) not in {"Mn", "Cc", "Cf", "Co", "Cs"})
