"""Log-odds to honest probabilities: a rising, piecewise straight curve for each label (a monotone linear spline).

Fitted by weighted log loss on rows that training did not see, weighted to look like the ordinary stream. It only
rises, so no ranking changes (compare isotonic regression, Zadrozny and Elkan 2002, which makes ties).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

_KNOTS = 7
_LEAST_SLOPE, _LARGEST_SLOPE = 0.05, 4.0
# Slopes of neighbouring pieces are pulled together: few positives must not make a staircase.
_SMOOTHNESS = 2.0
_LEAST_GAP = 0.05
_FEWEST_POSITIVES = 8.0


@dataclass(frozen=True)
class Calibration:
    """Raw and calibrated log-odds at the knots, both ascending; straight between them, flat outside."""

    raw: list[float]
    calibrated: list[float]


_FAR = 40.0
IDENTITY = Calibration([-_FAR, _FAR], [-_FAR, _FAR])


def fit(logits: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]) -> Calibration:
    """Return the curve for one label: log-odds, shares in 0..1 and weights, each of shape (n_rows,)."""
    positive, negative = float(weights @ targets), float(weights @ (1 - targets))
    if min(positive, negative) < _FEWEST_POSITIVES:
        return IDENTITY
    knots = _knots(logits, targets)
    hat = _hat(logits, knots)
    gaps = np.diff(knots)

    def loss(vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        heights = vector[0] + np.concatenate([[0.0], np.cumsum(vector[1:] * gaps)])
        sound = hat @ heights
        bends = np.diff(vector[1:])
        value = weights @ (np.logaddexp(0, sound) - targets * sound) + _SMOOTHNESS * bends @ bends / 2
        slope = hat.T @ (weights * (0.5 * (1 + np.tanh(sound / 2)) - targets))
        after = np.cumsum(slope[::-1])[::-1]
        gradient = np.concatenate([[slope.sum()], gaps * after[1:]])
        gradient[1:-1] -= _SMOOTHNESS * bends
        gradient[2:] += _SMOOTHNESS * bends
        return float(value), gradient

    start = np.concatenate([[knots[0]], np.ones(len(gaps))])
    bounds = [(-40.0, 40.0), *[(_LEAST_SLOPE, _LARGEST_SLOPE)] * len(gaps)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    # The outer pieces go on straight.
    gaps = np.concatenate([[_FAR], gaps, [_FAR]])
    slopes = np.concatenate([found[1:2], found[1:], found[-1:]])
    raw = knots[0] - _FAR + np.concatenate([[0.0], np.cumsum(gaps)])
    calibrated = found[0] - slopes[0] * _FAR + np.concatenate([[0.0], np.cumsum(slopes * gaps)])
    return Calibration([round(float(x), 6) for x in raw], [round(float(x), 6) for x in calibrated])


def _knots(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread the knots over where either class lies, the negatives from their median up."""
    likely = targets >= 0.5  # noqa: PLR2004 -- half of the raters
    places = [
        np.quantile(logits[~likely], [0.05, 0.5, 0.9]),
        np.quantile(logits[likely], [0.1, 0.35, 0.65, 0.9]),
    ]
    spread = np.sort(np.concatenate(places))[:_KNOTS]
    kept = [float(spread[0])]
    kept += [float(b) for a, b in pairwise(spread) if b - a >= _LEAST_GAP]
    return np.array(kept if len(kept) > 1 else [kept[0], kept[0] + 1.0])


def _hat(logits: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of the knots for each row, straight beyond the outer ones with a slope of their own."""
    piece = np.clip(np.searchsorted(knots, logits) - 1, 0, len(knots) - 2)
    share = (logits - knots[piece]) / (knots[piece + 1] - knots[piece])
    hat = np.zeros((len(logits), len(knots)))
    at = np.arange(len(logits))
    hat[at, piece] = 1 - share
    hat[at, piece + 1] += share
    return hat
