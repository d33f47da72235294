"""Join a linear model and an encoder: ``python -m classifiers.combine --linear DIR --encoder DIR --out DIR DATA...``.

The combiner of each label, its calibration, the lines of the default policy and the band in which the encoder is
asked at all are fitted on the rows that neither tier was trained on (``corpus.held_out``). Needs no torch.
"""

import argparse
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from classifiers import artifact, calibrate, corpus, metrics, recipe, thresholds
from classifiers.base import LABELS
from classifiers.corpus import Corpus
from classifiers.data import TrainingRow
from classifiers.encoder import EncoderClassifier
from classifiers.two_tiers import calibrated

# Clean Wikipedia comments are many and alike: this share of them is enough, and counts for all.
_DRAWN: Mapping[str, float] = MappingProxyType({
    "jigsaw_any": 0.2,
    "davidson_tweets": 0.2,
    "email_spam": 0.1,
    "gab_hate_corpus": 0.3,
    "hatexplain": 0.5,
    "implicit_hate": 0.5,
    "politeness_requests": 0.3,
    "stormfront": 0.5,
    "web_form_spam": 0.5,
})  # fmt: skip
_HALF = 0.5
_L2 = 1.0
# How much a row of no ordinary stream counts beside one of it when the combiner is fitted.
_FAR_WEIGHT, _LARGEST_WEIGHT = 0.5, 6.0
# What leaving the encoder out may cost on any set and label, and the shares of the publish line that are tried. A set
# has this many rows of either class, so that one row is not all of it.
LOST_AUC = 0.001
_FEWEST_OF_A_CLASS = 20
_SHARES = (0.7, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.007, 0.005, 0.003, 0.002)
_TOLD_ROWS = 500


@dataclass(frozen=True)
class Validation:
    """Held-out rows: log-odds of both tiers, shares (NaN where unknown), two kinds of weight, and their sets."""

    linear: NDArray[np.float64]
    encoder: NDArray[np.float64]
    targets: NDArray[np.float64]
    stream: NDArray[np.float64]
    weights: NDArray[np.float64]
    sources: NDArray[np.str_]


def chosen(sources: Sequence[Path], seed: int) -> list[tuple[TrainingRow, float]]:
    """Return held-out rows and how many rows each stands for."""
    rows = corpus.read(sources)
    held = corpus.held_out(rows, seed)
    chance = random.Random(seed)
    found = []
    for row, kept in zip(rows, held, strict=True):
        bad = max(row.labels.values()) >= _HALF
        share = 1.0 if bad else _DRAWN.get(row.source, 1.0)
        if kept and chance.random() < share:
            found.append((row, 1 / share))
    return found


def scored(rows: Sequence[tuple[TrainingRow, float]], linear: Any, encoder: EncoderClassifier) -> Validation:
    """Score rows by both tiers."""
    texts = [row.text for row, _ in rows]
    targets = np.array([[row.labels.get(label, np.nan) for label in LABELS] for row, _ in rows])
    bad = np.nanmax(targets, axis=1) >= _HALF
    known = [recipe.source_of(row.source) for row, _ in rows]
    times = np.array([stands_for for _, stands_for in rows])
    stream = np.array([one.stream[int(is_bad)] for one, is_bad in zip(known, bad, strict=True)]) * times
    weights = np.where(stream > 0, stream, _FAR_WEIGHT * np.array([row.weight for row, _ in rows]))
    logits, began = [], time.monotonic()
    for first in range(0, len(texts), _TOLD_ROWS):
        logits.append(encoder.logits(texts[first : first + _TOLD_ROWS]))
        done = min(first + _TOLD_ROWS, len(texts))
        left = (time.monotonic() - began) / done * (len(texts) - done)
        sys.stderr.write(f"\r{done} of {len(texts)} rows scored, {left:.0f} s left ")
    sys.stderr.write("\n")
    sets = np.array([row.source for row, _ in rows])
    return Validation(
        linear.logits(texts), np.concatenate(logits), targets, stream, np.minimum(weights, _LARGEST_WEIGHT), sets
    )


def fit(found: Validation, label: int) -> NDArray[np.float64]:
    """Return bias and the weights of both tiers, never negative, by weighted log loss."""
    known = ~np.isnan(found.targets[:, label])
    inputs = np.stack([np.ones(known.sum()), found.linear[known, label], found.encoder[known, label]], axis=1)
    targets, weights = found.targets[known, label], found.weights[known]
    middle = np.array([0.0, 0.5, 0.5])

    def loss(vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = inputs @ vector
        value = weights @ (np.logaddexp(0, logits) - targets * logits)
        error = weights * (0.5 * (1 + np.tanh(logits / 2)) - targets)
        pull = _L2 * (vector - middle) * np.array([0.0, 1.0, 1.0])
        return float(value + pull @ (vector - middle) / 2), inputs.T @ error + pull

    bounds = [(-20.0, 20.0), (0.0, 4.0), (0.0, 4.0)]
    return np.asarray(minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=bounds).x)


