"""``replydesk train`` and ``replydesk evaluate``: data to a model directory, and how good one is.

This module alone, of all commands, brings scikit-learn in; it is imported when one of the two is called.
"""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from classifiers import ArtifactError
from classifiers import data as datasets
from classifiers import evaluate as evaluation
from classifiers import train as training
from classifiers.data import DataError, TrainingRow
from moderation.cli.database import on_terminal, open_session
from moderation.cli.model_files import load_model, resolve_model
from moderation.errors import ReplydeskError
from moderation.services import labels, sites

_data = click.option(
    "--data", "sources", multiple=True, type=click.Path(exists=True, path_type=Path),
    help="Labelled CSV files (.csv, .csv.gz) or folders of them; may be repeated.",
)  # fmt: skip


@click.command()
@_data
@click.argument("more", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--from-decisions", is_flag=True, help="Learn from people's decisions on this installation.")
@click.option("--site", "site_name", help="With --from-decisions: only this site's.")
@click.option("--base", help="Start from this model (a version or a directory) instead of from nothing.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same data and seed, same bytes.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The model directory to write.")
def train(
    sources: tuple[Path, ...], more: tuple[Path, ...], from_decisions: bool, site_name: str | None,
    base: str | None, seed: int, out: Path,
) -> None:  # fmt: skip
    """Train a model from labelled data, from decisions, or both.

    With --from-decisions and no --data the model that decides now is taken further: that needs no other data
    and takes seconds.
    """
    data = [*sources, *more]
    if not data and not from_decisions:
        raise click.UsageError("Say what to learn from: --data DIR_OR_FILE, --from-decisions, or both.")
    rows = _decided(site_name) if from_decisions else []
    start = resolve_model(base) if base or not data else None
    progress, began = Progress(), time.monotonic()
    with _alone(out):
        try:
            manifest = training.train(data, out, seed=seed, extra_rows=rows, base=start, progress=progress)
        except (ArtifactError, DataError) as error:
            raise ReplydeskError(str(error)) from None
    progress.end()
    click.echo(f"The model {manifest['version']} is in {out}, after {time.monotonic() - began:.0f} s.")
    click.echo(f"Compare it: replydesk evaluate {out} --data FILE --against ACTIVE", err=True)


@click.command()
@click.argument("model")
@_data
@click.argument("more", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--label", help="Only this label.")
@click.option("--slices", is_flag=True, help="Also by slice and identity group of the rows.")
@click.option("--against", help="Another model to measure on the same rows: a version, a directory or ACTIVE.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def evaluate(
    model: str, sources: tuple[Path, ...], more: tuple[Path, ...], label: str | None, slices: bool,
    against: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure MODEL (a version, a directory or ACTIVE) on labelled rows.

    For each label: AUC, average precision, calibration error, precision and recall at the thresholds in use.
    """
    rows = _labelled([*sources, *more])
    classifier = load_model(resolve_model(model))
    reports = [evaluation.evaluate(classifier, rows, label=label, slices=slices)]
    if against:
        other = load_model(resolve_model(against))
        reports.append(evaluation.evaluate(other, rows, label=label, slices=slices))
    if as_json:
        click.echo(json.dumps(reports[0] if not against else {"model": reports[0], "against": reports[1]}, indent=2))
        return
    click.echo("\n\n".join(map(evaluation.as_text, reports)))


def _labelled(paths: list[Path]) -> list[TrainingRow]:
    if not paths:
        raise click.UsageError("Say what to measure on: --data FILE.")
    try:
        return list(datasets.load(paths))
    except DataError as error:
        raise ReplydeskError(str(error)) from None


def _decided(site_name: str | None) -> list[TrainingRow]:
    with open_session() as session:
        site = sites.by_name(session, site_name) if site_name else None
        rows = labels.from_decisions(session, site=site)
    if not rows:
        raise ReplydeskError(
            "Nobody has decided anything that says something of a label, so there is nothing to learn."
        )
    return [TrainingRow(row.text, dict(row.labels), row.weight, f"decision:{row.decision_id}") for row in rows]


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the place for one training; the lock dies with the process, so a killed one leaves none behind."""
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    lock = out.absolute().parent / f".{out.name}.training"
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ReplydeskError(f"Another training is writing {out} just now.") from None
        try:
            if out.exists():
                raise ReplydeskError(f"{out} exists already; name another directory, or remove it first.")
            yield
        finally:
            lock.unlink(missing_ok=True)


class Progress:
    """A bar with the time left on a terminal, a plain line for each stage elsewhere."""

    WIDTH = 30

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._what = ""
        self._drawn = False

    def __call__(self, done: int, total: int, what: str) -> None:
        if not on_terminal():
            if what != self._what:
                click.echo(what, err=True)
            self._what = what
            return
        if what != self._what:
            self.end()
            self._what, self._started = what, time.monotonic()
        share = done / total if total else 1.0
        left = (time.monotonic() - self._started) * (1 - share) / share if share else 0.0
        bar = "#" * round(self.WIDTH * share)
        click.echo(f"\r{what:28.28} [{bar:{self.WIDTH}}] {share:4.0%} {left:4.0f} s left ", err=True, nl=False)
        self._drawn = True

    def end(self) -> None:
        if self._drawn:
            click.echo(err=True)
        self._drawn = False
