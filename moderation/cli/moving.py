"""``replydesk import`` and ``export``: comments move in from other systems, and out."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from moderation.cli.database import open_session, the_site
from moderation.cli.moving_in import Job, Report, bring_in, opened, tell_skipped
from moderation.cli.moving_readers import readers
from moderation.errors import ReplydeskError
from moderation.policy import LABELS
from moderation.services.moving import coral as coral_collections
from moderation.services.moving import disqus as disqus_export
from moderation.services.moving import engagement_leaving, leaving, lines
from moderation.services.moving import isso as isso_database
from moderation.services.moving import remark42 as remark42_backup
from moderation.services.moving import wordpress as wordpress_export
from moderation.services.moving.store import Source
from moderation.services.moving.table import COLUMNS

# What a spreadsheet may take for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NOT_OF_CSV = {"scores", "text_format", *LABELS}
_OPTIONS = (
    click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    click.option("--site", "site_name", help="The site; the only one by default."),
    click.option("--dry-run", is_flag=True, help="Tell what would be stored; nothing changes."),
    click.option(
        "--decisions/--no-decisions",
        default=False,
        help="Count what people decided there as decisions here, which models learn from; by default not.",
    ),
    click.option("--no-score", is_flag=True, help="Do not score now; `rescore` does it later."),
    click.option("--json", "as_json", is_flag=True, help="Report in JSON."),
)
_ignore_unknown = click.option("--ignore-unknown", is_flag=True, help="Pass over columns that are not known.")


def _collection(name: str, about: str) -> Callable[..., Any]:
    return click.option(name, type=click.Path(exists=True, dir_okay=False, path_type=Path), help=about)


# JSON may hold these as they are, but programs that split text into lines would split there.
_LINE_ENDS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
Reader = Callable[[IO[bytes]], lines.Found]


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


@click.group("import")
def bring() -> None:
    """Comments of another system, from coral to wordpress, or as csv or jsonl; and its readers. Safe to repeat."""


bring.add_command(readers)


@bring.command()
@_shared
def disqus(file: Path, **options: Any) -> None:
    """Move in from FILE, a Disqus comments export (XML, may be gzipped)."""
    _import("disqus", disqus_export.records, file, **options)


@bring.command()
@_shared
def wordpress(file: Path, **options: Any) -> None:
    """Move in from FILE, a WordPress export (WXR)."""
    _import("wordpress", wordpress_export.records, file, **options)


@bring.command()
@_shared
def remark42(file: Path, **options: Any) -> None:
    """Move in from FILE, a backup of Remark42 (gzipped, as it writes it)."""
    _import("remark42", remark42_backup.records, file, **options)


@bring.command()
@_shared
def isso(file: Path, **options: Any) -> None:
    """Move in from FILE, the SQLite database of Isso; it is opened for reading only."""
    _import("isso", lambda _: isso_database.records(file), file, **options)


@bring.command()
@_shared
@_collection("--stories", "The collection stories (in version 4: assets), for titles and addresses.")
@_collection("--users", "The collection users, for names.")
def coral(file: Path, stories: Path | None, users: Path | None, **options: Any) -> None:
    """Move in from FILE, Coral's collection comments as mongoexport writes it."""
    with closing(coral_collections.Names()) as names:
        for kind, path in (("story", stories), ("user", users)):
            if path is not None:
                with opened(path) as stream:
                    names.read(kind, stream)
        _import("coral", partial(coral_collections.records, names=names), file, **options)


@bring.command("csv")
@_shared
@_ignore_unknown
def from_csv(file: Path, ignore_unknown: bool, **options: Any) -> None:
    """Move in from FILE, CSV with the columns of docs/moving.md."""
    _import("csv", partial(lines.from_csv, ignore_unknown=ignore_unknown), file, **options)


@bring.command("jsonl")
@_shared
@_ignore_unknown
def from_json_lines(file: Path, ignore_unknown: bool, **options: Any) -> None:
    """Move in from FILE, JSON Lines as `export` writes them."""
    _import("jsonl", partial(lines.from_json_lines, ignore_unknown=ignore_unknown), file, **options)


