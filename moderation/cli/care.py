"""``replydesk backup``, ``restore``, ``doctor``: care for what is stored."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from pysqlite3 import dbapi2 as sqlite

from classifiers import ArtifactError, bundled_path
from classifiers.artifact import load
from moderation import config
from moderation.cli.database import open_session
from moderation.db import SAFE_SQLITE
from moderation.errors import ReplydeskError, SettingError
from moderation.models import ModelVersion
from moderation.services import doctor as examination
from moderation.services.doctor import Finding

_PAGES_A_STEP = 256


def _sqlite_file() -> Path:
    url = sa.make_url(config.database_url(config.load()))
    if url.get_backend_name() != "sqlite" or not url.database:
        raise SettingError("The database is PostgreSQL: use pg_dump and pg_restore (docs/operations.md).")
    return Path(url.database)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Copy the database to FILE while the service runs, and check the copy.

    The copy is one consistent moment (SQLite's online backup). Models lie beside it in the data folder:
    copy those as files; their manifests prove them.
    """
    source = _sqlite_file()
    if not source.exists():
        raise SettingError(f"There is no database at {source}.")
    if file.exists():
        raise SettingError(f"{file} exists already; name a new file.")
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite.connect(source, timeout=30)) as live, closing(sqlite.connect(part)) as copy:
        live.backup(copy, pages=_PAGES_A_STEP)
        # A backup is one file: no write-ahead log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
        _check(copy, part)
    with part.open("rb+") as written:
        os.fsync(written.fileno())
    part.replace(file)
    click.echo(f"Backed up to {file} ({file.stat().st_size:,} bytes), checked.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace a database that is there; it is kept as *.replaced.")
def restore(file: Path, force: bool) -> None:
    """Put the backup FILE in the database's place. Stop the service first."""
    with closing(sqlite.connect(f"file:{file}?mode=ro", uri=True)) as copy:
        _check(copy, file)
    target = _sqlite_file()
    if target.exists():
        if not force:
            raise SettingError(f"There is a database at {target}; stop the service and add --force.")
        _refuse_while_open(target)
        target.replace(target.with_name(f"{target.name}.replaced"))
    for left in (f"{target.name}-wal", f"{target.name}-shm"):
        target.with_name(left).unlink(missing_ok=True)
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(file, part)
    with part.open("rb+") as written:
        os.fsync(written.fileno())
    part.replace(target)
    click.echo(f"Restored {file} to {target}. Now: replydesk migrate, replydesk doctor")


def _refuse_while_open(target: Path) -> None:
    """Whoever serves holds a read mark on the write-ahead log, so an exclusive lock cannot be had."""
    with closing(sqlite.connect(target, timeout=0.5, isolation_level=None)) as live:
        try:
            live.execute("PRAGMA locking_mode=EXCLUSIVE")
            live.execute("BEGIN EXCLUSIVE")
            live.execute("ROLLBACK")
        except sqlite.OperationalError:
            raise SettingError(f"{target} is in use; stop the service first.") from None


def _check(connection: Any, path: Path) -> None:
    try:
        [(answer,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite.DatabaseError as error:
        raise SettingError(f"{path} is not a whole database: {error}.") from None
    if answer != "ok":
        raise SettingError(f"{path} is damaged: {answer}.")
    if "comment" not in tables:
        raise SettingError(f"{path} is not a Replydesk database.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Look for what is broken: settings, SQLite, database, comments, outbox, ledger, models.

    Exit code 1 if anything is.
    """
    findings = [*_outside(), *_inside()]
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            click.echo(f"{'ok ' if not finding.faults else 'BAD'}  {finding.check}")
            for fault in finding.faults:
                click.echo(f"     {fault}")
    sys.exit(1 if any(finding.faults for finding in findings) else 0)


def _outside() -> Iterator[Finding]:
    yield Finding("settings", [])  # config.load() has stopped everything else
    old = sqlite.sqlite_version_info < SAFE_SQLITE
    yield Finding("sqlite", [f"SQLite {sqlite.sqlite_version} can corrupt a WAL database."] if old else [])
    yield Finding("bundled model", _model_faults(bundled_path()))


def _inside() -> Iterator[Finding]:
    try:
        with open_session() as session:
            yield from examination.examine(session)
            paths = session.scalars(sa.select(ModelVersion.path).where(ModelVersion.state == "active")).all()
        yield from (Finding("active model", _model_faults(Path(path))) for path in paths)
    except ReplydeskError as error:
        yield Finding("database", [error.detail])
    except sa.exc.DatabaseError as error:
        yield Finding("database", [f"The database cannot be read: {error.orig}. Restore a backup."])


def _model_faults(path: Path) -> list[str]:
    try:
        load(path)
    except ArtifactError as error:
        return [str(error)]
    return []
