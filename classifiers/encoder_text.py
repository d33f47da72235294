"""The text as the encoder reads it: one view for training and serving, which keeps punctuation and word order.

A pretrained encoder knows ordinary sentences, so less is undone than in ``normalize.canonical`` and nothing is
added: entities, case, accents, invisible characters, lookalikes inside Latin words, spaced or dotted letters,
digits inside words and runs of one letter. Emoji become the words of their Unicode names, because the vocabulary
has none.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from classifiers.normalize import ENTITY, HEAD_CHARACTERS, LOOKALIKES, fold, seen

_MOST_CACHED = 20_000
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
_SINGLE = frozenset("\u2018\u2019\u201b\u02bc\u00b4\u2032\uff07`")
_DOUBLE = frozenset("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033")
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN_LETTER = re.compile(r"[a-z]")
_RUN = re.compile(r"([^\W\d_])\1{2,}|([^\w\s])\2{3,}")
_WWW = "www"
_SPELT = re.compile(r"(?<![a-z0-9])(?:[a-z][ ._*-]){2,}[a-z](?![a-z0-9])")
_PARTING, _SIGN = re.compile(r"[ ._*-]"), re.compile(r"[._*-]")
_LEET = str.maketrans("0134579@$", "oieastgas")
# A sign between letters stands for one; "2nd", "@name" and "joe@site.com" are what they are.
_LEET_WORD = re.compile(r"(?<![\w@.])[a-z]+(?:[0134579@$]{1,2}[a-z]+)+(?:\$+)?(?![\w@.])|(?<!\w)[a-z]+\$\$(?!\w)")


class _Folding(dict[int, str]):
    """What each code point becomes; filled as it is asked."""

    def __missing__(self, code: int) -> str:
        folded = _folded(chr(code))
        if len(self) < _MOST_CACHED:
            self[code] = folded
        return folded


def _folded(character: str) -> str:
    if character in _SINGLE:
        return "'"
    if character in _DOUBLE:
        return '"'
    if character in _DASHES:
        return "-"
    if character.isascii():
        return character.lower() if character.isprintable() else " " if character.isspace() else ""
    kind = unicodedata.category(character)
    if kind[0] == "P":
        return unicodedata.normalize("NFKC", character)
    return fold(character)


_FOLDING = _Folding()


def view(text: str) -> str:
    """Return what the encoder reads of a text: one line, words parted by single blanks."""
    text = seen(text)
    if "&" in text:
        text = ENTITY.sub(lambda found: html.unescape(found.group()), text)
    line = " ".join(text.translate(_FOLDING).split())
    for pattern, replacement in _ASCII_REPAIRS if line.isascii() else _REPAIRS:
        line = pattern.sub(replacement, line)
    return line


def _latinized(found: re.Match[str]) -> str:
    word = found.group()
    return word.translate(LOOKALIKES) if _LATIN_LETTER.search(word) else word


def _cut(found: re.Match[str]) -> str:
    run = found.group()
    if run == _WWW:
        return run
    return found.group(1) or run[:3]


def _without_signs(found: re.Match[str]) -> str:
    spelt = found.group()
    # Where signs part the letters, blanks part the words.
    return _PARTING.sub("", spelt) if _SIGN.search(spelt) is None else _SIGN.sub("", spelt)


def _without_leet(found: re.Match[str]) -> str:
    return found.group().translate(_LEET)


Repair = Callable[[re.Match[str]], str]
_ASCII_REPAIRS: Sequence[tuple[re.Pattern[str], Repair]] = (
    (_RUN, _cut),
    (_SPELT, _without_signs),
    (_LEET_WORD, _without_leet),
)
_REPAIRS = ((_LETTERS, _latinized), *_ASCII_REPAIRS)


@dataclass(frozen=True)
class Aligned:
    """A view; its character ``i`` stands for ``raw[starts[i]:ends[i]]``."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


Places = list[tuple[int, int]]


def aligned(text: str) -> Aligned:
    """Return the view with the place in the raw text of each of its characters."""
    line, places = _placed(seen(text), skipped=len(text) - len(seen(text)))
    for pattern, replacement in _REPAIRS:
        line, places = _substituted(pattern, replacement, line, places)
    return Aligned(line, [start for start, _ in places], [end for _, end in places])


def _placed(text: str, *, skipped: int) -> tuple[str, Places]:
    """Fold, with blanks run together; what comes after the head of a very long text stands ``skipped`` later."""
    characters: list[str] = []
    places: Places = []
    for start, end, piece in _pieces(text):
        moved = skipped if start >= HEAD_CHARACTERS else 0
        for folded in piece.translate(_FOLDING):
            blank = folded.isspace()
            if blank and (not characters or characters[-1] == " "):
                continue
            characters.append(" " if blank else folded)
            places.append((start + moved, end + moved))
    if characters and characters[-1] == " ":
        characters.pop()
        places.pop()
    return "".join(characters), places


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """Give start, end and what stands there: single characters, and entities as what they mean."""
    at = 0
    for found in ENTITY.finditer(text) if "&" in text else ():
        yield from ((i, i + 1, text[i]) for i in range(at, found.start()))
        yield found.start(), found.end(), html.unescape(found.group())
        at = found.end()
    yield from ((i, i + 1, text[i]) for i in range(at, len(text)))


def _substituted(pattern: re.Pattern[str], replacement: Repair, line: str, places: Places) -> tuple[str, Places]:
    """Do what ``pattern.sub`` does and keep the places: a repaired stretch of another length stands for all of it."""
    parts: list[str] = []
    kept: Places = []
    at = 0
    for found in pattern.finditer(line):
        new, inside = replacement(found), places[found.start() : found.end()]
        parts += [line[at : found.start()], new]
        kept += places[at : found.start()]
        kept += inside if len(new) == len(inside) else [(inside[0][0], inside[-1][1])] * len(new)
        at = found.end()
    return "".join([*parts, line[at:]]), kept + places[at:]
