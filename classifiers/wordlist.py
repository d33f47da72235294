"""A list of words as a classifier: the baseline that the trained tier is measured against, and nothing more."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from classifiers import normalize
from classifiers.base import LABELS, Span

FOUND, NOT_FOUND = 0.9, 0.05
_WORDS: Mapping[str, str] = MappingProxyType({
    "toxicity": "idiot|idiots|moron|morons|stupid|fuck|fucking|shit|bitch|asshole|scum|trash|loser|pathetic",
    "severe_toxicity": "motherfucker|cunt",
    "obscene": "fuck|fucking|shit|bitch|asshole|bastard|cunt|motherfucker",
    "threat": "kill you|kill yourself|drop dead|shoot you|beat you up",
    "insult": "idiot|idiots|moron|morons|stupid|loser|pathetic|scum|imbecile|fool",
    "identity_attack": "faggot|retard|tranny|subhuman|subhumans",
    "spam": "casino|viagra|buy now|free money|subscribe|click here|make money|work from home",
})  # fmt: skip


class WordlistClassifier:
    """Scores ``FOUND`` where a word of a label stands in the canonical text, ``NOT_FOUND`` elsewhere."""

    name = "wordlist"
    version = "wordlist-1"
    labels = LABELS

    def __init__(self) -> None:
        self._patterns = {label: re.compile(rf"\b(?:{_WORDS[label]})\b") for label in LABELS}

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of shape (n_texts, n_labels)."""
        scores = np.full((len(texts), len(LABELS)), NOT_FOUND, dtype=np.float32)
        for row, text in enumerate(texts):
            words = normalize.canonical(text)
            found = [bool(self._patterns[label].search(words)) for label in LABELS]
            scores[row, found] = FOUND
        return scores

    def explain(self, text: str) -> list[Span]:
        """Return the words of the raw text that were found."""
        found = normalize.aligned(text)
        return [span for label in LABELS for span in self._spans(found, label)]

    def _spans(self, found: normalize.Aligned, label: str) -> Iterator[Span]:
        weight = float(np.log(FOUND / (1 - FOUND)) - np.log(NOT_FOUND / (1 - NOT_FOUND)))
        for match in self._patterns[label].finditer(found.text):
            at = [i for i in range(*match.span()) if found.starts[i] >= 0]
            if at:
                yield Span(min(found.starts[i] for i in at), max(found.ends[i] for i in at), label, weight)
