"""Both tiers as one classifier: the linear one for every text, the encoder where it can change what is decided.

The log-odds of a label are a small combiner's: ``bias + of_linear * linear + of_encoder * encoder``, calibrated.
Where the linear tier finds every label below ``band``, its own calibrated score is the answer. What a site's
decisions taught is added to either as a third part (``moved``), so that the encoder cannot outvote them. Without
an encoder, or without time for it, the linear tier answers alone and ``version`` says so.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers.base import LABELS, Span
from classifiers.encoder import EncoderClassifier
from classifiers.linear import EXPLAINED_FROM, LinearClassifier

ALONE = "+linear"
# Decisions must be able to turn what both tiers are sure of: above these log-odds they grow by their logarithm.
VERY_SURE = 5.0
_LEAST_SHARE = 0.08
_MOST_SPANS = 8
_BATCH_TEXTS = 256
_WHOLE: Mapping[int, str] = {}
Knots = Sequence[tuple[Sequence[float], Sequence[float]]]


@dataclass(frozen=True)
class Combiner:
    """What was fitted on held-out rows, each (n_labels,), and the knots of the calibration of either answer.

    ``band``: log-odds of the linear tier, calibrated, below which a label needs no second opinion.
    """

    bias: NDArray[np.float64]
    of_linear: NDArray[np.float64]
    of_encoder: NDArray[np.float64]
    knots: Knots
    linear_knots: Knots
    band: NDArray[np.float64]

    def combined(self, linear: NDArray[np.float64], encoder: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated log-odds of both tiers, from the log-odds of each before calibration."""
        return calibrated(self.bias + self.of_linear * linear + self.of_encoder * encoder, self.knots)

    def alone(self, linear: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated log-odds of the linear tier."""
        return calibrated(linear, self.linear_knots)


class TwoTiers:
    """Scores texts by both tiers; built by ``artifact.load``."""

    labels = LABELS

    def __init__(
        self,
        version: str,
        linear: LinearClassifier,
        encoder: EncoderClassifier | None,
        combiner: Combiner,
        *,
        thresholds: Mapping[str, Mapping[str, float]],
        moved: LinearClassifier | None = None,
    ) -> None:
        self.name = "two tiers" if encoder else "linear"
        self.version = version if encoder else alone(version)
        self.thresholds = thresholds
        self._linear, self._encoder, self._moved, self._combiner = linear, encoder, moved, combiner

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of shape (n_texts, n_labels); the same for a text alone and among others."""
        return _probabilities(self.log_odds(texts))

    def predict_within(
        self, texts: Sequence[str], seconds: float, only: Mapping[int, str] = _WHOLE
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return probabilities, and for which texts the encoder was wanted but had no time left.

        ``only`` names, for the text at a place, the one label that is asked about: the others do not wake the encoder.
        """
        found, late = self._answers(texts, time.monotonic() + seconds, only)
        return _probabilities(found), late

    def log_odds(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return calibrated log-odds with what decisions taught, of shape (n_texts, n_labels)."""
        return self._answers(texts, float("inf"))[0]

    def explain(self, text: str, seconds: float = float("inf")) -> list[Span]:
        """Return what raised each label of at least ``EXPLAINED_FROM``, the strongest span first.

        The spans of each tier count as much as the tier does in the combiner; where they overlap they are one. With
        no ``seconds`` left the linear tier explains alone what it would answer alone.
        """
        [probabilities], [late] = self.predict_within([text], seconds)
        wanted = [i for i in range(len(LABELS)) if probabilities[i] >= EXPLAINED_FROM]
        if not wanted:
            return []
        by_both = not late and self._encoder is not None and bool(self._wants_encoder(self._linear.logits([text]))[0])
        ones = np.ones(len(LABELS))
        parts = [(self._linear.spans(text, wanted), self._combiner.of_linear if by_both else ones)]
        if self._encoder is not None and by_both:
            parts.append((self._encoder.spans(text, wanted), self._combiner.of_encoder))
        if self._moved is not None:
            parts.append((self._moved.spans(text, wanted), ones))
        found = [span for i in wanted for span in _merged(i, parts)]
        return sorted(found, key=lambda span: -span.weight)

    def _answers(
        self, texts: Sequence[str], until: float, only: Mapping[int, str] = _WHOLE
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        linear = _in_batches(self._linear, texts)
        found = self._combiner.alone(linear)
        late = np.zeros(len(texts), dtype=bool)
        if self._encoder is not None:
            late = self._wants_encoder(linear, only)
            for i in map(int, np.flatnonzero(late)):
                if time.monotonic() >= until:
                    break
                found[i] = self._combiner.combined(linear[i : i + 1], self._encoder.logits([texts[i]]))[0]
                late[i] = False
        if self._moved is not None:
            found = _less_sure(found) + _in_batches(self._moved, texts)
        return found, late

    def _wants_encoder(self, linear: NDArray[np.float64], only: Mapping[int, str] = _WHOLE) -> NDArray[np.bool_]:
        unsure = self._combiner.alone(linear) >= self._combiner.band
        wants: NDArray[np.bool_] = np.asarray(unsure.any(axis=1))
        for at, label in only.items():
            wants[at] = unsure[at, LABELS.index(label)]
        return wants


def alone(version: str) -> str:
    """Return how an answer of the linear tier alone is marked."""
    return version + ALONE


def calibrated(logits: NDArray[np.float64], knots: Knots) -> NDArray[np.float64]:
    """Return log-odds of (n_texts, n_labels) after the curve of each label."""
    columns = [np.interp(logits[:, i], raw, sound) for i, (raw, sound) in enumerate(knots)]
    return np.stack(columns, axis=1)


def _less_sure(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-odds in the same order, the highest drawn together."""
    return np.minimum(odds, VERY_SURE) + np.log1p(np.maximum(odds - VERY_SURE, 0.0))


def _in_batches(classifier: LinearClassifier, texts: Sequence[str]) -> NDArray[np.float64]:
    """Return log-odds of (n_texts, n_labels); the features of many texts at once would fill the memory."""
    found = np.zeros((len(texts), len(LABELS)))
    for first in range(0, len(texts), _BATCH_TEXTS):
        batch = texts[first : first + _BATCH_TEXTS]
        found[first : first + len(batch)] = classifier.logits(batch)
    return found


def _probabilities(odds: NDArray[np.float64]) -> NDArray[np.float32]:
    return (1.0 / (1.0 + np.exp(-odds))).astype(np.float32)


def _merged(label: int, parts: Sequence[tuple[Sequence[Span], NDArray[np.float64]]]) -> list[Span]:
    """Join what overlaps or touches, each span with the weight of its part; keep what tells."""
    name = LABELS[label]
    scaled = [
        (span.start, span.end, span.weight * float(scale[label]))
        for spans, scale in parts
        for span in spans
        if span.label == name and scale[label] > 0
    ]
    joined: list[tuple[int, int, float]] = []
    for start, end, weight in sorted(scaled):
        if joined and start < joined[-1][1]:
            before = joined.pop()
            joined.append((before[0], max(before[1], end), before[2] + weight))
        else:
            joined.append((start, end, weight))
    least = _LEAST_SHARE * sum(weight for *_, weight in joined)
    strong = sorted((span for span in joined if span[2] >= least), key=lambda span: -span[2])
    return [Span(start, end, name, weight) for start, end, weight in strong[:_MOST_SPANS]]
