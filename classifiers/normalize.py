"""The text as it is scored: what a reader sees, with the ways of hiding it undone.

``canonical`` gives the words of a text, folded, joined by single spaces; ``aligned`` gives the same together
with the place of each character in the raw text. The raw text itself is never changed. Undone are: HTML
entities, compatibility forms and accents (NFKD, UAX #15), case, invisible and bidirectional controls (UAX #9),
stacked marks, lookalikes from other scripts inside a Latin word (UTS #39), spaced or dotted letters, digits
that stand for letters, and letters repeated for effect. Emoji become the words of their Unicode names.
Where a repair may be wrong the word stays and the repaired one is added at the end.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# The longest text that is looked at whole, in code points; of a longer one its head and its tail are.
HEAD_CHARACTERS = 16_000
TAIL_CHARACTERS = 4_000
# A text without any word is this one word, so that it has features, too.
EMPTY = "\x1f"

_KEPT_SIGNS = "*@$"
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_LATIN = re.compile(r"LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL )?([A-Z])(?: WITH .*)?")
_ENCLOSED = re.compile(r"(?:NEGATIVE |REGIONAL |SQUARED |CIRCLED )+.*LETTER ([A-Z])")
_EMOJI_FROM = 0x2600
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
_QUOTES = frozenset("'`\u2018\u2019\u201b\u02bc\u00b4\u2032\uff07")
_MOST_CACHED = 20_000
# What looks like a Latin letter to a reader; from the shapes of common fonts, Cyrillic then Greek.
LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u0432\u043d\u043a\u043c\u0442\u0433\u051b\u051d"
    "\u03b1\u03b5\u03bf\u03c1\u03c5\u03c7\u03b9\u03ba\u03bd\u03c4\u03b7\u03c9",
    "aeopcyxijshdbhkmtrqw" + "aeopuxikvtnw",
)  # fmt: skip
_FOREIGN = re.compile(r"[\u0370-\u03ff\u0430-\u052f]")
_LATIN_LETTER = re.compile(r"[a-z]")
_LEET = str.maketrans("0134579@$", "oieastgas")
_LEET_WORD = re.compile(r"(?=.*[a-z])(?=.*[0134579@$])[a-z0134579@$]{3,20}")
_REPEATED = re.compile(r"([^\W\d]|\*)\1\1")
_TRIPLED = re.compile(r"([^\W\d]|\*)\1\1+")
_DOUBLED = re.compile(r"(.)\1+")
_SPACED = re.compile(r"(?: [^ ]){3} ")
_WORD = re.compile(r"[^ ]+")
_SINGLES = 3
_SHORTEST_REPAIR = 3


class _Folding(dict[int, str]):
    """What each code point becomes: letters, digits and a few signs; blanks; nothing. Filled as it is asked."""

    def __missing__(self, code: int) -> str:
        folded = fold(chr(code))
        if len(self) < _MOST_CACHED:
            self[code] = folded
        return folded


def fold(character: str) -> str:
    if character in _QUOTES or character in _BLANK_LETTERS:
        return ""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    if parts == character:
        return _fold_plain(character)
    return "".join(part if part.isascii() and part.isalnum() else _fold_plain(part) for part in parts)


def _fold_plain(character: str) -> str:
    """Fold a character that has no simpler compatibility form."""
    kind = unicodedata.category(character)
    if kind in {"Mn", "Me", "Cf"}:
        return ""
    if kind in {"Sc", "So", "Sk"}:
        return "$" if kind == "Sc" else _named(character)
    if kind == "Cc":
        return " " if character.isspace() else ""
    if kind[0] == "L":
        found = _LATIN.fullmatch(unicodedata.name(character, ""))
        return found.group(1).lower() if found else character
    if kind[0] in "NM":
        return str(unicodedata.digit(character, character))
    return character if character in _KEPT_SIGNS else " "


def _named(character: str) -> str:
    """An emoji as words; other symbols part words."""
    name = unicodedata.name(character, "")
    if enclosed := _ENCLOSED.fullmatch(name):
        return enclosed.group(1).lower()
    if "FITZPATRICK" in name:
        return ""
    if ord(character) < _EMOJI_FROM or not name:
        return " "
    return f" {re.sub(r'[^a-z]+', ' ', name.lower())} "


_FOLDING = _Folding()


@dataclass(frozen=True)
class Aligned:
    """A canonical text; character ``i`` of it comes from ``raw[starts[i]:ends[i]]``, -1 for the blanks."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def seen(text: str) -> str:
    """Return the part of a text that is looked at: all of it, or the head and the tail of a very long one."""
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return text
    return text[:HEAD_CHARACTERS] + text[-TAIL_CHARACTERS:]


def canonical(text: str) -> str:
    """Return the canonical words of a text, joined by single spaces."""
    text = seen(text)
    if "&" in text:
        text = ENTITY.sub(lambda found: html.unescape(found.group()), text)
    folded = text.translate(_FOLDING)
    words = " ".join(folded.split())
    if not _is_disguised(words):
        return words or EMPTY
    return " ".join(word for word, _ in _repaired(words, range(len(words)))) or EMPTY


