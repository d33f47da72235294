"""``replydesk score``: texts in, scores and what a new site would do with them out; no database is asked.

Lines are answered in batches as they come, so memory does not grow with the file and a program that waits for
the answer to its line gets it.
"""

import csv
import gzip
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click
from marshmallow import ValidationError

from classifiers import Classifier
from moderation.cli.database import on_terminal
from moderation.cli.model_files import bundled_or, default_policy, load_model
from moderation.errors import ReplydeskError
from moderation.policy import Facts, Policy, decide
from moderation.schemas.base import Text
from moderation.schemas.comments import MAX_TEXT
from moderation.scoring import score_with
from moderation.services import facts

CHUNK_BYTES = 65_536
LONGEST_LINE_BYTES = 16 * 2**20
BATCH_ROWS = 256
_TEXT = Text(least=0, most=MAX_TEXT)


@dataclass(frozen=True)
class Row:
    """One line of the input: its number, counted from 1, and its text or what is wrong with it."""

    line: int
    text: str = ""
    error: str | None = None


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--model", type=click.Path(path_type=Path), help="A model directory instead of the bundled one.")
@click.option(
    "--tier",
    type=click.Choice(["linear", "full"]),
    default="linear",
    show_default=True,
    help="How much to compute: full asks the encoder, too, as the service does; it takes far longer.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    help="Form of the input; by default told by the file's name, JSON Lines on standard input.",
)
def score(file: Path | None, model: Path | None, tier: str, form: str | None) -> None:
    """Score texts: JSON Lines {"text": ...}, or CSV with a `text` column, from FILE or standard input.

    One JSON line is written for each row, in order: {"scores", "status", "reasons", "model_version"}; the
    status is what the default policy of a new site would say of the text alone.
    """  # fmt: skip
    path = bundled_or(model)
    classifier, policy = load_model(path, tier), default_policy(path)
    done, bad, started = 0, 0, time.monotonic()
    for batch in _batches(file, form):
        for row in (row for row in batch if row.error):
            bad += 1
            click.echo(f"line {row.line}: {row.error}", err=True)
        answers = _answers(classifier, policy, batch)
        # Written and flushed a batch at a time; a reader that went away ends the command quietly.
        click.echo("\n".join(json.dumps(answer, ensure_ascii=False) for answer in answers))
        done += len(batch)
        _show_progress(done, started)
    _show_end(done, bad)


def _answers(classifier: Classifier, policy: Policy, batch: Sequence[Row]) -> Iterator[dict[str, Any]]:
    texts = [row.text for row in batch if row.error is None]
    found = score_with(classifier, texts) if texts else []
    if found is None:
        raise ReplydeskError(f"The model {classifier.version} failed at line {batch[0].line} or soon after.")
    rows = iter(found)
    for row in batch:
        if row.error is not None:
            yield {"error": f"line {row.line}: {row.error}"}
            continue
        scores = next(rows).scores
        verdict = decide(scores, policy, Facts(**facts.of_text(row.text, policy)))
        yield {
            "scores": {label: round(value, 6) for label, value in (scores or {}).items()},
            "status": verdict.status.value,
            "reasons": [reason.as_dict() for reason in verdict.reasons],
            "model_version": classifier.version,
        }


def _batches(file: Path | None, form: str | None) -> Iterator[list[Row]]:
    names = [] if file is None else [suffix.lower() for suffix in file.suffixes]
    with _open(file, packed=".gz" in names[-1:]) as stream:
        if (form or ("csv" if ".csv" in names[-2:] else "jsonl")) == "csv":
            yield from _csv_batches(stream)
        else:
            yield from _json_batches(stream)


def _open(file: Path | None, *, packed: bool) -> IO[bytes]:
    if file is None:
        return sys.stdin.buffer
    return gzip.open(file) if packed else file.open("rb")  # type: ignore[return-value]  # a GzipFile is an IO[bytes]


def _json_batches(stream: Any) -> Iterator[list[Row]]:
    """Whole lines, as many as came at once: a pipe gives what it has and is not waited for."""
    rest, line = b"", 0
    while chunk := _read(stream):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE_BYTES:
            raise ReplydeskError(f"line {line + len(lines) + 1}: longer than {LONGEST_LINE_BYTES} bytes.")
        yield from _in_batches([_from_json(line + n, text) for n, text in enumerate(lines, 1)])
        line += len(lines)
    if rest:
        yield [_from_json(line + 1, rest)]


def _read(stream: Any) -> bytes:
    try:
        chunk: bytes = stream.read1(CHUNK_BYTES)
    except (EOFError, gzip.BadGzipFile) as error:
        raise ReplydeskError(f"The file cannot be unpacked: {error}") from None
    return chunk


def _in_batches(rows: list[Row]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


def _from_json(line: int, raw: bytes) -> Row:
    try:
        value = json.loads(raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw)
    except UnicodeDecodeError:
        return Row(line, error="not in UTF-8.")
    except (ValueError, RecursionError):
        return Row(line, error="not a JSON document.")
    if not isinstance(value, dict) or "text" not in value:
        return Row(line, error='not an object with a "text".')
    return _checked(line, value["text"])


def _checked(line: int, text: Any) -> Row:
    try:
        return Row(line, _TEXT.deserialize(text))
    except ValidationError as error:
        return Row(line, error=f"text: {error.messages[0]}")


def _csv_batches(stream: IO[bytes]) -> Iterator[list[Row]]:
    csv.field_size_limit(LONGEST_LINE_BYTES)
    # What is no UTF-8 becomes half a surrogate pair, which the text field then refuses by its line.
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(lines)
    try:
        header = next(reader, [])
        if "text" not in header:
            raise ReplydeskError("The CSV has no column “text” in its first line.")
        at, batch = header.index("text"), []
        for cells in reader:
            batch.append(_from_cells(reader.line_num, cells, at, len(header)))
            if len(batch) == BATCH_ROWS:
                yield batch
                batch = []
        if batch:
            yield batch
    except (csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise ReplydeskError(f"line {reader.line_num}: not CSV: {error}.") from None
    finally:
        lines.detach()  # whoever opened the stream closes it


def _from_cells(line: int, cells: Sequence[str], at: int, width: int) -> Row:
    if len(cells) != width:
        return Row(line, error=f"has {len(cells)} cells; the first line has {width}.")
    return _checked(line, cells[at])


def _show_progress(done: int, started: float) -> None:
    if on_terminal() and not sys.stdout.isatty():
        rate = done / max(time.monotonic() - started, 1e-6)
        click.echo(f"\r{done} rows, {rate:,.0f} a second ", err=True, nl=False)


def _show_end(done: int, bad: int) -> None:
    if on_terminal() and not sys.stdout.isatty():
        click.echo(err=True)
    if bad:
        raise ReplydeskError(f"{bad} of {done} rows could not be read.")
