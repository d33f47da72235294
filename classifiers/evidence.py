"""Which stretches of a raw text raised a label: the parts of a hashed dot product, put back where they stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from classifiers import features, normalize
from classifiers.base import LABELS, Span

# Words that add less than this share of all that speaks for the label are not shown.
_LEAST_SHARE = 0.08
_MOST_SPANS = 8


@dataclass(frozen=True)
class Parts:
    """What a window is made of, for some labels.

    ``of_characters`` (n_characters, n_labels) by character of the canonical window, ``of_surface`` (n_labels,):
    their sum over the characters and ``of_surface`` are the log-odds without the bias. ``first``: where the window
    begins in the canonical text.
    """

    of_characters: NDArray[np.float64]
    of_surface: NDArray[np.float64]
    first: int


def spans_of(text: str, table: NDArray[np.float32], labels: Sequence[int]) -> list[Span]:
    """Return the spans of the raw text that raised these labels (their numbers), strongest first."""
    found = normalize.aligned(text)
    windows = features.windows(found.text)
    parts = [
        parts_of(window, first, text, table)
        for window, first in zip(windows, features.window_starts(len(found.text)), strict=True)
    ]
    spans: list[Span] = []
    for label in labels:
        worst = max(parts, key=lambda part: float(part.of_characters[:, label].sum() + part.of_surface[label]))
        spans += _spans(found, worst, label)
    return sorted(spans, key=lambda span: -span.weight)


def parts_of(window: str, first: int, raw: str, table: NDArray[np.float32]) -> Parts:
    """Share what each feature of a window adds among the characters that it covers."""
    grams = features.grams([window])
    surface = features.surface_buckets(raw)
    everything = np.concatenate([grams.keys, surface])
    buckets, which, times = np.unique(everything, return_inverse=True, return_counts=True)
    rows = table[buckets].astype(np.float64)
    share = (rows[:, :-1] / np.sqrt(rows[:, -1].sum()) / times[:, None])[which]
    of_grams = share[: len(grams.keys)] / grams.lengths[:, None]
    # Each n-gram adds its part from its first character on and takes it away after its last.
    steps = np.zeros((len(window) + 3, rows.shape[1] - 1))
    np.add.at(steps, grams.starts, of_grams)
    np.subtract.at(steps, grams.starts + grams.lengths, of_grams)
    covered = np.cumsum(steps, axis=0)[: len(window) + 2]
    # The blanks around the window belong to its first and last character.
    inner = covered[1:-1].copy()
    inner[0] += covered[0]
    inner[-1] += covered[-1]
    return Parts(inner, share[len(grams.keys) :].sum(axis=0), first)


def _spans(found: normalize.Aligned, parts: Parts, label: int) -> Iterator[Span]:
    words = list(_words(found, parts, label))
    total = sum(weight for *_, weight in words if weight > 0)
    strong = [word for word in words if word[2] > 0 and word[2] >= _LEAST_SHARE * total]
    merged: list[tuple[int, int, float]] = []
    for start, end, weight in sorted(strong):
        if merged and start <= merged[-1][1] + 1:
            before = merged.pop()
            merged.append((before[0], max(before[1], end), before[2] + weight))
        else:
            merged.append((start, end, weight))
    for start, end, weight in sorted(merged, key=lambda word: -word[2])[:_MOST_SPANS]:
        yield Span(start, end, LABELS[label], float(weight))


def _words(found: normalize.Aligned, parts: Parts, label: int) -> Iterator[tuple[int, int, float]]:
    """Give raw start, raw end and weight of each canonical word; half of a blank belongs to either neighbour."""
    weights = parts.of_characters[:, label].copy()
    window = found.text[parts.first : parts.first + len(weights)]
    blanks = [i for i, character in enumerate(window) if character == " "]
    for blank in blanks:
        half = weights[blank] / 2
        if 0 < blank < len(weights) - 1:
            weights[blank - 1] += half
            weights[blank + 1] += half
    edges = [-1, *blanks, len(window)]
    for before, after in pairwise(edges):
        at = range(parts.first + before + 1, parts.first + after)
        starts = [found.starts[i] for i in at if found.starts[i] >= 0]
        if starts:
            ends = [found.ends[i] for i in at if found.ends[i] >= 0]
            yield min(starts), max(ends), float(weights[before + 1 : after].sum())
