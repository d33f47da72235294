"""The encoder tier: a small transformer in int8, run by onnxruntime on one thread.

The model gives the log-odds of every label for each token of a window; their mean over the window is the window's
log-odds, and for each label the highest window of a text counts.
Windows are run one at a time: in int8 the scale of a batch would depend on its other texts, and on one core a batch
saves nothing. Neither torch nor transformers is needed; onnxruntime is imported with the first model.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers.base import LABELS, Span
from classifiers.encoder_text import aligned, view
from classifiers.wordpiece import WordPiece

WINDOW_TOKENS = 128
_STRIDE_TOKENS = 94
# Of a longer text the first windows and the last ones are looked at.
_HEAD_WINDOWS, _TAIL_WINDOWS = 6, 2
_EXPLAINED_FROM = 0.3
# Each word or stretch of words that is tried costs a run of the model.
_TRIED_WORDS, _TRIED_STRETCHES = 12, 8
_LEAST_WEIGHT = 0.05


class EncoderError(Exception):
    """The encoder cannot be used here; the message is one sentence."""


@dataclass(frozen=True)
class Window:
    """A stretch of a view: token numbers with the marks around them; the place in the view of each token's word."""

    ids: Sequence[int]
    places: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class _Word:
    """A word: where it stands in the view, and its first token and the one after its last in the window."""

    start: int
    end: int
    first: int
    last: int


class EncoderClassifier:
    """Scores texts by a fine-tuned encoder; built from the bytes of a model and of its vocabulary."""

    name = "encoder"
    labels = LABELS

    def __init__(self, version: str, model: bytes, vocabulary: bytes) -> None:
        self.version = version
        self._session, self._vocabulary = _session(model), _vocabulary(vocabulary)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of shape (n_texts, n_labels); the same for a text alone and among others."""
        return (1.0 / (1.0 + np.exp(-self.logits(texts)))).astype(np.float32)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return log-odds of shape (n_texts, n_labels)."""
        found = np.zeros((len(texts), len(LABELS)))
        for i, text in enumerate(texts):
            windows = [self.of_tokens(window).mean(axis=0) for window in self._windows(view(text))]
            found[i] = np.max(windows, axis=0)
        return found

    def explain(self, text: str) -> list[Span]:
        """Return what raised each label that is likely, the strongest span first."""
        scores = self.predict_proba([text])[0]
        return self.spans(text, [i for i in range(len(LABELS)) if scores[i] >= _EXPLAINED_FROM])

    def spans(self, text: str, labels: Sequence[int]) -> list[Span]:
        """Return the spans of the raw text that raised these labels (their numbers), strongest first.

        A span's weight is by how much the log-odds of its window fall without it, in the window that decided on the
        first label. Of many words those are tried that stand where leaving several out at once tells most.
        """
        if not labels:
            return []
        found = aligned(text)
        windows = self._windows(found.text)
        tokens = [self.of_tokens(window) for window in windows]
        worst = int(np.argmax([of_window[:, labels[0]].mean() for of_window in tokens]))
        fallen = _Falls(self, windows[worst], tokens[worst].mean(axis=0))
        spans: list[Span] = []
        for word in _telling(_words(found.text, windows[worst]), fallen, labels):
            start, end = min(found.starts[word.start : word.end]), max(found.ends[word.start : word.end])
            falls = fallen.without(word.first, word.last)
            spans += [Span(start, end, LABELS[label], float(falls[label])) for label in labels]
        return sorted((span for span in spans if span.weight > _LEAST_WEIGHT), key=lambda span: -span.weight)

    def of_tokens(self, window: Window) -> NDArray[np.float64]:
        """Return log-odds of (n_tokens, n_labels); their mean is the window's."""
        ids = np.array([window.ids], dtype=np.int64)
        [found] = self._session.run(None, {"input_ids": ids})
        return np.asarray(found[0], dtype=np.float64)

    def _windows(self, line: str) -> list[Window]:
        found = self._vocabulary.tokens(line)
        inner, places = found.ids, found.places
        starts = list(range(0, max(len(inner) - (WINDOW_TOKENS - 2 - _STRIDE_TOKENS), 1), _STRIDE_TOKENS))
        if len(starts) > _HEAD_WINDOWS + _TAIL_WINDOWS:
            starts = starts[:_HEAD_WINDOWS] + starts[-_TAIL_WINDOWS:]
        first, last = self._vocabulary.first, self._vocabulary.last
        return [
            Window([first, *inner[start : start + WINDOW_TOKENS - 2], last], places[start : start + WINDOW_TOKENS - 2])
            for start in starts
        ]


def is_available() -> bool:
    """Whether the package that runs an encoder is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


def _session(model: bytes) -> Any:
    # Imported when wanted: most commands never score, and a service without this package has the linear tier.
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    # What is freed is used again; a pool for the longest window would be kept by every worker.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 -- onnxruntime's errors have no class in common but this
        raise EncoderError(f"holds no model that onnxruntime can run: {str(error)[:200]}") from None


def _vocabulary(content: bytes) -> WordPiece:
    try:
        return WordPiece(content.decode())
    except (UnicodeDecodeError, KeyError):
        raise EncoderError("holds no vocabulary of this encoder") from None


def _words(line: str, window: Window) -> list[_Word]:
    """Return the words of a window; signs are none, and the marks around it are not in the text."""
    found: list[_Word] = []
    for number, (start, end) in enumerate(window.places, 1):
        if found and found[-1].start == start:
            found[-1] = _Word(start, end, found[-1].first, number + 1)
        elif any(sign.isalnum() for sign in line[start:end]):
            found.append(_Word(start, end, number, number + 1))
    return found


class _Falls:
    """By how much the log-odds of a window fall without some of its tokens."""

    def __init__(self, encoder: EncoderClassifier, window: Window, before: NDArray[np.float64]) -> None:
        self._encoder, self._window, self._before = encoder, window, before

    def without(self, first: int, last: int) -> NDArray[np.float64]:
        """Return it for each label, without the tokens from ``first`` on and before ``last``."""
        rest = [*self._window.ids[:first], *self._window.ids[last:]]
        return self._before - self._encoder.of_tokens(Window(rest, ())).mean(axis=0)


def _telling(words: Sequence[_Word], fallen: _Falls, labels: Sequence[int]) -> Sequence[_Word]:
    """Return the words to try one by one: all of a few, else those of the stretches that tell most."""
    if len(words) <= _TRIED_WORDS + _TRIED_STRETCHES:
        return words
    edges = np.linspace(0, len(words), _TRIED_STRETCHES + 1).astype(int)
    stretches = [words[start:end] for start, end in pairwise(edges)]
    falls = [float(fallen.without(part[0].first, part[-1].last)[labels].max()) for part in stretches]
    order = np.argsort(falls)[::-1]
    return [word for number in order for word in stretches[int(number)]][:_TRIED_WORDS]
