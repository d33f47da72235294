"""JSON Lines and CSV as records: a row at a time, one that is wrong told with its line."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Generic, Protocol, TypeVar

from moderation.errors import ReplydeskError
from moderation.models import utc_now
from moderation.services.moving.record import Record, Refusal, Skipped
from moderation.services.moving.table import COLUMNS, record, unknown

# A 10 MB comment is passed over by its line; beyond this a line is no comment but a fault of the file.
LONGEST_LINE_BYTES = 64 * 2**20
_BOM = b"\xef\xbb\xbf"
Found = Iterator[Record | Skipped]
Made_co = TypeVar("Made_co", covariant=True)


class Make(Protocol[Made_co]):
    """Makes something of a row of named values, or raises ``Refusal``."""

    def __call__(self, where: str, row: Mapping[str, Any], *, now: str) -> Made_co: ...


@dataclass(frozen=True)
class Form(Generic[Made_co]):
    """The columns of a kind of row, those without which a file is refused, and what becomes of a row."""

    columns: Mapping[str, str]
    required: Sequence[str]
    make: Make[Made_co]
    json_only: str = ""
    # What is no UTF-8 comes as half surrogate pairs, instead of costing its row.
    any_bytes: bool = False


COMMENTS = Form(COLUMNS, ("external_id", "text"), record, json_only="scores")


def from_json_lines(stream: IO[bytes], *, ignore_unknown: bool = False) -> Found:
    """Read one comment a line."""
    return rows_of_json_lines(stream, COMMENTS, ignore_unknown=ignore_unknown)


def from_csv(stream: IO[bytes], *, ignore_unknown: bool = False) -> Found:
    """Read comments as rows under a header."""
    return rows_of_csv(stream, COMMENTS, ignore_unknown=ignore_unknown)


def rows_of_json_lines(
    stream: IO[bytes], form: Form[Made_co], *, ignore_unknown: bool = False
) -> Iterator[Made_co | Skipped]:
    """Read one object a line; empty lines count as lines and as nothing else."""
    now = utc_now().isoformat()
    for line, raw in numbered(stream):
        yield _checked(f"line {line}", partial(object_in, raw), form, ignore_unknown, now)


def numbered(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give each line that is not empty with its number, which counts empty ones too."""
    line = 0
    while raw := stream.readline(LONGEST_LINE_BYTES):
        line += 1
        if len(raw) == LONGEST_LINE_BYTES:
            raise ReplydeskError(f"line {line} is longer than {LONGEST_LINE_BYTES:,} bytes; this is not JSON Lines.")
        raw = raw.removeprefix(_BOM) if line == 1 else raw
        if raw.strip():
            yield line, raw


def rows_of_csv(
    stream: IO[bytes], form: Form[Made_co], *, ignore_unknown: bool = False, **dialect: Any
) -> Iterator[Made_co | Skipped]:
    """Read rows under a header; what is no UTF-8 costs its row only."""
    csv.field_size_limit(LONGEST_LINE_BYTES)
    # What is no UTF-8 becomes half a surrogate pair, which tells the row.
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader, now = csv.reader(lines, strict=True, **dialect), utc_now().isoformat()
    try:
        header = _header(reader, form, ignore_unknown)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                until = f"lines {line} to {reader.line_num}" if reader.line_num > line else f"line {line}"
                yield Skipped(until, "not_csv", f"is not CSV: {error}")
                continue
            if cells:
                yield _checked(f"line {line}", partial(_row, header, cells, form), form, True, now)
    finally:
        lines.detach()  # whoever opened the stream closes it


def _header(reader: Any, form: Form[Any], ignore_unknown: bool) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ReplydeskError(f"line 1 is not CSV: {error}.") from None
    if not header:
        raise ReplydeskError("The file is empty.")
    missing = [name for name in form.required if name not in header]
    if missing:
        raise ReplydeskError(f"The first line names no column {' and no '.join(missing)}; see docs/moving.md.")
    strange = [] if ignore_unknown else unknown(header, form.columns)
    if strange:
        raise ReplydeskError(f"Unknown columns: {', '.join(strange)}. Pass over them with --ignore-unknown.")
    twice = sorted({name for name in header if name in form.columns and header.count(name) > 1})
    if twice:
        raise ReplydeskError(f"The first line names {', '.join(twice)} twice.")
    return header


def _row(header: list[str], cells: list[str], form: Form[Any]) -> Mapping[str, Any]:
    if len(cells) != len(header):
        raise Refusal("wrong_cells", f"has {len(cells)} cells; the first line has {len(header)}")
    if not form.any_bytes and any(
        "\udc80" <= mark <= "\udcff" for cell in cells if not cell.isascii() for mark in cell
    ):
        raise Refusal("not_utf8", "is not in UTF-8")
    return {name: cell for name, cell in zip(header, cells, strict=True) if name != form.json_only}


def object_in(raw: bytes) -> Mapping[str, Any]:
    """The JSON object in a line; refuse one that holds none."""
    try:
        value = json.loads(raw.decode())
    except UnicodeDecodeError:
        raise Refusal("not_utf8", "is not in UTF-8") from None
    except (ValueError, RecursionError):
        raise Refusal("not_json", "is not a JSON document") from None
    if not isinstance(value, dict):
        raise Refusal("not_json", "is not a JSON object")
    return value


def _checked(
    where: str, read: Callable[[], Mapping[str, Any]], form: Form[Made_co], ignore_unknown: bool, now: str
) -> Made_co | Skipped:
    try:
        row = read()
        if not ignore_unknown:
            _refuse_unknown(row, form.columns)
        return form.make(where, row, now=now)
    except Refusal as refusal:
        return refusal.at(where)


def _refuse_unknown(row: Mapping[str, Any], columns: Mapping[str, str]) -> None:
    strange = unknown(row, columns)
    if strange:
        raise Refusal("unknown_column", f"has unknown columns: {', '.join(strange)}")
