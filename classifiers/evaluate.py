"""How good a classifier is on labelled rows: for each label, with intervals, and by slice."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import metrics
from classifiers.base import LABELS, Classifier
from classifiers.data import DataError, TrainingRow

_HALF = 0.5
_BATCH_ROWS = 1_000
_RESAMPLES = 200
_INTERVAL = (2.5, 97.5)
_FEWEST_OF_A_SLICE = 20
# Lengths in characters: up to a sentence, up to a paragraph, longer.
_LENGTHS = (("short", 60), ("medium", 400), ("long", 10**9))

Lines = Mapping[str, Mapping[str, float]]


def evaluate(
    classifier: Classifier,
    rows: Iterable[TrainingRow],
    *,
    label: str | None = None,
    slices: bool = False,
    thresholds: Lines | None = None,
) -> dict[str, Any]:
    """Measure a classifier on rows; a share of one half or more counts as bad.

    ``labels`` of the answer holds, for each label that the rows have good and bad examples of: ``rows``,
    ``positives``, ``auc`` and ``average_precision`` with 95 % bootstrap intervals, ``calibration_error``, and
    precision and recall at or above each line of ``thresholds`` (default: the classifier's own). ``one_class``
    holds those of which all rows are good or all bad. With ``slices`` the same by length, identity group and
    source. Raises ``DataError`` where there is no row, or no label of this name.
    """
    known = list(rows)
    if not known:
        raise DataError("There is no labelled row to measure on.")
    if label is not None and label not in classifier.labels:
        raise DataError(f"There is no label “{label}”; the labels are {', '.join(classifier.labels)}.")
    lines = thresholds or getattr(classifier, "thresholds", {})
    scores = _scores(classifier, [row.text for row in known])
    wanted = [label] if label else list(classifier.labels)
    report = {
        "model": classifier.version,
        "rows": len(known),
        **_by_label(classifier, known, scores, wanted, lines),
    }
    if slices:
        report["slices"] = {
            name: {"rows": len(chosen)}
            | _by_label(classifier, [known[i] for i in chosen], scores[chosen], wanted, lines)
            for name, chosen in _slices(known)
            if len(chosen) >= _FEWEST_OF_A_SLICE
        }
    return report


def as_text(report: Mapping[str, Any]) -> str:
    """Return a report as a table for people."""
    head = f"Model {report['model']}, {report['rows']} rows. In brackets: 95 % bootstrap intervals."
    columns = (
        f"{'label':16}{'rows':>7}{'bad':>7}  {'AUC':22}{'average precision':22}{'ECE':>6}"
        f"  {'at the publish line':26}{'at the reject line':26}"
    )
    parts = [head, "", columns, *_lines_of(report)]
    for name, part in report.get("slices", {}).items():
        found = list(_lines_of(part))
        parts += ["", f"{name}, {part['rows']} rows", *found] if found else []
    return "\n".join(parts)


def _scores(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float64]:
    parts = [
        classifier.predict_proba(texts[first : first + _BATCH_ROWS]) for first in range(0, len(texts), _BATCH_ROWS)
    ]
    return np.concatenate(parts).astype(np.float64)


def _by_label(
    classifier: Classifier,
    rows: Sequence[TrainingRow],
    scores: NDArray[np.float64],
    wanted: Sequence[str],
    lines: Lines,
) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {"labels": {}, "one_class": {}}
    for label in wanted:
        known = [i for i, row in enumerate(rows) if label in row.labels]
        if not known:
            continue
        targets = np.array([rows[i].labels[label] for i in known])
        column = scores[known, classifier.labels.index(label)]
        part = "labels" if len(set((targets >= _HALF).tolist())) > 1 else "one_class"
        found[part][label] = _measured(column, targets, lines.get(label, {}))
    return found


def _measured(scores: NDArray[np.float64], targets: NDArray[np.float64], lines: Mapping[str, float]) -> dict[str, Any]:
    bad = targets >= _HALF
    ones = np.ones(len(scores))
    counts = metrics.class_counts(scores, bad, ones)
    figures: dict[str, Any] = {"rows": len(scores), "positives": int(bad.sum())}
    if bad.any() and not bad.all():
        intervals = _intervals(scores, bad)
        figures |= {
            "auc": round(metrics.auc_of_counts(*counts), 5),
            "auc_interval": intervals[0],
            "average_precision": round(metrics.precision_of_counts(*counts), 5),
            "average_precision_interval": intervals[1],
        }
    figures["calibration_error"] = round(metrics.calibration_error(scores, targets), 5)
    for name, line in lines.items():
        wrong = round(float((scores[~bad] >= line).mean()), 5) if not bad.all() else None
        figures[name] = {**metrics.at_line(scores, bad, line), "share_of_good": wrong}
    return figures


def _intervals(scores: NDArray[np.float64], bad: NDArray[np.bool_]) -> tuple[list[float], list[float]]:
    """Return 95 % intervals of AUC and average precision: rows drawn again with a fixed seed (Efron 1979)."""
    chance = np.random.default_rng(0)
    found = np.empty((_RESAMPLES, 2))
    for i in range(_RESAMPLES):
        weights = np.bincount(chance.integers(0, len(scores), len(scores)), minlength=len(scores))
        counts = metrics.class_counts(scores, bad, weights.astype(np.float64))
        found[i] = metrics.auc_of_counts(*counts), metrics.precision_of_counts(*counts)
    low, high = np.nanpercentile(found, _INTERVAL, axis=0) if np.isfinite(found).any() else np.full((2, 2), np.nan)
    return [round(float(low[0]), 5), round(float(high[0]), 5)], [
        round(float(low[1]), 5),
        round(float(high[1]), 5),
    ]


def _slices(rows: Sequence[TrainingRow]) -> Iterator[tuple[str, list[int]]]:
    low = 0
    for name, high in _LENGTHS:
        yield f"length: {name}", [i for i, row in enumerate(rows) if low <= len(row.text) < high]
        low = high
    for kind in ("group", "source"):
        names = sorted({getattr(row, kind) for row in rows} - {""})
        if kind == "group" or len(names) > 1:
            for name in names:
                yield f"{kind}: {name}", [i for i, row in enumerate(rows) if getattr(row, kind) == name]


def _lines_of(part: Mapping[str, Any]) -> Iterator[str]:
    for label in LABELS:
        figures = part["labels"].get(label) or part["one_class"].get(label)
        if figures is None:
            continue
        cells = [_with_interval(figures, name) for name in ("auc", "average_precision")]
        at = [_at(figures.get(name)) for name in ("publish_below", "reject_above")]
        yield (
            f"{label:16}{figures['rows']:>7}{figures['positives']:>7}  {cells[0]:22}{cells[1]:22}"
            f"{figures['calibration_error']:6.3f}  {at[0]:26}{at[1]:26}"
        ).rstrip()


def _with_interval(figures: Mapping[str, Any], name: str) -> str:
    if name not in figures:
        return "one class only"
    low, high = figures[f"{name}_interval"]
    return f"{figures[name]:.4f} [{low:.3f}, {high:.3f}]"


def _at(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return ""
    shown = ["-" if figures[name] is None else f"{figures[name]:.2f}" for name in ("precision", "recall")]
    return f"{figures['line']:.2f}: P {shown[0]} R {shown[1]}"
