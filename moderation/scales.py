"""A model's toxicity on Perspective's scale: a map that only rises, kept in a file of its own beside the model.

The file carries the version of the model that it was fitted to (``bench/perspective_scale.py``) and is found by
that name: another model's map is never used, and a model without one gives its own probabilities.
"""

import json
import logging
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import classifiers

log = logging.getLogger("replydesk")
SHIPPED = Path(classifiers.__file__).parent / "scales"
_KNOTS = range(2, 257)


@dataclass(frozen=True)
class Scale:
    """Knots of a piecewise straight line from (0, 0) to (1, 1); both sides strictly ascending."""

    ours: Sequence[float]
    theirs: Sequence[float]

    def __call__(self, value: float) -> float:
        at = min(max(bisect_right(self.ours, value), 1), len(self.ours) - 1)
        (x0, x1), (y0, y1) = self.ours[at - 1 : at + 1], self.theirs[at - 1 : at + 1]
        return y0 + (y1 - y0) * (value - x0) / (x1 - x0)


@lru_cache(maxsize=16)
def find(version: str, data: Path) -> Scale | None:
    """Return the map of this model version, shipped or in the data folder; None where there is none."""
    for folder in (SHIPPED, data / "scales"):
        path = folder / f"{version}.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError):
            content = None
        scale = _scale(content, version)
        if scale is not None:
            return scale
        log.error("scale: %s.json does not hold a rising map of the model %s; it is not used", version, version)
    return None


def _scale(content: Any, version: str) -> Scale | None:
    try:
        if content["model_version"] != version:
            return None
        ours, theirs = ([float(value) for value in content[side]] for side in ("ours", "theirs"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    fits = len(ours) == len(theirs) and len(ours) in _KNOTS and all(map(math.isfinite, [*ours, *theirs]))
    return Scale(ours, theirs) if fits and _rises(ours) and _rises(theirs) else None


def _rises(side: Sequence[float]) -> bool:
    ends = side[0] == 0.0 and side[-1] == 1.0
    return ends and all(before < after for before, after in pairwise(side))
