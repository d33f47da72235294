"""Rows of WordPress's ``wp_usermeta``, from CSV, TSV, JSON or JSON Lines, gathered by user out of memory."""

import io
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

from moderation.errors import ReplydeskError
from moderation.services.moving.lines import LONGEST_LINE_BYTES, Form, rows_of_csv, rows_of_json_lines
from moderation.services.moving.record import Refusal, Skipped

COLUMNS: Mapping[str, str] = dict.fromkeys(("umeta_id", "user_id", "meta_key", "meta_value"), "a row of wp_usermeta")
MOST_VALUE_CHARACTERS = 2_000_000
_TAB_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_USER = re.compile(r"[0-9]{1,20}", re.ASCII)
_CHUNK = 2**16
_BETWEEN = re.compile(r"[\s,]*")


class Row(NamedTuple):
    """A row of the table; ``value`` is what JSON held where WP-CLI has unserialized it."""

    where: str
    user: str
    key: str
    value: Any


class User(NamedTuple):
    """What a user's rows say, by option name; ``prefix`` is that of the blog (``wp_``, ``wp_2_``)."""

    where: str
    id: str
    told: Mapping[str, Any]


def _row(where: str, row: Mapping[str, Any], *, now: str) -> Row:  # noqa: ARG001 -- the signature of a form
    user, key, value = (row.get(name) for name in ("user_id", "meta_key", "meta_value"))
    user = str(user).strip() if isinstance(user, str | int) and not isinstance(user, bool) else ""
    if user == "user_id":
        raise Refusal("header_again", "is the first line again", meant=True)
    if not _USER.fullmatch(user) or not isinstance(key, str):
        raise Refusal("bad_row", "has no number of a user or no meta_key")
    if isinstance(value, str) and len(value) > MOST_VALUE_CHARACTERS:
        # Kept as what nothing can be made of, so that its user is refused as a whole.
        value = [[f"{len(value):,} characters"]]
    return Row(where, user, key.strip(), "" if value is None else value)


_FORM = Form(COLUMNS, ("user_id", "meta_key", "meta_value"), _row, any_bytes=True)


def rows(stream: IO[bytes]) -> Iterator[Row | Skipped]:
    """Give every row; the form of the file is told by its beginning."""
    first = stream.readline(LONGEST_LINE_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
    stream.seek(0)
    if first.startswith(b"["):
        yield from _of_array(stream)
    elif first.startswith(b"{"):
        yield from rows_of_json_lines(stream, _FORM, ignore_unknown=True)
    elif b"\t" in first:
        for row in rows_of_csv(stream, _FORM, ignore_unknown=True, delimiter="\t", quotechar=None, quoting=3):
            yield row if isinstance(row, Skipped) else row._replace(value=_unescaped(row.value))
    else:
        yield from rows_of_csv(stream, _FORM, ignore_unknown=True)


def _unescaped(value: Any) -> Any:
    """The value as it was before the mysql client escaped it."""
    if not isinstance(value, str):
        return value
    return "" if value == "NULL" else _ESCAPED.sub(lambda found: _TAB_ESCAPES.get(found[1], found[0]), value)


def _of_array(stream: IO[bytes]) -> Iterator[Row | Skipped]:
    for number, value in enumerate(_items(stream), 1):
        try:
            yield _row(f"object {number}", value if isinstance(value, dict) else {}, now="")
        except Refusal as refusal:
            yield refusal.at(f"object {number}")


def _items(stream: IO[bytes]) -> Iterator[Any]:
    """The values of one JSON list, without holding more than a few of them."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape")
    decoder, held, at, count = json.JSONDecoder(), text.read(_CHUNK).lstrip()[1:], 0, 0
    try:
        while True:
            at = _BETWEEN.match(held, at).end()  # type: ignore[union-attr]  # it matches nothing, too
            if held[at : at + 1] == "]":
                return
            try:
                value, at = decoder.raw_decode(held, at)
            except (ValueError, RecursionError):
                held, at, before = held[at:], 0, len(held) - at
                held += text.read(max(_CHUNK, before))
                if len(held) == before or before > LONGEST_LINE_BYTES:
                    raise ReplydeskError(
                        f"The JSON list breaks off, or cannot be read, at object {count + 1}."
                    ) from None
            else:
                count += 1
                yield value
    finally:
        text.detach()  # whoever opened the stream closes it


class Gathered:
    """Rows by user, in a nameless file that goes with the process, in the order of the users' first rows."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute(
            "CREATE TABLE row (user TEXT, key TEXT, value TEXT, at TEXT, PRIMARY KEY (user, key, value)) WITHOUT ROWID"
        )
        self._file.execute("CREATE TABLE first (user TEXT PRIMARY KEY, at TEXT)")
        self._file.execute("BEGIN")

    def add(self, row: Row) -> None:
        value = json.dumps(row.value)
        self._file.execute("INSERT OR IGNORE INTO first VALUES (?, ?)", (row.user, row.where))
        self._file.execute("INSERT OR IGNORE INTO row VALUES (?, ?, ?, ?)", (row.user, row.key, value, row.where))

    def users(self) -> Iterator[tuple[str, str, list[tuple[str, Any]]]]:
        """Each user: where it stands first, its number, and its keys with their values."""
        for user, at in self._file.execute("SELECT user, at FROM first ORDER BY rowid"):
            found = self._file.execute("SELECT key, value FROM row WHERE user = ?", (user,))
            yield at, user, [(key, json.loads(value)) for key, value in found]

    def close(self) -> None:
        self._file.close()


def users(stream: IO[bytes], wanted: re.Pattern[str], blog: str | None) -> Iterator[User | Skipped]:
    """Give every user of whom a key is ``wanted`` (prefix, then name).

    A row that cannot be read refuses the whole file: it may be any user's, who would be stored by half.
    """
    gathered = Gathered()
    try:
        for row in rows(stream):
            if isinstance(row, Skipped) and not row.meant:
                raise ReplydeskError(f"{row.where} {row.detail}, so whose it is cannot be told. Nothing is imported.")
            if isinstance(row, Row) and (found := wanted.fullmatch(row.key)) and blog in (None, found[1]):
                gathered.add(row)
        for where, user, told in gathered.users():
            try:
                yield User(where, user, _told(told, wanted))
            except Refusal as refusal:
                yield refusal.at(where)
    finally:
        gathered.close()


def _told(rows: list[tuple[str, Any]], wanted: re.Pattern[str]) -> Mapping[str, Any]:
    told: dict[str, Any] = {}
    blogs = set()
    for key, value in rows:
        found = wanted.fullmatch(key)
        if found is None:
            continue
        blogs.add(found[1])
        if len(blogs) > 1:
            raise Refusal("two_blogs", f"has keys of two blogs, {' and '.join(sorted(blogs))}; name one with --prefix")
        if found[2] in told:
            raise Refusal("twice", f"has two values for {key[:60]}")
        told[found[2]] = value
    return told
