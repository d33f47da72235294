"""``replydesk models``: which versions there are, and which one decides."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from moderation import config
from moderation.cli.database import ACTOR, open_session, the_site
from moderation.cli.model_files import bundled_version, load_model, manifest_of, path_of, put_in_place
from moderation.models import ModelVersion, utc_now
from moderation.services import drift as service
from moderation.services import model_versions

_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
FOLDER = "models"


@click.group()
def models() -> None:
    """Model versions: list, show, promote, roll back."""


@models.command("list")
@_json
def list_versions(as_json: bool) -> None:
    """List every version, the one that decides marked."""
    with open_session() as session:
        rows = _rows(session)
    if as_json:
        click.echo(json.dumps({"items": rows}, indent=2))
        return
    width = max(len(row["version"]) for row in rows)
    for row in rows:
        mark, since = "*" if row["state"] == "active" else " ", row["promoted_at"] or "-"
        click.echo(f"{mark} {row['version']:{width}}  {row['state']:9}  {since:27}  {row['path']}")


@models.command()
@click.argument("version")
def show(version: str) -> None:
    """Show a version's manifest as JSON: where it comes from, its thresholds, its held-out scores."""
    with open_session() as session:
        path = path_of(session, version)
    click.echo(json.dumps(dict(manifest_of(path)), indent=2, ensure_ascii=False))


@models.command()
@click.argument("model")
@_json
def promote(model: str, as_json: bool) -> None:
    """Let MODEL decide: a version of the list, or a directory that `train` wrote.

    A directory is copied into the data folder and verified first. Running workers take the new model with
    their next request; no request is lost.
    """
    version = _take_in(Path(model)) if Path(model).is_dir() else model
    with open_session(writes=True) as session:
        bundled = bundled_version()
        target = None if version == bundled else version
        if target is not None:
            load_model(path_of(session, target))
        before = model_versions.promote(session, target, bundled=bundled, actor=ACTOR)
        session.commit()
    _tell(as_json, version, before)


@models.command()
@_json
def rollback(as_json: bool) -> None:
    """Go back to what decided before the active version was promoted."""
    with open_session(writes=True) as session:
        bundled = bundled_version()
        active = model_versions.active(session)
        if active is not None and active.replaced is not None:
            load_model(path_of(session, active.replaced))
        before = active.version if active else bundled
        after = model_versions.rollback(session, bundled=bundled, actor=ACTOR)
        session.commit()
    _tell(as_json, after, before)


@models.command()
@click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
@click.option("--weeks", type=click.IntRange(1, 52), default=8, show_default=True, help="How many weeks.")
@_json
def drift(site_name: str | None, weeks: int, as_json: bool) -> None:
    """Show week by week how far scores moved from the four weeks before, what was queued and what was overturned."""
    with open_session() as session:
        site = the_site(session, site_name)
        name, last = site.name, service.monday(utc_now())
        found = [service.measure(session, site.id, last - timedelta(weeks=back)) for back in range(weeks)]
    if as_json:
        click.echo(json.dumps({"site": name, "items": [service.as_dict(week) for week in found]}))
        return
    click.echo("week        replies  queued  overturned  moved most")
    for week in found:
        moved = f"{week.worst} {week.stability[week.worst]:.3f}" if week.worst else "too few to say"
        queued, turned = (f"{share:.1%}" if share is not None else "-" for share in (week.queued, week.overturned))
        click.echo(f"{week.week}  {week.comments:7}  {queued:>6}  {turned:>10}  {moved}")


@models.command()
@click.argument("version")
def shadow(version: str) -> None:
    """Not in this version: a model that scores beside the active one without deciding."""
    raise click.UsageError(
        "This version scores with the active model only. To see what another one would say, compare the two"
        " on decided comments: replydesk labels export > decided.csv, then"
        f" replydesk evaluate {version} --data decided.csv --against ACTIVE."
    )


def _take_in(source: Path) -> str:
    """Copy a directory in and make its version known; a known one stays as it is."""
    folder = config.data_folder(config.load())
    version, place = put_in_place(source, folder / FOLDER)
    metrics = manifest_of(place).get("metrics", {})
    with open_session(writes=True) as session:
        model_versions.register(session, version=version, path=f"{FOLDER}/{place.name}", metrics=metrics)
        session.commit()
    return version


def _rows(session: Session) -> list[dict[str, Any]]:
    known = model_versions.everything(session)
    bundled_state = "retired" if any(row.state == "active" for row in known) else "active"
    bundled = {"version": bundled_version(), "state": bundled_state, "promoted_at": None, "path": "bundled"}
    return [bundled, *map(_row, known)]


def _row(row: ModelVersion) -> dict[str, Any]:
    return {
        "version": row.version,
        "state": row.state,
        "promoted_at": _iso(row.promoted_at),
        "path": row.path,
        "replaced": row.replaced,
        "created_at": _iso(row.created_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _tell(as_json: bool, after: str, before: str) -> None:
    if as_json:
        click.echo(json.dumps({"active": after, "before": before}))
    else:
        click.echo(f"The model {after} decides now; before it, {before} did.")
