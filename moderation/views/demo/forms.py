"""What a reader typed under “Leave a Reply”: kept as it came, with a sentence beside what does not fit."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_TEXT = 10_000
MOST_NAME = 100
MOST_EMAIL = 254
MOST_NOTE = 1_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST_SECONDS = 1e9


@dataclass(frozen=True)
class Nudge:
    """What the text may be read as, and what would become of it."""

    title: str
    outcome: str


@dataclass
class ReplyForm:
    """A reply before it is posted. ``ticket`` makes that a second click posts it once."""

    text: str = ""
    name: str = ""
    email: str = ""
    parent_id: str = ""
    started_at: str = ""
    ticket: str = ""
    trap: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    nudge: Nudge | None = None
    # Whether this form was sent just now, so that it gets the focus.
    used: bool = False

    @classmethod
    def empty(cls, *, name: str) -> "ReplyForm":
        return cls(name=name, started_at=str(int(time.time())), ticket=secrets.token_hex(12))

    @classmethod
    def read(cls, sent: Mapping[str, str]) -> "ReplyForm":
        # Browsers send line ends as CRLF; the reader typed one.
        return cls(
            text=sent.get("text", "").replace("\r\n", "\n"),
            name=sent.get("name", "").strip(),
            email=sent.get("email", "").strip(),
            parent_id=sent.get("parent_id", ""),
            started_at=sent.get("started_at", ""),
            ticket=sent.get("ticket", "")[:40] or secrets.token_hex(12),
            trap=sent.get("website", ""),
            used=True,
        )

    def check(self) -> bool:
        """Write a sentence for each field that does not fit; return whether all do."""
        self.errors = said(text=about_text(self.text), name=self._about_name(), email=self._about_email())
        return not self.errors

    def _about_name(self) -> str:
        if not self.name:
            return "Please give a name. It can be a made-up one."
        if len(self.name) > MOST_NAME:
            return f"Please give a shorter name: this one has {len(self.name)} characters, and {MOST_NAME} fit."
        return ""

    def _about_email(self) -> str:
        fits = not self.email or (len(self.email) <= MOST_EMAIL and _EMAIL.fullmatch(self.email))
        return "" if fits else "That is not an e-mail address. You may leave this empty."

    def signals(self) -> dict[str, Any]:
        """What a person does not do: fill in a field that cannot be seen, or write within a second."""
        found: dict[str, Any] = {"honeypot_filled": bool(self.trap)}
        if self.started_at.isascii() and self.started_at.isdecimal():
            seconds = time.time() - int(self.started_at[:12])
            if 0 <= seconds <= _LONGEST_SECONDS:
                found["seconds_to_submit"] = round(seconds, 1)
        return found


def about_text(text: str) -> str:
    if not text.strip():
        return "Please write something first."
    if len(text) > MOST_TEXT:
        return f"Please shorten it: it has {len(text):,} characters, and {MOST_TEXT:,} fit."
    return ""


def said(**sentences: str) -> dict[str, str]:
    """Only the fields that something is said against."""
    return {name: sentence for name, sentence in sentences.items() if sentence}
