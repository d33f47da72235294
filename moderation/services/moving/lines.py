"""JSON Lines and CSV as records: a row at a time, one that is wrong told with its line."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import IO, Any

from moderation.errors import ReplydeskError
from moderation.models import utc_now
from moderation.services.moving.record import Record, Refusal, Skipped
from moderation.services.moving.table import COLUMNS, record, unknown

# A 10 MB comment is passed over by its line; beyond this a line is no comment but a fault of the file.
LONGEST_LINE_BYTES = 64 * 2**20
_BOM = b"\xef\xbb\xbf"
Found = Iterator[Record | Skipped]


def from_json_lines(stream: IO[bytes], *, ignore_unknown: bool = False) -> Found:
    """Read one object a line; empty lines count as lines and as nothing else."""
    now = utc_now().isoformat()
    for line, raw in numbered(stream):
        yield _checked(f"line {line}", partial(object_in, raw), ignore_unknown, now)


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


def from_csv(stream: IO[bytes], *, ignore_unknown: bool = False) -> Found:
    """Read rows under a header; what is no UTF-8 costs its row only."""
    csv.field_size_limit(LONGEST_LINE_BYTES)
    # What is no UTF-8 becomes half a surrogate pair, which tells the row.
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader, now = csv.reader(lines, strict=True), utc_now().isoformat()
    try:
        header = _header(reader, ignore_unknown)
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
                yield _checked(f"line {line}", partial(_row, header, cells), True, now)
    finally:
        lines.detach()  # whoever opened the stream closes it


def _header(reader: Any, ignore_unknown: bool) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ReplydeskError(f"line 1 is not CSV: {error}.") from None
    if not header:
        raise ReplydeskError("The file is empty.")
    missing = [name for name in ("external_id", "text") if name not in header]
    if missing:
        raise ReplydeskError(f"The first line names no column {' and no '.join(missing)}; see docs/moving.md.")
    strange = [] if ignore_unknown else unknown(header)
    if strange:
        raise ReplydeskError(f"Unknown columns: {', '.join(strange)}. Pass over them with --ignore-unknown.")
    twice = sorted({name for name in header if name in COLUMNS and header.count(name) > 1})
    if twice:
        raise ReplydeskError(f"The first line names {', '.join(twice)} twice.")
    return header


def _row(header: list[str], cells: list[str]) -> Mapping[str, Any]:
    if len(cells) != len(header):
        raise Refusal("wrong_cells", f"has {len(cells)} cells; the first line has {len(header)}")
    if any("\udc80" <= mark <= "\udcff" for cell in cells if not cell.isascii() for mark in cell):
        raise Refusal("not_utf8", "is not in UTF-8")
    return {name: cell for name, cell in zip(header, cells, strict=True) if name != "scores"}


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


def _checked(where: str, read: Callable[[], Mapping[str, Any]], ignore_unknown: bool, now: str) -> Record | Skipped:
    try:
        row = read()
        if not ignore_unknown:
            _refuse_unknown(row)
        return record(where, row, now=now)
    except Refusal as refusal:
        return refusal.at(where)


def _refuse_unknown(row: Mapping[str, Any]) -> None:
    strange = unknown(row)
    if strange:
        raise Refusal("unknown_column", f"has unknown columns: {', '.join(strange)}")
