"""The linear tier: one hashed dot product for all labels, with NumPy alone.

The log-odds of a label are ``bias + sum(weight * value) / sqrt(sum(value**2))`` over the features of a text, where
``value`` is the inverse document frequency of a feature; a calibration that only rises makes probabilities of
them. Of a long text each window is scored, and for each label the highest window counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers import features, normalize
from classifiers.base import LABELS, Span
from classifiers.evidence import spans_of

EXPLAINED_FROM = 0.3
_BATCH_TEXTS = 256
_LAST = len(LABELS)


@dataclass(frozen=True)
class Parameters:
    """What training found: ``weights`` (BUCKETS, n_labels), ``bias`` (n_labels,), values (BUCKETS,), knots.

    ``knots`` maps a label to raw and calibrated log-odds, both ascending; between them the calibration is
    straight, outside it is flat. ``thresholds`` is the model's default policy.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float64]
    values: NDArray[np.float32]
    knots: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    thresholds: Mapping[str, Mapping[str, float]]


class LinearClassifier:
    """Scores texts by hashed n-grams; built by ``artifact.load``."""

    name = "linear"
    labels = LABELS

    def __init__(self, version: str, parameters: Parameters) -> None:
        self.version = version
        self.thresholds = parameters.thresholds
        self._bias = np.asarray(parameters.bias, dtype=np.float64)
        self._knots = [parameters.knots[label] for label in self.labels]
        # One row holds what a feature adds to each label and, last, to the squared length of the text.
        self._table = np.empty((features.BUCKETS, _LAST + 1), dtype=np.float32)
        np.multiply(parameters.weights, parameters.values[:, None], out=self._table[:, :_LAST])
        np.square(parameters.values, out=self._table[:, _LAST])

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of shape (n_texts, n_labels); the same for a text alone and among others."""
        scores = np.empty((len(texts), _LAST), dtype=np.float32)
        for first in range(0, len(texts), _BATCH_TEXTS):
            batch = texts[first : first + _BATCH_TEXTS]
            scores[first : first + len(batch)] = self._probabilities(self.logits(batch))
        return scores

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return log-odds before calibration, of shape (n_texts, n_labels)."""
        canonicals = [normalize.canonical(text) for text in texts]
        windows = [features.windows(text) for text in canonicals]
        if len(texts) == sum(map(len, windows)):
            return self._of_windows(canonicals, texts)
        flat = [window for of_text in windows for window in of_text]
        raws = [raw for raw, of_text in zip(texts, windows, strict=True) for _ in of_text]
        starts = np.cumsum([0, *map(len, windows)])[:-1]
        return np.maximum.reduceat(self._of_windows(flat, raws), starts, axis=0)

    def explain(self, text: str) -> list[Span]:
        """Return what raised each label of at least ``EXPLAINED_FROM``, the strongest span first.

        A span's weight is exactly what its characters added to the log-odds before calibration: the part of each
        n-gram is shared evenly among its characters and its occurrences in the window that decided.
        """
        probabilities = self.predict_proba([text])[0]
        wanted = [i for i in range(_LAST) if probabilities[i] >= EXPLAINED_FROM]
        return self.spans(text, wanted)

    def spans(self, text: str, labels: Sequence[int]) -> list[Span]:
        """Return the spans of the raw text that raised these labels (their numbers), strongest first."""
        return spans_of(text, self._table, labels) if labels else []

    def _of_windows(self, windows: Sequence[str], raws: Sequence[str]) -> NDArray[np.float64]:
        if not windows:
            return np.zeros((0, _LAST))
        rows = features.extract(windows, raws)
        sums = np.add.reduceat(self._table.take(rows.buckets, axis=0), rows.starts[:-1], axis=0)
        return sums[:, :_LAST] / np.sqrt(sums[:, _LAST:], dtype=np.float64) + self._bias

    def _probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float32]:
        calibrated = np.empty_like(logits)
        for i, (raw, sound) in enumerate(self._knots):
            calibrated[:, i] = np.interp(logits[:, i], raw, sound)
        return (1.0 / (1.0 + np.exp(-calibrated))).astype(np.float32)
