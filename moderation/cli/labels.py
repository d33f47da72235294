"""``replydesk labels``: people's decisions as training rows."""

import csv
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from moderation.cli.database import open_session
from moderation.policy import LABELS
from moderation.services import labels as decisions
from moderation.services import sites
from moderation.services.labels import LabelledRow

_COLUMNS = ("comment_id", "decision_id", "site", "actor", "decided_at", "text", *LABELS, "weight", "source")


class Moment(click.ParamType[datetime]):
    """A day or an RFC 3339 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-24 or 2026-11-24T09:00:00Z.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.group()
def labels() -> None:
    """People's decisions as training rows."""


@labels.command()
@click.option("--site", "site_name", help="Only this site's decisions; by default those of all sites.")
@click.option("--since", type=Moment(), help="Only decisions from this day or time on.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
def export(site_name: str | None, since: datetime | None, form: str) -> None:
    """Write the standing decision of each comment, and feedback from outside, to standard output, with provenance.

    Label columns hold 1 or 0; empty where the decision says nothing of that label.
    """
    with open_session() as session:
        site = sites.by_name(session, site_name) if site_name else None
        rows = decisions.from_decisions(session, site=site, since=since)
    if form == "csv":
        _write_csv(rows)
    else:
        _write_json(rows)
    click.echo(f"{len(rows)} rows.", err=True)


def _write_csv(rows: Iterable[LabelledRow]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        labelled = [_number(row.labels.get(label)) for label in LABELS]
        facts = [row.comment_id, row.decision_id, row.site, row.actor, _iso(row.decided_at), row.text]
        writer.writerow([*facts, *labelled, f"{row.weight:g}", row.source])


def _write_json(rows: Iterable[LabelledRow]) -> None:
    for row in rows:
        click.echo(json.dumps(vars(row) | {"decided_at": _iso(row.decided_at)}, ensure_ascii=False))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
