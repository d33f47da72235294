"""What Akismet's clients send, read leniently: a form of the site's own encoding, unknown fields and all.

Nothing here refuses more than the protocol does (protocols.md 2): what is odd is made harmless, what is not used
is dropped, and headers of the visitor (``HTTP_*``) are never kept.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

GUARANTEED_AUTHORS = ("akismet-guaranteed-spam", "viagra-test-123")
GUARANTEED_EMAIL = "akismet-guaranteed-spam@example.com"
MOST_TEXT = 50_000
MOST_FIELDS = 2_000
KEY = re.compile(r"[0-9a-f]{12}")
_TRUE = ("1", "true", "yes")
_CHARSETS = re.compile(
    r"utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d|koi8-[ru]|big5|gbk|gb2312|gb18030|shift_jis|euc-(jp|kr)",
    re.IGNORECASE,
)
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_STACKED = re.compile(f"([{_MARKS}]{{30}})[{_MARKS}]+")
_HOSTILE = re.compile("[\x00\ud800-\udfff]")


def read_form(body: bytes, charset: str | None) -> dict[str, str]:
    """Return the fields; of a repeated one the last, a bare name as the empty string, nothing undecodable."""
    pairs = [part.partition(b"=") for part in body.split(b"&", MOST_FIELDS)[:MOST_FIELDS] if part]
    fields = {_decode(name, "utf-8"): value for name, _, value in pairs}
    said = charset or _decode(fields.get("blog_charset", b""), "ascii")
    known = said if _CHARSETS.fullmatch(said) else "utf-8"
    return {name: _decode(value, known) for name, value in fields.items()}


def _decode(raw: bytes, charset: str) -> str:
    plain = unquote_to_bytes(raw.replace(b"+", b" "))
    try:
        return clean(plain.decode(charset, "replace"))
    except LookupError:
        return clean(plain.decode("utf-8", "replace"))


def clean(text: str) -> str:
    """A text that every database takes and no page is hurt by."""
    return _STACKED.sub(r"\1", _HOSTILE.sub("", text))


@dataclass(frozen=True)
class Submission:
    """One comment as Akismet's clients tell of it; every field a string, empty where it was not sent."""

    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    @property
    def missing(self) -> Sequence[str]:
        """The required fields that are not there; an unknown address may be empty, but must be named."""
        lacks = [] if self["blog"] else ["blog"]
        return lacks if "user_ip" in self.fields else [*lacks, "user_ip"]

    @property
    def text(self) -> str:
        return self.fields.get("comment_content", "")[:MOST_TEXT].strip() or self.about_author

    @property
    def about_author(self) -> str:
        """Who says it, in words: for what has no content (a signup, a pingback) all the evidence there is."""
        said = (self["comment_author"][:100], self["comment_author_url"][:2_000], self["comment_author_email"][:254])
        return " ".join(filter(None, said))

    @property
    def with_author(self) -> str:
        """The text together with its author's name and address on the web: spam often stands only there."""
        return "\n".join(filter(None, (self.text, self["comment_author"][:100], self["comment_author_url"][:2_000])))

    @property
    def is_trial(self) -> bool:
        """A test, or WordPress's question about a pingback that it has not accepted yet: nothing of it is kept."""
        # python-akismet always sends the word False.
        return any(self[name].lower() in _TRUE for name in ("is_test", "akismet_pre_check"))

    @property
    def is_guaranteed_spam(self) -> bool:
        author, email = self["comment_author"].lower(), self["comment_author_email"].lower()
        return author in GUARANTEED_AUTHORS or email == GUARANTEED_EMAIL

    @property
    def is_by_administrator(self) -> bool:
        return self["user_role"] == "administrator"

    @property
    def honeypot_filled(self) -> bool:
        """The named field of the request holds something: people do not see it."""
        name = self["honeypot_field_name"]
        named = (name, f"POST_{name}") if name else ()
        return any(self[field] for field in named if field != "honeypot_field_name")

    @property
    def created_at(self) -> datetime | None:
        """When it was written; None (now) for what is no time or lies ahead."""
        try:
            moment = datetime.fromisoformat(self["comment_date_gmt"])
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None
        return moment if moment <= datetime.now(UTC) else None

    @property
    def identity(self) -> Sequence[str]:
        """By what a later report finds the check: content, author, email and address."""
        return [self.text, self["comment_author_email"].lower(), self["comment_author"], self["user_ip"]]
