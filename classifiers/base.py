"""The contract every classifier keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LABELS = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack", "spam")


@dataclass(frozen=True)
class Span:
    """A stretch of the raw text, in code points, and what it added to the log-odds of a label."""

    start: int
    end: int
    label: str
    weight: float


class Classifier(Protocol):
    """What the service asks of a model; every text is answered, none raises."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 probabilities of shape (n_texts, n_labels), in the order of ``labels``."""
        ...

    def explain(self, text: str) -> list[Span]:
        """Return the spans of the raw text that raised a label's score."""
        ...
