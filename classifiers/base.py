"""The contract every classifier keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Span:
    """A stretch of the raw text, in code points, and its weight for a label."""

    start: int
    end: int
    label: str
    weight: float


class Classifier(Protocol):
    name: str
    version: str
    labels: tuple[str, ...]

    def predict_proba(self, texts: Sequence[str]) -> Any:
        """Return float32 probabilities of shape (n_texts, n_labels)."""
        ...

    def explain(self, text: str) -> list[Span]:
        """Return the spans of the raw text that raised a label's score."""
        ...
