"""What the encoder learns from: rows as examples, what an epoch draws of each data set, and slips of the pen."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from classifiers.base import LABELS
from classifiers.data import TrainingRow
from classifiers.encoder_text import view

_HALF = 0.5
# The share of a data set that one epoch draws; of jigsaw_any only of its clean rows, which then weigh more.
_DRAWN: Mapping[str, float] = MappingProxyType(
    {
        "jigsaw_any": 0.45,
        "davidson_tweets": 0.4,
        "email_spam": 0.12,
        "gab_hate_corpus": 0.5,
        "implicit_hate": 0.6,
        "online_misogyny_reddit": 0.7,
        "politeness_requests": 0.4,
        "stormfront": 0.5,
        "telegram_spam": 0.0,
    }
)
_LEAST_WEIGHT, _LARGEST_WEIGHT = 0.5, 6.0
# E-mail is another world; our own harmless uses of hard words are few.
_WEIGHTS: Mapping[str, float] = MappingProxyType({"email_spam": 0.1, "ordinary": 8.0})
# How many rows get a slip of the pen, and how many of their longer words.
SLIPPED_ROWS, _SLIPPED_WORDS, _LONGER = 0.1, 0.15, 4


@dataclass(frozen=True)
class Example:
    """A row as the encoder learns it: the view of its text, shares in 0..1 (NaN where unknown), its weight."""

    text: str
    targets: tuple[float, ...]
    weight: float
    source: str


def examples_of(rows: Sequence[TrainingRow]) -> list[Example]:
    """Return rows as examples; weights of far registers are raised, because breadth is what an encoder gains from."""
    return [
        Example(
            view(row.text),
            tuple(row.labels.get(label, float("nan")) for label in LABELS),
            _WEIGHTS.get(row.source, min(max(row.weight, _LEAST_WEIGHT), _LARGEST_WEIGHT)),
            row.source,
        )
        for row in rows
        if _DRAWN.get(row.source, 1.0) > 0
    ]


def drawn(examples: Sequence[Example], chance: random.Random) -> list[tuple[Example, float]]:
    """Return what one epoch learns from, shuffled, with the weight of each."""
    found = []
    for example in examples:
        share = _DRAWN.get(example.source, 1.0)
        wikipedia = example.source == "jigsaw_any"
        if wikipedia and example.targets[0] >= _HALF:
            share = 1.0
        if chance.random() < share:
            found.append((example, example.weight / share if wikipedia else example.weight))
    chance.shuffle(found)
    return found


def slipped(text: str, chance: random.Random) -> str:
    """Return the text with letters left out or changed about in a few of its longer words."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) > _LONGER and word.isalpha() and chance.random() < _SLIPPED_WORDS:
            at = chance.randrange(1, len(word) - 1)
            swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            words[i] = swapped if chance.random() < _HALF else word[:at] + word[at + 1 :]
    return " ".join(words)
