"""One comment on its way in, whatever it came from, and what is wrong with one that cannot come in."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from moderation.models import utc_now
from moderation.policy import DECISION_REASONS, Status

# What the API takes (schemas.comments): nothing comes in by the side door that the front door refuses.
MOST_CHARACTERS = 50_000
MOST_ID_CHARACTERS = 255
OLDEST = datetime(1995, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)
# Beyond the site's list of reasons: those of other systems and of our own policy.
REASONS = (*DECISION_REASONS, "rule", "duplicate", "deleted")
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_STACKED = re.compile(f"([{_MARKS}]{{30}})[{_MARKS}]+")


@dataclass(slots=True)
class Record:
    """A comment of the source. ``status`` None: the site's policy decides; ``human``: a person decided there."""

    where: str
    external_id: str
    post_id: str
    text: str
    created_at: datetime
    post_url: str = ""
    post_title: str = ""
    post_closed: bool = False
    parent: str | None = None
    reader_id: str | None = None
    reader_name: str = ""
    reader_email: str = ""
    reader_url: str = ""
    status: Status | None = None
    reason: str = ""
    human: bool = False
    decided_at: datetime | None = None
    deleted_at: datetime | None = None
    scores: dict[str, float] = field(default_factory=dict)
    model_version: str = ""


@dataclass(slots=True, frozen=True)
class Skipped:
    """A record that is not stored: where it stands, why in a word, and why in a sentence."""

    where: str
    reason: str
    detail: str
    # Left out as it should be (a pingback), so no fault of the file.
    meant: bool = False


class Refusal(Exception):  # noqa: N818 -- not an error of ours: it becomes a Skipped
    """Raised while a record is read; whoever knows where it stands makes a ``Skipped`` of it."""

    def __init__(self, reason: str, detail: str, *, meant: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.meant = reason, detail, meant

    def at(self, where: str) -> Skipped:
        return Skipped(where, self.reason, self.detail, self.meant)


def clean(text: str) -> str:
    """Take out what no database and no page should see: NUL, half surrogate pairs, towers of marks."""
    return _STACKED.sub(r"\1", _NO_TEXT.sub("", text))


def body(text: str, *, may_be_empty: bool = False) -> str:
    """Return the cleaned text of a comment; refuse an empty and an over-long one."""
    if len(text) > MOST_CHARACTERS:
        raise Refusal("too_long", f"has {len(text):,} characters; {MOST_CHARACTERS:,} are taken")
    text = clean(text)
    if not text.strip() and not may_be_empty:
        raise Refusal("empty", "has no text")
    return text


def identity(name: str, value: str) -> str:
    """Return an id of the source; refuse one that cannot be kept."""
    if not value:
        raise Refusal("no_id", f"has no {name}")
    if len(value) > MOST_ID_CHARACTERS or clean(value) != value:
        raise Refusal("bad_id", f"has a {name} that is longer than {MOST_ID_CHARACTERS} characters or no text")
    return value


def post_id_of(name: str, url: str) -> str:
    """An address as the id of a post; one that is too long to be an id, by its sum."""
    if len(url) > MOST_ID_CHARACTERS:
        return f"url:{sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return identity(name, url)


def moment(name: str, value: str) -> datetime:
    """Return an instant; without a zone it is UTC. Refuse what is none, or lies before 1995 or in the future."""
    try:
        found = datetime.fromisoformat(value)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("bad_time", f"has “{value[:40]}” for {name}, which is no time") from None
    if not OLDEST <= found <= utc_now() + CLOCK_SKEW:
        raise Refusal("bad_time", f"has {value[:40]} for {name}, which does not lie between 1995 and now")
    return found