def aligned(text: str) -> Aligned:
    """Return the canonical text with the place in the raw text of each of its characters."""
    characters: list[str] = []
    places: list[tuple[int, int]] = []
    for start, end, piece in _pieces(text):
        for folded in piece.translate(_FOLDING):
            characters.append(" " if folded.isspace() else folded)
            places.append((start, end))
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for word, at in _repaired("".join(characters), range(len(characters))):
        words.append(word)
        starts += [places[i][0] for i in at] + [-1]
        ends += [places[i][1] for i in at] + [-1]
    return Aligned(" ".join(words) or EMPTY, starts[:-1] or [-1], ends[:-1] or [-1])


def skeleton(text: str) -> str:
    """Return one text for all that read alike: the canonical words without blanks, for finding repeats."""
    return canonical(text).replace(" ", "").replace("*", "")


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """Give each character of what is looked at, an entity as one, with its place in the raw text."""
    looked_at = seen(text)
    # Places in the tail of a long text lie behind what was left out.
    left_out = len(text) - len(looked_at)

    def place(at: int) -> int:
        return at + left_out if left_out and at >= HEAD_CHARACTERS else at

    done = 0
    for found in ENTITY.finditer(looked_at):
        for at in range(done, found.start()):
            yield place(at), place(at) + 1, looked_at[at]
        yield place(found.start()), place(found.end() - 1) + 1, html.unescape(found.group())
        done = found.end()
    for at in range(done, len(looked_at)):
        yield place(at), place(at) + 1, looked_at[at]


def _is_disguised(words: str) -> bool:
    """Whether any repair may apply; most texts need none, and this is cheaper than trying each word."""
    if _REPEATED.search(words) or _SPACED.search(f" {words} "):
        return True
    if "*" in words or (not words.isascii() and _FOREIGN.search(words)):
        return True
    return any(_LEET_WORD.fullmatch(word) for word in words.split(" ") if not word.isalpha())


def _repaired(text: str, at: Sequence[int]) -> list[tuple[str, Sequence[int]]]:
    """Return words and the places of their characters: the main ones in order, then the added ones."""
    main: list[tuple[str, Sequence[int]]] = []
    added: list[tuple[str, Sequence[int]]] = []
    repeats = bool(_REPEATED.search(text))
    for plain, places in _joined(text, at):
        word = plain
        if word.isascii() and word.isalpha() and not (repeats and _REPEATED.search(word)):
            main.append((word, places))
            continue
        if _FOREIGN.search(word) and _LATIN_LETTER.search(word):
            word = word.translate(LOOKALIKES)
        main.append(_keep(word, places, _short_runs(word)))
        added += [_keep(other, places, kept) for other, kept in _guesses(word)]
    return main + added


def _keep(word: str, places: Sequence[int], kept: Sequence[int]) -> tuple[str, Sequence[int]]:
    if len(kept) == len(word):
        return word, places
    return "".join(word[i] for i in kept), [places[i] for i in kept]


def _guesses(word: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Give what the word may stand for: letters for digits, no stars, no repeats; with the places kept."""
    if _LEET_WORD.fullmatch(word):
        yield word.translate(_LEET), range(len(word))
    if _REPEATED.search(word) and word != "www":
        yield word, _runs_cut(word, _DOUBLED, 1)
    kept = [i for i, sign in enumerate(word) if sign != "*"]
    if _SHORTEST_REPAIR <= len(kept) < len(word):
        yield word, kept


def _short_runs(word: str) -> Sequence[int]:
    return range(len(word)) if word == "www" else _runs_cut(word, _TRIPLED, 2)


def _runs_cut(word: str, runs: re.Pattern[str], most: int) -> Sequence[int]:
    """Return the places left when each run keeps its first ``most`` characters."""
    dropped: set[int] = set()
    for run in runs.finditer(word):
        dropped.update(range(run.start() + most, run.end()))
    return [i for i in range(len(word)) if i not in dropped] if dropped else range(len(word))


def _joined(text: str, at: Sequence[int]) -> Iterator[tuple[str, Sequence[int]]]:
    """Give the words, three and more single letters in a row as one word."""
    singles: list[re.Match[str]] = []
    for found in _WORD.finditer(text):
        start, end = found.span()
        if end - start == 1:
            singles.append(found)
            continue
        if singles:
            yield from _together(singles, at)
            singles = []
        yield found.group(), at[start:end]
    yield from _together(singles, at)


def _together(singles: Sequence[re.Match[str]], at: Sequence[int]) -> Iterator[tuple[str, Sequence[int]]]:
    if len(singles) >= _SINGLES:
        yield "".join(found.group() for found in singles), [at[found.start()] for found in singles]
        return
    for found in singles:
        yield found.group(), at[found.start() : found.end()]
