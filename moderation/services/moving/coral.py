"""Coral's collections as ``mongoexport`` writes them: comments, and beside them stories and users for their names.

Coral 5 and later, and Talk 4 with its assets. Source: coralproject/talk, ``server/src/core/server/models/comment``,
``models/story``, ``docs/docs/migrate-data.md``; the fields of version 4 are those that its importers read.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any

from moderation.policy import Status
from moderation.services.moving.html_text import plain
from moderation.services.moving.lines import numbered, object_in
from moderation.services.moving.record import Record, Refusal, Skipped, body, clean, identity, moment

_STATUS = {
    "NONE": Status.PUBLISHED,
    "APPROVED": Status.PUBLISHED,
    "ACCEPTED": Status.PUBLISHED,
    "REJECTED": Status.REJECTED,
    "PREMOD": Status.PENDING,
    "SYSTEM_WITHHELD": Status.PENDING,
}
_BY_PEOPLE = ("APPROVED", "ACCEPTED", "REJECTED")
_SPAM, _TOXIC = "FLAG__COMMENT_DETECTED_SPAM", "FLAG__COMMENT_DETECTED_TOXIC"
_KEPT = ("url", "title", "closed", "username")


class Names:
    """Stories and users by id, kept out of memory in a nameless file that goes with the process."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute("CREATE TABLE name (kind TEXT, id TEXT, told TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID")

    def read(self, kind: str, stream: IO[bytes]) -> None:
        """Take in a collection; what cannot be read of it costs a name, never a comment."""
        self._file.execute("BEGIN")
        self._file.executemany("INSERT OR REPLACE INTO name VALUES (?, ?, ?)", _named(kind, stream))
        self._file.execute("COMMIT")

    def find(self, kind: str, id: str) -> Mapping[str, Any]:
        row = self._file.execute("SELECT told FROM name WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return json.loads(row[0]) if row else {}

    def close(self) -> None:
        self._file.close()


def _named(kind: str, stream: IO[bytes]) -> Iterator[tuple[str, str, str]]:
    for _, raw in numbered(stream):
        try:
            row = object_in(raw)
            metadata = _object(row.get("metadata"))
            told = {
                "url": _word(row.get("url")),
                "title": _word(metadata.get("title") or row.get("title")),
                "closed": bool(row.get("closedAt")) and not isinstance(row.get("closedAt"), bool),
                "username": _word(row.get("username")),
            }
            yield kind, _word(row.get("id")), json.dumps({name: told[name] for name in _KEPT if told[name]})
        except Refusal:
            continue


def records(stream: IO[bytes], names: Names) -> Iterator[Record | Skipped]:
    """Give every comment of the collection ``comments``."""
    for line, raw in numbered(stream):
        where = f"line {line}"
        try:
            yield _record(where, object_in(raw), names)
        except Refusal as refusal:
            yield refusal.at(where)


def _record(where: str, row: Mapping[str, Any], names: Names) -> Record:
    word = _word(row.get("status")) or "NONE"
    if word not in _STATUS:
        raise Refusal("bad_status", f"has “{word[:40]}” for status")
    story_id = _word(row.get("storyID") or row.get("asset_id"))
    author_id = _word(row.get("authorID") or row.get("author_id"))
    own, parent = _word(row.get("id")), _word(row.get("parentID") or row.get("parent_id"))
    story = names.find("story", story_id)
    deleted = row.get("deletedAt") or row.get("deleted_at")
    return Record(
        where=where,
        external_id=identity("id", f"coral:{own}" if own else ""),
        post_id=identity("storyID", story_id),
        text=body(_body(row), may_be_empty=bool(deleted)),
        created_at=_time("createdAt", row.get("createdAt") or row.get("created_at")),
        post_url=clean(str(story.get("url", "")))[:2_000],
        post_title=clean(str(story.get("title", "")))[:500],
        post_closed=bool(story.get("closed")),
        parent=f"coral:{parent}" if parent else None,
        # As the door calls them, so that a reader who moved in is the same one afterwards.
        reader_id=identity("authorID", author_id) if author_id else None,
        reader_name=clean(str(names.find("user", author_id).get("username", "")))[:100] if author_id else "",
        status=_STATUS[word],
        reason=_reason(row) if word == "REJECTED" else "",
        human=word in _BY_PEOPLE and not deleted,
        deleted_at=_time("deletedAt", deleted) if deleted else None,
    )


def _body(row: Mapping[str, Any]) -> str:
    """The last revision, which is HTML; version 4 had a body of plain text."""
    revisions = row.get("revisions")
    last = revisions[-1] if isinstance(revisions, list) and revisions else {}
    if isinstance(last, dict) and last.get("body"):
        return plain(_word(last["body"]))
    return _word(row.get("body"))


def _reason(row: Mapping[str, Any]) -> str:
    """Spam where Coral's detectors called it so more often than toxic, else abuse."""
    counts = {name: n for name, n in _object(row.get("actionCounts")).items() if isinstance(n, int)}
    return "spam" if counts.get(_SPAM, 0) > counts.get(_TOXIC, 0) else "abuse"


def _time(name: str, value: Any) -> datetime:
    """A time in MongoDB's Extended JSON, relaxed, canonical or of version 1: text, milliseconds, or either wrapped."""
    if isinstance(value, dict):
        value = value.get("$date")
    if isinstance(value, dict):
        value = value.get("$numberLong")
    if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 18:  # noqa: PLR2004 -- milliseconds
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return moment(name, datetime.fromtimestamp(value / 1_000, UTC).isoformat())
        except (ValueError, OverflowError, OSError):
            raise Refusal("bad_time", f"has a {name} that is no time") from None
    return moment(name, _word(value))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refusal("bad_value", "has a number or an object where a text belongs")
    return value