def _import(
    name: str, read: Reader, file: Path, *, site_name: str | None, dry_run: bool, decisions: bool, no_score: bool,
    as_json: bool,
) -> None:  # fmt: skip
    job = Job(Source(name, decisions), score=not (no_score or dry_run), dry_run=dry_run)
    with open_session(writes=not dry_run) as session, opened(file) as stream:
        report = bring_in(session, the_site(session, site_name), job, read(stream))
    if as_json:
        click.echo(json.dumps(asdict(report) | {"dry_run": dry_run}, ensure_ascii=False))
    else:
        _tell(report, dry_run)
    if report.broken:
        before = "would be" if dry_run else "is"
        raise ReplydeskError(f"{report.broken} What came before it {before} stored; run it again with a whole file.")
    if report.wrong:
        raise ReplydeskError(f"{report.wrong} of {report.read} records were skipped as wrong.")


def _tell(report: Report, dry_run: bool) -> None:
    click.echo(
        f"{report.read} read, {report.stored} {'would be ' if dry_run else ''}stored, {report.there} already there"
    )
    tell_skipped(report)
    sentences = {
        "reattached": "replies came before what they answer and were hung on it",
        "parent_missing": "replies answer what is not in the file and stand at the top",
        "parent_elsewhere": "replies answer a comment of another post and stand at the top",
        "cycles_broken": "replies answered each other in a circle, which was opened",
    }
    for key, count in asdict(report.threads).items():
        if count:
            click.echo(f"{count} {sentences[key]}")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--site", "site_name", help="The site; the only one by default.")
@click.option("--readers", "of_readers", is_flag=True, help="Readers' unlocks and subscriptions instead of comments.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", help="jsonl (default) or csv.")
@click.option(
    "--for-spreadsheets", is_flag=True, help="CSV whose cells no spreadsheet takes for formulas; not to be imported."
)
def export(file: Path | None, site_name: str | None, of_readers: bool, form: str, for_spreadsheets: bool) -> None:
    """Write every comment of a site to FILE or standard output, as `import` reads them.

    With `--readers` what its readers hold, as `import readers --format jsonl` reads it.
    """
    write = _writer(of_readers, form, for_spreadsheets)
    if file is not None and file.exists():
        raise ReplydeskError(f"{file} exists already; name a new file.")
    with open_session() as session:
        site = the_site(session, site_name)
        rows = engagement_leaving.rows(session, site) if of_readers else leaving.rows(session, site)
        if file is None:
            count = write(rows, sys.stdout)
        else:
            part = file.with_name(f"{file.name}.part")
            with part.open("w", encoding="utf-8", newline="") as stream:
                count = write(rows, stream)
            part.replace(file)
    click.echo(f"{count} {'readers' if of_readers else 'comments'}.", err=True)


def _writer(of_readers: bool, form: str, guarded: bool) -> Callable[[Iterator[dict[str, Any]], IO[str]], int]:
    if guarded and form != "csv":
        raise click.UsageError("--for-spreadsheets goes with --format csv.")
    if of_readers and form == "csv":
        raise click.UsageError("What readers hold is written as JSON Lines only.")
    return partial(_write_csv, guarded=guarded) if form == "csv" else _write


def _write(rows: Iterator[dict[str, Any]], stream: IO[str]) -> int:
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 -- the last one is the answer
        stream.write(json.dumps(row, ensure_ascii=False).translate(_LINE_ENDS) + "\n")
    return count


def _write_csv(rows: Iterator[dict[str, Any]], stream: IO[str], *, guarded: bool) -> int:
    """RFC 4180 under a header of every column that CSV has; ``guarded`` puts ``'`` before what might be a formula."""
    if isinstance(stream, io.TextIOWrapper):
        # Line ends inside of texts go out as they are.
        stream.reconfigure(newline="")
    names = [name for name in COLUMNS if name not in _NOT_OF_CSV]
    writer, count = csv.writer(stream), 0
    writer.writerow(names)
    for count, row in enumerate(rows, 1):  # noqa: B007 -- the last one is the answer
        cells = [row.get(name) or "" for name in names]
        writer.writerow([f"'{cell}" if cell[:1] in _FORMULA else cell for cell in cells] if guarded else cells)
    return count
