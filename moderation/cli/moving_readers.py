"""``replydesk import readers``: unlocks and subscriptions of another system's readers, into the ledger."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.cli.database import open_session, the_site
from moderation.cli.moving_in import Counts, Run, opened, tell_skipped, thrown_away
from moderation.errors import ReplydeskError
from moderation.models import Site
from moderation.services.moving import engagement_jnews, engagement_leaky, engagement_store, engagement_table
from moderation.services.moving.engagement_books import Plans
from moderation.services.moving.engagement_record import Holding
from moderation.services.moving.engagement_store import COUNTED, Batch, Source
from moderation.services.moving.lines import Form, rows_of_csv, rows_of_json_lines
from moderation.services.moving.record import Skipped

FORMATS = ("csv", "jsonl", "jnews", "leaky-paywall")
OWN = Form(engagement_table.COLUMNS, ("reader_id",), engagement_table.holding, json_only="grants")
Found = Iterator[Holding | Skipped]


def _sums() -> dict[str, dict[str, int]]:
    return {name: dict.fromkeys(COUNTED, 0) for name in ("in_file", "in_ledger", "left_out")}


@dataclass
class ReadersReport(Counts):
    """What became of readers; ``totals``: what the file has, what the ledger says of it, what was left out."""

    totals: dict[str, dict[str, int]] = field(default_factory=_sums)
    # Events of the payment provider that waited for one of these readers, and were applied.
    woken: int = 0


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--site", "site_name", help="The site; the only one by default.")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="What FILE is; see docs/moving.md.")
@click.option(
    "--plan", "plans", multiple=True, metavar="[LEVEL=]PLAN",
    help="The plan here for the source's LEVEL; without LEVEL for all others. May be repeated.",
)  # fmt: skip
@click.option("--reader-prefix", default="wp:", show_default=True, help="Before a number of WordPress's users.")
@click.option("--prefix", help="Of a WordPress network: the one blog whose keys count, such as wp_2_.")
@click.option("--ignore-unknown", is_flag=True, help="Pass over columns that are not known.")
@click.option("--events", is_flag=True, help="Tell the site's endpoints of each reader; by default nobody is told.")
@click.option("--dry-run", is_flag=True, help="Tell what would be stored; nothing changes.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON.")
def readers(
    file: Path, site_name: str | None, form: str, plans: Sequence[str], reader_prefix: str, prefix: str | None,
    ignore_unknown: bool, events: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Move in what readers hold: units left, open posts, subscriptions. A second run changes nothing."""
    # One name for both of our own forms: the same reader in either is the same reader.
    own = form in ("csv", "jsonl")
    source = Source("readers" if own else form, _plans(plans, own_names=own), events)
    read = _reading(form, reader_prefix, prefix, ignore_unknown)
    with open_session(writes=not dry_run) as session, opened(file) as stream:
        report = _bring_in(session, the_site(session, site_name), source, read(stream), dry_run=dry_run)
    wrong = engagement_store.disagreements(report.totals)
    if as_json:
        click.echo(json.dumps(asdict(report) | {"disagreements": wrong, "dry_run": dry_run}, ensure_ascii=False))
    else:
        _tell(report, dry_run)
    _end(report, wrong)


def _plans(words: Sequence[str], *, own_names: bool) -> Plans:
    named = dict(word.split("=", 1) for word in words if "=" in word)
    others = [word for word in words if "=" not in word]
    if len(others) > 1:
        raise click.UsageError("Only one --plan may stand without a LEVEL.")
    translated = {level.strip(): plan.strip() for level, plan in named.items()}
    return Plans(translated, others[0] if others else None, own_names)


def _reading(form: str, reader_prefix: str, blog: str | None, ignore_unknown: bool) -> Callable[[IO[bytes]], Found]:
    if form == "csv":
        return partial(rows_of_csv, form=OWN, ignore_unknown=ignore_unknown)
    if form == "jsonl":
        return partial(rows_of_json_lines, form=OWN, ignore_unknown=ignore_unknown)
    if form == "jnews":
        return partial(engagement_jnews.holdings, reader_prefix=reader_prefix, blog=blog)
    return partial(engagement_leaky.holdings, reader_prefix=reader_prefix)


