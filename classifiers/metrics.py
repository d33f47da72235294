"""How good scores are: figures over arrays, with NumPy alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers.base import LABELS
from classifiers.corpus import Corpus

_HALF = 0.5
_BINS = 15
_FEWEST_OF_A_CLASS = 5


def auc(scores: NDArray[np.float64], bad: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve: how often a bad row scores above a good one, ties as one half."""
    return auc_of_counts(*class_counts(scores, bad, np.ones(len(scores))))


def class_counts(
    scores: NDArray[np.float64], bad: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weight of bad and of good rows at each distinct score, ascending."""
    _, at = np.unique(scores, return_inverse=True)
    size = int(at.max(initial=-1)) + 1
    counts = (np.bincount(at[part], weights[part], size).astype(np.float64) for part in (bad, ~bad))
    return next(counts), next(counts)


def auc_of_counts(bad: NDArray[np.float64], good: NDArray[np.float64]) -> float:
    """Return the AUC from weights by ascending score; NaN where a class is missing."""
    total = bad.sum() * good.sum()
    below = np.cumsum(good) - good
    return float((bad * (below + good / 2)).sum() / total) if total else float("nan")


def precision_of_counts(bad: NDArray[np.float64], good: NDArray[np.float64]) -> float:
    """Return the average precision from weights by ascending score; NaN without a bad row."""
    right = np.cumsum(bad[::-1])
    above = right + np.cumsum(good[::-1])
    if not len(right) or not right[-1]:
        return float("nan")
    precision = right / np.maximum(above, 1e-12)
    return float((precision * bad[::-1]).sum() / right[-1])


def calibration_error(scores: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """Return the expected calibration error over bins of equal width (Naeini et al. 2015)."""
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, scores - targets, _BINS)
    return float(np.abs(gaps).sum() / len(scores)) if len(scores) else float("nan")


def at_line(scores: NDArray[np.float64], bad: NDArray[np.bool_], line: float) -> dict[str, float | None]:
    """Return precision and recall of "at or above this line"; None where there is nothing to divide by."""
    above = scores >= line
    right = int((above & bad).sum())
    return {
        "line": line,
        "precision": round(right / int(above.sum()), 4) if above.any() else None,
        "recall": round(right / int(bad.sum()), 4) if bad.any() else None,
    }


def held_out(kept: Corpus, scores: NDArray[np.float64]) -> dict[str, Any]:
    """Return the AUC of each label on the held-out rows, of all sets and of each set that has both classes."""
    sources = np.array(kept.sources, dtype=str)
    found: dict[str, Any] = {}
    for i, label in enumerate(LABELS):
        by_set = {"all": kept.known[:, i]}
        by_set |= {str(name): kept.known[:, i] & (sources == name) for name in np.unique(sources)}
        rows = {name: _auc_of(scores[:, i], kept.targets[:, i], chosen) for name, chosen in by_set.items()}
        found[label] = {name: row for name, row in rows.items() if row}
    return found


def _auc_of(
    scores: NDArray[np.float64], targets: NDArray[np.float32], chosen: NDArray[np.bool_]
) -> dict[str, float] | None:
    bad = targets[chosen] >= _HALF
    if min(int(bad.sum()), int((~bad).sum())) < _FEWEST_OF_A_CLASS:
        return None
    return {"auc": round(auc(scores[chosen], bad), 4), "rows": len(bad), "positives": int(bad.sum())}