def manifest_of(found: Validation, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the manifest of both tiers says beyond that of the linear one."""
    rows, lines, full = {}, {}, np.empty_like(found.linear)
    for i, label in enumerate(LABELS):
        vector = fit(found, i)
        raw = vector[0] + vector[1] * found.linear[:, i] + vector[2] * found.encoder[:, i]
        known = ~np.isnan(found.targets[:, i]) & (found.stream > 0)
        targets, weights = found.targets[known, i], found.stream[known]
        curve = calibrate.fit(raw[known], targets, weights)
        full[:, i] = np.interp(raw, curve.raw, curve.calibrated)
        lines[label] = _lines(_sigmoid(full[known, i]), targets, weights, base["thresholds"][label])
        names = dict(zip(("bias", "linear", "encoder"), [round(float(x), 5) for x in vector], strict=True))
        rows[label] = names | {"raw": curve.raw, "calibrated": curve.calibrated}
    alone = calibrated(
        found.linear, [(base["calibration"][x]["raw"], base["calibration"][x]["calibrated"]) for x in LABELS]
    )
    share, skipped, lost = _band(found, full, alone, lines)
    for label in LABELS:
        rows[label]["band"] = round(_odds(share * lines[label]["publish_below"]), 4)
    both = {"combiner": rows, "skipped": skipped, "lost_auc": lost, "held_out": _aucs(found, full, alone)}
    return {"encoder": both, "thresholds": lines, "metrics": metrics.held_out(_as_corpus(found), _sigmoid(full))}


def _lines(
    scores: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64], before: Mapping[str, float]
) -> dict[str, float]:
    """Return lines that hold for either answer: never lower than those of the linear tier."""
    derived = thresholds.derive(scores, targets, weights)
    return {name: max(line, before[name]) for name, line in derived.items()}


def _band(
    found: Validation, full: NDArray[np.float64], alone: NDArray[np.float64], lines: Mapping[str, Mapping[str, float]]
) -> tuple[float, float, float]:
    """Return the largest share of the publish lines that may be skipped below, what share skips, and the AUC lost."""
    publish = np.array([_odds(lines[label]["publish_below"]) for label in LABELS])
    stream = found.stream > 0
    of_sets = [np.where(found.sources == name, found.weights, 0.0) for name in np.unique(found.sources)]
    for share in _SHARES:
        low = np.array([_odds(share * _sigmoid(line)) for line in publish])
        skips = np.asarray((alone < low).all(axis=1))
        cascade = np.where(skips[:, None], alone, full)
        losses = [
            _auc(full, found, i, weights) - _auc(cascade, found, i, weights)
            for i in range(len(LABELS))
            for weights in (found.stream, found.weights, *of_sets)
        ]
        # A label of which nothing is known loses nothing.
        lost = float(np.nanmax([0.0, *losses]))
        if lost <= LOST_AUC:
            return share, round(float(found.stream[skips & stream].sum() / found.stream.sum()), 4), round(lost, 5)
    return 0.0, 0.0, 0.0


def _auc(scores: NDArray[np.float64], found: Validation, label: int, weights: NDArray[np.float64]) -> float:
    known = ~np.isnan(found.targets[:, label]) & (weights > 0)
    bad = found.targets[known, label] >= _HALF
    if min(int(bad.sum()), int((~bad).sum())) < _FEWEST_OF_A_CLASS:
        return float("nan")
    return metrics.auc_of_counts(*metrics.class_counts(scores[known, label], bad, weights[known]))


def _aucs(found: Validation, full: NDArray[np.float64], alone: NDArray[np.float64]) -> dict[str, Any]:
    tiers = {"linear": alone, "encoder": found.encoder, "both": full}
    table = {name: [_auc(scores, found, i, found.stream) for i in range(len(LABELS))] for name, scores in tiers.items()}
    return {
        label: {name: round(figures[i], 4) for name, figures in table.items()}
        for i, label in enumerate(LABELS)
        if np.isfinite([figures[i] for figures in table.values()]).all()
    }


def _as_corpus(found: Validation) -> Corpus:
    """Return the rows in the form that they are measured in, without their features."""
    known = ~np.isnan(found.targets)
    targets = np.where(known, found.targets, 0).astype(np.float32)
    nothing = sparse.csr_matrix((len(targets), 0), dtype=np.float32)
    return Corpus(nothing, targets, known, found.weights.astype(np.float32), found.sources.tolist())


def _sigmoid(odds: Any) -> Any:
    return 1 / (1 + np.exp(-odds))


def _odds(share: float) -> float:
    return float(np.log(max(share, 1e-9) / (1 - share)))


def main() -> None:
    """Read the command line, join and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path)
    for name in ("--linear", "--encoder", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    base, arrays = artifact.read(wanted.linear)
    blobs = {name: (wanted.encoder / name).read_bytes() for name in (artifact.ENCODER, artifact.VOCABULARY)}
    encoder = EncoderClassifier("encoder", blobs[artifact.ENCODER], blobs[artifact.VOCABULARY])
    linear = artifact.load(wanted.linear, artifact.LINEAR)
    found = scored(chosen(wanted.data, wanted.seed), linear, encoder)
    manifest = artifact.save(wanted.out, arrays, {**base, **manifest_of(found, base), "name": "two tiers"}, blobs)
    both = manifest["encoder"]
    sys.stdout.write(f"{manifest['version']}: {both['skipped']:.0%} skip the encoder, {both['lost_auc']} AUC lost\n")
    sys.stdout.writelines(f"{label:16} {figures}\n" for label, figures in both["held_out"].items())


if __name__ == "__main__":
    main()
