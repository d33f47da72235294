"""What the words of a text do not say: links, contact data, money, capitals, length, repetition.

Each property is a name from a fixed list; the features turn a name into a bucket of its own. Looks at the raw
text, because folding takes case and punctuation away.
"""

import re
import string
from collections.abc import Iterator

_HOSTS = (
    "com|net|org|info|biz|io|co|xyz|top|site|online|shop|club|live|vip|ru|cn|in|me|ly|gl|tk|uk|us|de|eu|tv|cc|app|gg"
)
_LINK = re.compile(rf"(?P<web>https?://|www\.)|(?P<bare>[a-z0-9-]\.(?:{_HOSTS})\b)|(?P<tag><a |\[url|\[link|href=)")
_SHORTENER = re.compile(
    r"\b(?:bit\.ly|goo\.gl|tinyurl|t\.me|is\.gd|ow\.ly|cutt\.ly|rb\.gy|wa\.me|shorturl|rebrand\.ly)"
)
_SPELT_OUT = re.compile(r"\bdot ?(?:com|net|org|info|biz|io|ru)\b|\(dot\)|\[dot\]")
_VIDEO = re.compile(r"youtu\.?be|/watch\?|/channel/|/user/")
_MAIL = re.compile(r"[a-z0-9._-]@[a-z0-9-]+\.[a-z]|\bg ?mail\b|@ ?gmail")
_PHONE = re.compile(r"\+?\(?\d{1,4}(?:[ ().-]{0,2}\d{2,5}){2,5}")
_PHONE_DIGITS = range(8, 16)
_MONEY = re.compile(r"[$\u20ac\u00a3]\s?\d|\d\s?(?:[$\u20ac\u00a3]|usd\b|dollars|euros?\b|bucks|btc\b|eth\b)")
_MESSENGER = re.compile(r"whats ?app|telegram|\bwickr\b|\bskype\b|\bdm me\b")

_UPPER = string.ascii_uppercase.encode()
_LETTERS = string.ascii_letters.encode()
_DIGITS = string.digits.encode()
_MOST_LINKS = 4
_FEW_LETTERS = 8
_CAPS_SHARES = ((0.9, "caps all"), (0.5, "caps most"), (0.2, "caps some"))
_FOREIGN_SHARE = 0.3
_DIGIT_SHARE = 0.15
_FEW_DIGITS = 6
_MOST_MARKS = 4
_MANY_WORDS = 12
_REPEATED_SHARE = 0.5

NAMES = (
    *(f"links {n}" for n in range(1, _MOST_LINKS + 1)),
    "link web", "link bare", "link tag", "link only", "shortener", "spelt out", "video", "mail", "phone", "money",
    "messenger", *(name for _, name in _CAPS_SHARES), "foreign", "digits",
    *(f"exclamation {n}" for n in range(1, _MOST_MARKS + 1)), "question", "quote", "mention", "hashtag",
    *(f"length {n}" for n in range(16)), "repetitive", "lines",
)  # fmt: skip


def names(text: str) -> list[str]:
    """Return the names of the properties that a text has, each once, all from ``NAMES``."""
    plain = text.encode("ascii", "ignore")
    letters = len(plain) - len(plain.translate(None, _LETTERS))
    digits = len(plain) - len(plain.translate(None, _DIGITS))
    found = [f"length {min(len(text).bit_length(), 15)}"]
    found += _of_shape(text, plain, letters, digits)
    lower = text.lower()
    if "." in lower or "[" in lower or "<" in lower or "dot" in lower or "href" in lower:
        found += _of_links(lower, letters)
    found += _of_contact(lower, digits)
    return found


def _of_shape(text: str, plain: bytes, letters: int, digits: int) -> Iterator[str]:
    upper = len(plain) - len(plain.translate(None, _UPPER))
    if letters >= _FEW_LETTERS:
        shares = (name for share, name in _CAPS_SHARES if upper >= share * letters)
        yield from list(shares)[:1]
    if len(text) - len(plain) > _FOREIGN_SHARE * len(text):
        yield "foreign"
    if digits >= _FEW_DIGITS and digits > _DIGIT_SHARE * len(text):
        yield "digits"
    if marks := text.count("!"):
        yield f"exclamation {min(marks, _MOST_MARKS)}"
    signs = (("?", "question"), ('"', "quote"), ("@", "mention"), ("#", "hashtag"), ("\n", "lines"))
    yield from (name for sign, name in signs if sign in text)
    words = text.split()
    if len(words) >= _MANY_WORDS and len(set(words)) < _REPEATED_SHARE * len(words):
        yield "repetitive"


def _of_links(lower: str, letters: int) -> Iterator[str]:
    kinds = [found.lastgroup for found in _LINK.finditer(lower)]
    if kinds:
        yield f"links {min(len(kinds), _MOST_LINKS)}"
        yield from (f"link {kind}" for kind in ("web", "bare", "tag") if kind in kinds)
        if letters and len(lower.split()) == 1:
            yield "link only"
    patterns = ((_SHORTENER, "shortener"), (_SPELT_OUT, "spelt out"), (_VIDEO, "video"))
    yield from (name for pattern, name in patterns if pattern.search(lower))


def _of_contact(lower: str, digits: int) -> Iterator[str]:
    if ("@" in lower or "mail" in lower) and _MAIL.search(lower):
        yield "mail"
    if digits and _MONEY.search(lower):
        yield "money"
    if digits >= _PHONE_DIGITS[0] and any(map(_is_phone, _PHONE.finditer(lower))):
        yield "phone"
    if _MESSENGER.search(lower):
        yield "messenger"


def _is_phone(found: re.Match[str]) -> bool:
    return sum(map(str.isdigit, found.group())) in _PHONE_DIGITS
