"""From labelled rows to a model directory; the same rows and seed give the same bytes.

``train`` learns from nothing or, with ``base``, takes a model further with new rows alone. Rows of extra
decisions are never held out and count more than rows of data sets, which are many.
"""

import fcntl
import platform
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from classifiers import adapt, artifact, calibrate, corpus, metrics, recipe, solver, thresholds
from classifiers.artifact import ArtifactError
from classifiers.base import LABELS
from classifiers.corpus import Corpus, Progress
from classifiers.data import DataError, TrainingRow

L2 = 0.2
ITERATIONS = 60
# What a decision of the site weighs beside a row of a data set.
DECISION_WEIGHT = 10.0
_SPAM = LABELS.index("spam")
# A label without held-out rows gets careful lines: half sure is queued, nine in ten rejected.
_CAREFUL = {"publish_below": 0.5, "reject_above": 0.9}


def train(
    sources: Sequence[Path],
    out: Path,
    *,
    seed: int = 0,
    extra_rows: Iterable[TrainingRow] = (),
    base: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a model directory to ``out``, which must not exist, and return its manifest.

    ``sources`` are files and folders of labelled data, ``extra_rows`` the decisions of a site. Without ``base``
    all is learnt from both; with it that model is taken further with both, and needs no other data. ``progress``
    is called with what is done, how much there is, and the name of the stage. Raises ``DataError`` where there is
    nothing to learn from, ``ArtifactError`` where ``base`` or ``out`` cannot be used.
    """
    tell = progress or (lambda _done, _total, _what: None)
    decisions = list(extra_rows)
    rows = corpus.read(sources) if sources else []
    if not any(row.labels for row in [*rows, *decisions]):
        raise DataError("There is no row with a label, so there is nothing to learn.")
    # Sums over several threads would come out in another order each time.
    blobs: dict[str, bytes] = {}
    with _alone(out), threadpool_limits(limits=1):
        if base is None:
            arrays, manifest = _from_nothing(rows, decisions, seed, tell)
        else:
            arrays, manifest = adapt.further(base, [*rows, *decisions], tell)
            blobs = artifact.read_encoder(base, artifact.read_manifest(base))
        manifest |= {
            "name": "two tiers" if blobs else "linear",
            "seed": seed,
            "data": _data_card([*rows, *decisions], manifest.get("data")),
            "libraries": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scipy": scipy.__version__,
            },
            "commit": _commit(),
        }
        return artifact.save(out, arrays, manifest, blobs)


def _from_nothing(
    rows: Sequence[TrainingRow], decisions: Sequence[TrainingRow], seed: int, tell: Progress
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    weighted = [replace(row, weight=row.weight * DECISION_WEIGHT) for row in decisions]
    held = np.concatenate([corpus.held_out(rows, seed), np.zeros(len(weighted), dtype=bool)])
    everything = corpus.build([*rows, *weighted], tell)
    learnt, kept = everything.part(~held), everything.part(held)
    count = len(learnt.sources)
    frequency = artifact.frequency_of(corpus.occurrences(learnt.hits))
    values = artifact.values_of(frequency, count)
    found = _solve(learnt, values, tell)
    weights = found.weights.astype(np.float16)
    logits = corpus.scaled(kept.hits, values) @ weights.astype(np.float32) + found.bias
    calibration, lines = _calibrated(kept, np.asarray(logits, dtype=np.float64), found.bias)
    manifest = {
        "rows": count,
        "calibration": calibration,
        "thresholds": lines,
        "metrics": metrics.held_out(kept, _sound(np.asarray(logits), calibration)),
    }
    return {artifact.WEIGHTS: weights, artifact.FREQUENCY: frequency}, manifest


def _solve(learnt: Corpus, values: NDArray[np.float32], tell: Progress) -> solver.Solution:
    """Learn each label by itself, from the rows that know it."""
    rows = corpus.scaled(learnt.hits, values)
    found: list[solver.Solution] = []
    for i in range(len(LABELS)):
        problem = _problem(learnt, rows, i)

        def step(done: int, before: int = i * ITERATIONS) -> None:
            tell(before + done, len(LABELS) * ITERATIONS, "learning")

        found.append(solver.fit(problem, l2=L2, iterations=ITERATIONS, step=step))
    return solver.Solution(
        np.concatenate([one.weights for one in found], axis=1),
        np.concatenate([one.bias for one in found]),
        max(one.iterations for one in found),
    )


def _problem(learnt: Corpus, rows: sparse.csr_matrix, label: int) -> solver.Problem:
    known = np.flatnonzero(learnt.known[:, label])
    sources = np.array(learnt.sources, dtype=str)[known]
    names, groups = np.unique(sources, return_inverse=True)
    far = np.array([recipe.source_of(str(name)).far for name in names], dtype=bool)
    return solver.Problem(
        rows=rows[known],
        targets=learnt.targets[known, label : label + 1],
        weights=learnt.weights[known, None],
        groups=groups,
        # Some sets are spam throughout: an offset of their own would leave nothing for their words to explain.
        grouped=np.array([label != _SPAM]),
        # Spam has so few rows that every register is needed; apart, its held-out AUC fell.
        far=far[groups] & (label != _SPAM),
    )


def _calibrated(
    kept: Corpus, logits: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Return calibration and lines of each label."""
    stream = corpus.stream_weights(kept)
    calibration: dict[str, Any] = {}
    lines: dict[str, dict[str, float]] = {}
    for i, label in enumerate(LABELS):
        known = kept.known[:, i] & (stream > 0)
        targets, weights = kept.targets[known, i].astype(np.float64), stream[known]
        curve = calibrate.fit(logits[known, i], targets, weights)
        calibration[label] = {"bias": float(bias[i]), "raw": curve.raw, "calibrated": curve.calibrated}
        scores = 1 / (1 + np.exp(-np.interp(logits[known, i], curve.raw, curve.calibrated)))
        lines[label] = thresholds.derive(scores, targets, weights) if known.any() else dict(_CAREFUL)
    return calibration, lines


def _sound(logits: NDArray[np.float64], calibration: dict[str, Any]) -> NDArray[np.float64]:
    columns = [
        np.interp(logits[:, i], calibration[label]["raw"], calibration[label]["calibrated"])
        for i, label in enumerate(LABELS)
    ]
    return np.asarray(1 / (1 + np.exp(-np.stack(columns, axis=1))))


def _data_card(rows: Sequence[TrainingRow], before: Any) -> dict[str, Any]:
    """Say what was learnt from, set by set, and from what the base had learnt."""
    counts: dict[str, int] = {}
    for row in rows:
        name = row.source.partition(":")[0] or "rows"
        counts[name] = counts.get(name, 0) + 1
    sets = {name: {"rows": count, "licence": recipe.source_of(name).licence} for name, count in sorted(counts.items())}
    card: dict[str, Any] = {"sets": sets, "sha256": corpus.fingerprint(rows)}
    return card | ({"base": before} if before else {})


def _commit() -> str:
    """The commit that trained, where this runs from a checkout."""
    words = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 -- fixed words
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip()


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the place for one training; the lock dies with its process."""
    parent = out.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    lock = parent / f".{out.name}.lock"
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ArtifactError(f"Another training is writing {out} just now.") from None
        try:
            if out.exists():
                raise ArtifactError(f"{out} exists already; name another directory, or remove it first.")
            yield
        finally:
            lock.unlink(missing_ok=True)
