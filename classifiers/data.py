"""Labelled data: files to rows, with the labels that each row has and no others."""

import csv
import gzip
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from classifiers.base import LABELS

_SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
_GROUP_COLUMNS = ("target_group", "Template")
_HALF = 0.5
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


class DataError(Exception):
    """A file of labelled data cannot be read; the message names file and line."""


@dataclass(frozen=True)
class TrainingRow:
    """A text and what is known of it: a label that is absent is unknown, not zero.

    ``labels`` are shares in 0..1, ``weight`` says how much the row counts (0 or more), ``source`` where it is
    from, ``group`` the identity group or template it is about, where the data says so.
    """

    text: str
    labels: Mapping[str, float]
    weight: float = 1.0
    source: str = ""
    group: str = field(default="", kw_only=True)


def load(paths: Iterable[Path]) -> Iterator[TrainingRow]:
    """Read labelled rows from CSV or JSON Lines files, packed or not, and from folders of them.

    A file has a ``text`` column and at least one column named by a label; an empty cell is unknown. A ``hate``
    column is read as identity attack, and as toxicity where it is one half or more and nothing says otherwise.
    Rows without any label are left out. Raises ``DataError``.
    """
    for path in files(paths):
        yield from _read(path)


def files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that ``load`` reads, in its order; raise ``DataError`` where there are none."""
    found: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(file for file in path.iterdir() if _is_data(file)) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: no file here ends in {', '.join(_SUFFIXES)}.")
        found += inside
    for file in found:
        if not _is_data(file):
            raise DataError(f"{file}: only files that end in {', '.join(_SUFFIXES)} can be read.")
    return found


def source_name(path: Path) -> str:
    """Return what rows of this file call their source: its name without the endings."""
    return path.name.split(".")[0]


def _is_data(path: Path) -> bool:
    return path.name.endswith(_SUFFIXES)


def _read(path: Path) -> Iterator[TrainingRow]:
    records: Callable[[IO[str], Path], Iterator[tuple[int, Mapping[str, Any]]]]
    records = _json_records if ".jsonl" in path.name else _csv_records
    found_labels = False
    try:
        with _open(path) as stream:
            for line, record in records(stream, path):
                row = _row(record, source_name(path), f"{path}: line {line}")
                found_labels = found_labels or bool(row.labels)
                if row.labels:
                    yield row
    except (OSError, EOFError, UnicodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}.") from None
    if not found_labels:
        raise DataError(f"{path}: no row has a label; the columns may be {', '.join(LABELS)} and hate.")


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _csv_records(stream: IO[str], path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(stream)
    _require_columns(reader.fieldnames or (), path)
    for record in reader:
        yield reader.line_num, record


def _require_columns(names: Sequence[str], path: Path) -> None:
    if "text" not in names:
        raise DataError(f"{path}: the first line names no column “text”.")
    if not set(names) & {*LABELS, "hate"}:
        raise DataError(f"{path}: no column is a label; they may be {', '.join(LABELS)} and hate.")


def _json_records(stream: IO[str], path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            raise DataError(f"{path}: line {line}: not a JSON document.") from None
        if not isinstance(record, dict):
            raise DataError(f"{path}: line {line}: not a JSON object.")
        nested = record.get("labels")
        yield line, {**record, **nested} if isinstance(nested, dict) else record


def _row(record: Mapping[str, Any], source: str, place: str) -> TrainingRow:
    text = record.get("text")
    if not isinstance(text, str):
        raise DataError(f"{place}: there is no text.")
    labels = {label: value for label in LABELS if (value := _share(record, label, place)) is not None}
    hate = _share(record, "hate", place)
    if hate is not None:
        labels.setdefault("identity_attack", hate)
        if hate >= _HALF:
            labels.setdefault("toxicity", 1.0)
    weight = _number(record.get("weight"), f"{place}: weight")
    if weight is not None and weight < 0:
        raise DataError(f"{place}: weight: {weight} is below 0.")
    group = next((str(record[name]) for name in _GROUP_COLUMNS if record.get(name)), "")
    return TrainingRow(text, labels, 1.0 if weight is None else weight, source, group=group)


def _share(record: Mapping[str, Any], label: str, place: str) -> float | None:
    value = _number(record.get(label), f"{place}: {label}")
    if value is not None and not 0.0 <= value <= 1.0:
        raise DataError(f"{place}: {label}: {value} is not between 0 and 1.")
    return value


def _number(value: Any, place: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DataError(f"{place}: {value!r} is not a number.") from None
    if not math.isfinite(number):
        raise DataError(f"{place}: {value!r} is not a number.")
    return number