def _bring_in(session: Session, site: Site, source: Source, found: Found, *, dry_run: bool) -> ReadersReport:
    source.plans.check(session, site)
    session.rollback()
    if not dry_run:
        return _Import(session, site, source, dry_run=False).run(found)
    with thrown_away(session) as copy:
        return _Import(copy, site, source, dry_run=True).run(found)


class _Import(Run):
    report: ReadersReport

    def __init__(self, session: Session, site: Site, source: Source, *, dry_run: bool) -> None:
        super().__init__(session, site, dry_run=dry_run)
        self.source, self.report = source, ReadersReport()

    def run(self, found: Iterable[Holding | Skipped]) -> ReadersReport:
        with closing(sqlite3.connect("", isolation_level=None)) as seen:
            seen.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, at TEXT)")
            for batch in self._batches(iter(found)):
                self._store([self._once(seen, one) for one in batch])
                self._show()
        self._show(last=True)
        return self.report

    def _once(self, seen: sqlite3.Connection, one: Holding | Skipped) -> Holding | Skipped:
        """The holding, unless the file has named its reader before."""
        if isinstance(one, Skipped):
            return one
        for id in {f"reader {one.reader_id}", f"source {one.source_id}"}:
            if seen.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (id, one.where)).rowcount == 0:
                [at] = seen.execute("SELECT at FROM seen WHERE id = ?", (id,)).fetchone()
                return Skipped(one.where, "twice", f"names the reader of {at} again")
        return one

    def _store(self, batch: list[Holding | Skipped]) -> None:
        for one in batch:
            if isinstance(one, Skipped):
                self.report.skip(one)
        holdings = [one for one in batch if isinstance(one, Holding)]
        work = partial(engagement_store.store, self.session, self.site, self.source, holdings)
        try:
            done = work(first=not self.report.stored)
            self._keep()
        except sa.exc.IntegrityError:
            # The site, or its payment provider, wrote one of them at this very moment: it is seen now.
            self.session.rollback()
            done = work(first=not self.report.stored)
            self._keep()
        self._count(batch, done)
        if any(one.customer or one.subscription for one in holdings):
            # Apart, because a provider's events hold its account first and the readers' after that.
            self.report.woken += engagement_store.wake(self.session, self.site, self.source, holdings)
            self._keep()

    def _count(self, batch: list[Holding | Skipped], done: Batch) -> None:
        for one in done.skipped:
            self.report.skip(one)
        self.report.read += len(batch)
        self.report.stored += done.stored
        self.report.there += done.there
        for name, sums in self.report.totals.items():
            for what, number in getattr(done, name).items():
                sums[what] += number


def _tell(report: ReadersReport, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    click.echo(f"{report.read} read, {report.stored} {would}stored, {report.there} already there")
    in_file, in_ledger, left_out = (report.totals[name] for name in ("in_file", "in_ledger", "left_out"))
    for what in COUNTED:
        rest = f" + {left_out[what]:,} left out" if left_out[what] else ""
        same = "=" if in_file[what] == in_ledger[what] + left_out[what] else "IS NOT"
        click.echo(f"{what} in file {in_file[what]:,} {same} {what} in ledger {in_ledger[what]:,}{rest}")
    if report.woken:
        click.echo(f"{report.woken} events of the payment provider had waited for these readers and were applied")
    tell_skipped(report)


def _end(report: ReadersReport, wrong: Sequence[str]) -> None:
    if report.broken:
        raise ReplydeskError(f"{report.broken} What came before it was read; run it again with a whole file.")
    if wrong:
        raise ReplydeskError(f"The sums do not agree. {' '.join(wrong)}")
    if report.wrong:
        raise ReplydeskError(f"{report.wrong} of {report.read} readers were skipped as wrong.")
