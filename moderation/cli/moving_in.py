"""How an import is run: batches, progress, transactions, and the report at the end."""

import gzip
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import click
import sqlalchemy as sa
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy.orm import Session

from classifiers import Classifier
from moderation.cli.database import on_terminal
from moderation.errors import ReplydeskError
from moderation.models import Site
from moderation.policy import Policy
from moderation.scoring import current, score_with
from moderation.services import policies
from moderation.services.comments import Scored
from moderation.services.moving.record import Record, Skipped
from moderation.services.moving.store import Source, new_ones, store
from moderation.services.moving.threads import Loose, Threads, reattach

BATCH = 500
FIRST = 20
SHOWN = 5
_LINE_EVERY = 10_000
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Job:
    """What is asked for."""

    source: Source
    score: bool
    dry_run: bool


@dataclass
class Counts:
    """What became of the records; ``skipped`` by reason: how many, and where the first ones stand."""

    read: int = 0
    stored: int = 0
    there: int = 0
    wrong: int = 0
    skipped: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Why the file could not be read to its end.
    broken: str = ""

    def skip(self, one: Skipped) -> None:
        found = self.skipped.setdefault(one.reason, {"count": 0, "first": []})
        found["count"] += 1
        self.wrong += not one.meant
        if len(found["first"]) < FIRST:
            found["first"].append({"where": one.where, "detail": one.detail})


@dataclass
class Report(Counts):
    """What became of comments."""

    threads: Threads = field(default_factory=Threads)


def bring_in(session: Session, site: Site, job: Job, found: Iterable[Record | Skipped]) -> Report:
    """Store what is found, a transaction a batch; a dry run does the same to a copy that is thrown away."""
    policy, classifier = policies.in_force(session, site), _classifier() if job.score else None
    session.rollback()
    if not job.dry_run:
        return _Import(session, site, policy, job, classifier).run(found)
    with thrown_away(session) as copy:
        return _Import(copy, site, policy, job, classifier).run(found)


def _classifier() -> Classifier:
    classifier = current().classifier()
    if classifier is None:
        raise ReplydeskError(f"No model is loaded: {current().fault} Import with --no-score to score later.")
    return classifier


def tell_skipped(report: Counts) -> None:
    for reason, found in report.skipped.items():
        places = "; ".join(f"{one['where']} {one['detail']}" for one in found["first"][:SHOWN])
        more = f" and {found['count'] - SHOWN} more" if found["count"] > SHOWN else ""
        click.echo(f"skipped as {reason}: {found['count']} ({places}{more})")


@contextmanager
def thrown_away(session: Session) -> Iterator[Session]:
    """A session on a copy of the database, so that a dry run counts exactly and locks nobody out.

    On PostgreSQL it is a transaction that is rolled back: that locks nobody out either.
    """
    engine = session.get_bind()
    if engine.dialect.name != "sqlite":
        with Session(engine, join_transaction_mode="rollback_only") as trial:
            yield trial
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.db"
        with closing(sqlite.connect(engine.url.database)) as live, closing(sqlite.connect(path)) as copy:  # type: ignore[union-attr]  # an Engine
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=OFF")
        twin = sa.create_engine(f"sqlite:///{path}", module=sqlite)
        with Session(twin, expire_on_commit=False) as trial:
            yield trial
        twin.dispose()


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is gzipped."""
    with file.open("rb") as plain:
        packed = plain.read(2) == _GZIP
        plain.seek(0)
        if not packed:
            yield plain
            return
        with gzip.open(plain) as unpacked:
            yield unpacked  # type: ignore[misc]  # a GzipFile is an IO[bytes]


class Run:
    """An import under way: batches, each kept when it is stored, and progress."""

    report: Counts

    def __init__(self, session: Session, site: Site, *, dry_run: bool) -> None:
        self.session, self.site, self.dry_run = session, site, dry_run
        self.started = time.monotonic()
        self._told = 0

    def _batches(self, found: Iterator[Any]) -> Iterator[list[Any]]:
        """Batches; where the file breaks off, what came before is still one."""
        batch: list[Any] = []
        try:
            for one in found:
                batch.append(one)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        except ReplydeskError as error:
            if not batch and not self.report.read:
                raise
            self.report.broken = error.detail
        except (EOFError, OSError, zlib.error) as error:
            self.report.broken = f"The file cannot be read on: {error}."
        if batch:
            yield batch

    def _keep(self) -> None:
        if self.dry_run and self.session.get_bind().dialect.name != "sqlite":
            self.session.flush()
        else:
            self.session.commit()
        self.session.expunge_all()

    def _show(self, *, last: bool = False) -> None:
        rate = self.report.read / max(time.monotonic() - self.started, 1e-6)
        line = f"{self.report.read} read, {self.report.stored} stored, {rate:,.0f} a second"
        if on_terminal():
            click.echo(f"\r{line} ", nl=last, err=True)
        elif last or self.report.read - self._told >= _LINE_EVERY:
            self._told = self.report.read
            click.echo(line, err=True)


class _Import(Run):
    report: Report

    def __init__(self, session: Session, site: Site, policy: Policy, job: Job, classifier: Classifier | None) -> None:
        super().__init__(session, site, dry_run=job.dry_run)
        self.policy, self.job, self.classifier = policy, job, classifier
        self.report, self.loose = Report(), Loose()

    def run(self, found: Iterable[Record | Skipped]) -> Report:
        try:
            for batch in self._batches(iter(found)):
                self._store(batch)
                self._show()
            for pairs in self.loose.batches():
                reattach(self.session, self.site, pairs, self.report.threads)
                self._keep()
        finally:
            self.loose.close()
        self._show(last=True)
        return self.report

    def _store(self, batch: list[Record | Skipped]) -> None:
        for one in batch:
            if isinstance(one, Skipped):
                self.report.skip(one)
        records = [one for one in batch if isinstance(one, Record)]
        scores = self._scores(records)
        work = partial(store, self.session, self.site, self.policy, self.job.source, records, scores)
        try:
            done = work()
            self._keep()
        except sa.exc.IntegrityError:
            # The site sent one of them itself at this very moment: it is seen now.
            self.session.rollback()
            done = work()
            self._keep()
        for one in done.skipped:
            self.report.skip(one)
        self.loose.add(done.loose)
        self.report.read += len(batch)
        self.report.stored += done.stored
        self.report.there += done.there

    def _scores(self, records: list[Record]) -> Mapping[str, Scored]:
        """Scores of the new ones; nobody is locked out meanwhile."""
        if self.classifier is None:
            return {}
        # What was taken down keeps the scores of its lost text.
        texts = [record for record in records if record.deleted_at is None]
        fresh = new_ones(self.session, self.site, texts)
        self.session.rollback()
        if not fresh:
            return {}
        scored = score_with(self.classifier, [record.text for record in fresh])
        if scored is None:
            raise ReplydeskError(f"The model {self.classifier.version} failed at {fresh[0].where} or soon after.")
        return {record.external_id: one for record, one in zip(fresh, scored, strict=True)}
