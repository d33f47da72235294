"""The database of Isso: a SQLite file with the tables ``threads`` and ``comments``, opened so that nothing changes.

It is a file from elsewhere: it is read as immutable, its schema is not trusted, and only plain tables are read.
Source: isso-comments/isso, ``isso/db/comments.py`` and ``isso/db/threads.py`` (schema version 5).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from moderation.errors import ReplydeskError
from moderation.policy import Status
from moderation.services.moving.html_text import MOST_HTML_CHARACTERS
from moderation.services.moving.record import Record, Refusal, Skipped, body, clean, identity, moment, post_id_of

MOST_VALUE_BYTES = 64 * 2**20
ROWS_AT_ONCE = 500
# Isso's own words: 1 is shown, 2 waits for approval, 4 was deleted and has replies.
_STATUS = {1: Status.PUBLISHED, 2: Status.PENDING, 4: Status.REJECTED}
_DELETED = 4
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name IN ('threads', 'comments')"
_ROWS = (
    "SELECT c.id, c.parent, c.created, c.mode, substr(c.text, 1, ?), c.author, c.email, c.website, t.uri, t.title"
    " FROM comments AS c LEFT JOIN threads AS t ON t.id = c.tid ORDER BY c.id"
)
_UNFINISHED = ("-wal", "-journal")


def records(path: Path) -> Iterator[Record | Skipped]:
    """Give every comment of the database at ``path``, oldest id first."""
    unfinished = [path.with_name(path.name + end) for end in _UNFINISHED]
    if any(file.exists() and file.stat().st_size for file in unfinished):
        raise ReplydeskError("Isso has not finished writing to it: stop Isso, or copy the file with sqlite3 .backup.")
    try:
        with closing(_opened(path)) as database:
            _prepare(database)
            rows = database.execute(_ROWS, (MOST_HTML_CHARACTERS,))
            while found := rows.fetchmany(ROWS_AT_ONCE):
                yield from map(_checked, found)
    except sqlite3.Error as error:
        raise ReplydeskError(f"The database cannot be read: {error}.") from None


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)


def _prepare(database: sqlite3.Connection) -> None:
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_VALUE_BYTES)
    # Bytes: what is no UTF-8 costs its comment only.
    database.text_factory = bytes
    for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON"):
        database.execute(f"PRAGMA {pragma}")
    if len(database.execute(_TABLES).fetchall()) < 2:  # noqa: PLR2004 -- threads and comments
        raise ReplydeskError("The file is no database of Isso: it has no tables threads and comments.")


def _checked(row: tuple[Any, ...]) -> Record | Skipped:
    where = f"comment {row[0]!r}"
    try:
        return _record(where, row)
    except Refusal as refusal:
        return refusal.at(where)


def _record(where: str, row: tuple[Any, ...]) -> Record:
    id, parent, created, mode, *texts = row
    text, author, email, website, uri, title = map(_text, texts)
    if not uri:
        raise Refusal("no_post", "belongs to a thread that the file does not hold")
    if mode not in _STATUS:
        raise Refusal("bad_status", f"has the mode {mode!r:.40}")
    deleted = mode == _DELETED
    written = _time(created)
    return Record(
        where=where,
        external_id=identity("id", f"isso:{id}"),
        post_id=post_id_of("uri", uri),
        text=body(text, may_be_empty=deleted),
        created_at=written,
        post_url=clean(uri)[:2_000] if uri.startswith(("http://", "https://")) else "",
        post_title=clean(title)[:500],
        parent=f"isso:{parent}" if parent else None,
        reader_id=_reader_id(email),
        reader_name=clean(author)[:100],
        reader_url=clean(website)[:2_000] if email else "",
        status=_STATUS[mode],
        reason="deleted" if deleted else "",
        deleted_at=written if deleted and not text.strip() else None,
    )


def _reader_id(email: str) -> str | None:
    """Isso knows no accounts: whoever left an e-mail is known by its sum, which is all that is taken over of it."""
    word = email.strip().lower()
    return f"isso:email:{sha256(word.encode()).hexdigest()}" if word else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refusal("not_utf8", "is not in UTF-8") from None


def _time(value: Any) -> datetime:
    try:
        seconds = float(value)
        found = datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Refusal("bad_time", f"has {value!r:.40} for created, which is no time") from None
    return moment("created", found.isoformat())
