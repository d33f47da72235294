"""The default policy of a model: two lines for each label, from what ordinary clean comments score.

``publish_below`` lets through all but a small share of the clean comments of an ordinary stream, ``reject_above``
stands where hardly any clean comment is and most of what is above deserves it; people decide between them.
"""

import numpy as np
from numpy.typing import NDArray

# Shares of clean comments above either line, for one label; all seven together stay within about 2 % and 0.1 %.
QUEUED_SHARE = 0.01
REJECTED_SHARE = 0.0005
_PRECISION = 0.9
_LOWEST_PUBLISH, _HIGHEST_PUBLISH = 0.3, 0.7
_LOWEST_REJECT, _HIGHEST_REJECT = 0.8, 0.97
_HALF = 0.5


def derive(scores: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]) -> dict[str, float]:
    """Return both lines of one label, from calibrated scores, shares in 0..1 and weights of (n_rows,)."""
    bad = targets >= _HALF
    publish = _quantile(scores[~bad], weights[~bad], 1 - QUEUED_SHARE)
    publish = float(np.clip(publish, _LOWEST_PUBLISH, _HIGHEST_PUBLISH))
    reject = max(_quantile(scores[~bad], weights[~bad], 1 - REJECTED_SHARE), _precise(scores, bad, weights))
    reject = float(np.clip(reject, max(_LOWEST_REJECT, publish), _HIGHEST_REJECT))
    return {"publish_below": round(publish, 3), "reject_above": round(reject, 3)}


def _quantile(scores: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    if not len(scores):
        return 1.0
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order])
    return float(scores[order][np.searchsorted(reached, share * reached[-1]).clip(max=len(scores) - 1)])


def _precise(scores: NDArray[np.float64], bad: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Return the lowest score from which on ``_PRECISION`` of the weight above is bad."""
    order = np.argsort(-scores, kind="stable")
    above = np.cumsum(weights[order])
    right = np.cumsum(np.where(bad, weights, 0.0)[order])
    enough = np.flatnonzero(right >= _PRECISION * above)
    return float(scores[order][enough[-1]]) if len(enough) else 1.0
