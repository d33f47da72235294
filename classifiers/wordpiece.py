"""Words to the numbers of a vocabulary, as BERT does it (Devlin et al. 2019, uncased): the longest piece first.

The package ``tokenizers`` does the same and brings sixteen packages that could reach a network; for one comment at a
time, next to the encoder, plain Python is fast enough.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_FIRST, _LAST, _UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
_LONGEST_WORD = 100
_MOST_CACHED = 50_000
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

    def __len__(self) -> int:
        return len(self._numbers)

    def tokens(self, text: str) -> Tokens:
        """Return the tokens of a text that is in lower case already."""
        ids: list[int] = []
        places: list[tuple[int, int]] = []
        for start, end, word in _words(text):
            found = self._known.get(word)
            if found is None:
                found = tuple(self._pieces(word))
                if len(self._known) < _MOST_CACHED:
                    self._known[word] = found
            ids += found
            places += [(start, end)] * len(found)
        return Tokens(ids, places)

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
