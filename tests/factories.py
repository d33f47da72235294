"""What tests are made of: payloads, and a fake of the one edge that is not theirs, the trained model."""

from typing import Any, ClassVar

import numpy as np

from classifiers.base import Span
from moderation.policy import LABELS
from moderation.scoring import Scored

THRESHOLDS = {label: {"publish_below": 0.5, "reject_above": 0.9} for label in LABELS}


class FakeClassifier:
    """Scores by marker words: ``idiot`` is abuse for sure, ``silly`` borderline, ``buypills`` spam."""

    name, version, labels = "fake", "fake-1", LABELS
    words: ClassVar = {"idiot": ("toxicity", 0.95), "silly": ("insult", 0.7), "buypills": ("spam", 0.97)}

    def predict_proba(self, texts: Any) -> Any:
        rows = [{label: value for word, (label, value) in self.words.items() if word in text} for text in texts]
        return np.array([[row.get(label, 0.01) for label in LABELS] for row in rows], dtype=np.float32)

    def explain(self, text: str) -> list[Span]:
        return [
            Span(start=text.index(word), end=text.index(word) + len(word), label=label, weight=1.0)
            for word, (label, _) in self.words.items()
            if word in text
        ]


class FakeScoring:
    """Stands where ``moderation.scoring.Scoring`` stands; set ``scores_nothing`` to take the model away."""

    fault = None
    scores_nothing = False

    def classifier(self) -> FakeClassifier | None:
        return None if self.scores_nothing else FakeClassifier()

    def readiness(self) -> tuple[bool, str | None]:
        return (False, "No model is loaded: taken away.") if self.scores_nothing else (True, None)

    def score(self, texts: Any, only: Any = None, *, within_seconds: float | None = None) -> list[Scored]:  # noqa: ARG002 -- the real one's signature
        self.within_seconds = within_seconds
        if self.scores_nothing:
            return [Scored(None, "")] * len(texts)
        rows = FakeClassifier().predict_proba(texts)
        return [Scored(dict(zip(LABELS, map(float, row), strict=True)), "fake-1") for row in rows]

    def explain(self, texts: Any) -> list[list[Span]]:
        return [[] if self.scores_nothing else FakeClassifier().explain(text) for text in texts]


def comment(text: str = "Good news for everyone who commutes.", **changes: Any) -> dict[str, Any]:
    """A submission as the contract shows it."""
    return {"post": {"id": "2041"}, "reader": {"id": "u-77", "name": "Ana"}, "text": text} | changes
