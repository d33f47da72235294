"""Fine-tune the small encoder on a CPU: ``python -m classifiers.encoder_train --out FOLDER DATA...``.

Needs the extra ``encoder-training`` (torch, transformers and a package with the pretrained weights); nothing that
serves imports this. One linear layer over the mean of the last hidden states gives the log-odds of all labels; each
row trains only the labels it has. The rate falls with what is done of the rows or of the time, whichever is more, so
that a training with ``--minutes`` ends well-cooled on any machine. A checkpoint is written every few minutes.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, AutoModel

from classifiers import corpus, metrics
from classifiers.base import LABELS
from classifiers.data import TrainingRow
from classifiers.encoder_text import view

TOKENS = 72
SCORED_TOKENS = 128
BATCH_ROWS = 64
RATE, WARMUP_STEPS, GRADIENT_NORM, DECAY = 9e-5, 200, 1.0, 0.01
_SORTED_BATCHES = 48
_CHECKPOINT_SECONDS, _TOLD_STEPS = 360.0, 10
_CHECKED_ROWS = 700
_HALF = 0.5
# Most rows are clean: with this bias the first steps need not find that out.
_FIRST_BIAS = -2.0
# How much an error of a label costs: toxicity is what is decided on most.
_LABEL_COSTS = (2.0, 0.7, 1.0, 1.0, 1.2, 1.5, 1.2)
# The share of a data set that one epoch draws; of jigsaw_any only of its clean rows, which then weigh more.
_DRAWN: Mapping[str, float] = MappingProxyType({
    "jigsaw_any": 0.45,
    "davidson_tweets": 0.4,
    "email_spam": 0.12,
    "gab_hate_corpus": 0.5,
    "implicit_hate": 0.6,
    "online_misogyny_reddit": 0.7,
    "politeness_requests": 0.4,
    "stormfront": 0.5,
    "telegram_spam": 0.0,
})
_LEAST_WEIGHT, _LARGEST_WEIGHT = 0.5, 6.0
_LEAST_FOR = frozenset({"email_spam"})
# How many rows get a slip of the pen, and how many of their longer words.
_SLIPPED_ROWS, _SLIPPED_WORDS, _LONGER = 0.1, 0.15, 4


@dataclass(frozen=True)
class Example:
    """A row as the encoder learns it: the view of its text, shares in 0..1 (NaN where unknown), its weight."""

    text: str
    targets: tuple[float, ...]
    weight: float
    source: str


class Encoder(nn.Module):
    """A pretrained encoder under one linear layer for all labels."""

    def __init__(self, pretrained: Path) -> None:
        super().__init__()
        config = AutoConfig.from_pretrained(pretrained, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        self.encoder = AutoModel.from_pretrained(
            pretrained, config=config, attn_implementation="eager", add_pooling_layer=False
        )
        self.head = nn.Linear(config.hidden_size, len(LABELS))
        nn.init.constant_(self.head.bias, _FIRST_BIAS)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return log-odds of shape (n_texts, n_labels)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return self.head((hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0))


def examples_of(rows: Sequence[TrainingRow]) -> list[Example]:
    """Return rows as examples; weights of far registers are raised, because breadth is what an encoder gains from."""
    return [
        Example(
            view(row.text),
            tuple(row.labels.get(label, float("nan")) for label in LABELS),
            row.weight if row.source in _LEAST_FOR else min(max(row.weight, _LEAST_WEIGHT), _LARGEST_WEIGHT),
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


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class Batches:
    """Draws and tokenises: endless batches of about one length each."""

    def __init__(self, examples: Sequence[Example], tokenizer: Tokenizer, seed: int) -> None:
        self._examples, self._tokenizer, self._chance = examples, tokenizer, random.Random(seed)
        self.rows_an_epoch = len(drawn(examples, random.Random(seed)))

    def __iter__(self) -> Iterator[Batch]:
        while True:
            epoch = drawn(self._examples, self._chance)
            for group in _chunks(epoch):
                yield from self._of(group)

    def _of(self, group: Sequence[tuple[Example, float]]) -> Iterator[Batch]:
        texts = [
            slipped(one.text, self._chance) if self._chance.random() < _SLIPPED_ROWS else one.text for one, _ in group
        ]
        found = self._tokenizer.encode_batch_fast(texts)
        ids = [self._window(tokens.ids, one) for tokens, (one, _) in zip(found, group, strict=True)]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        batches = [order[first : first + BATCH_ROWS] for first in range(0, len(order), BATCH_ROWS)]
        self._chance.shuffle(batches)
        for batch in batches:
            yield padded([ids[i] for i in batch]) + (
                torch.tensor([group[i][0].targets for i in batch]),
                torch.tensor([group[i][1] for i in batch]),
            )

    def _window(self, ids: list[int], example: Example) -> list[int]:
        """Cut to length: the head, or any part of a text that is clean throughout."""
        inner, room = ids[1:-1], TOKENS - 2
        first = 0
        if len(inner) > room and example.targets[0] == 0 and self._chance.random() < _HALF:
            first = self._chance.randrange(len(inner) - room + 1)
        return [ids[0], *inner[first : first + room], ids[-1]]


def _chunks(epoch: Sequence[tuple[Example, float]]) -> Iterator[Sequence[tuple[Example, float]]]:
    size = BATCH_ROWS * _SORTED_BATCHES
    for first in range(0, len(epoch), size):
        yield epoch[first : first + size]


def padded(ids: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token numbers and mask as tensors of (n_texts, longest)."""
    longest = max(map(len, ids))
    numbers = torch.tensor([[*row, *[0] * (longest - len(row))] for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    return numbers, mask


def loss_of(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the weighted log loss over the labels that each row knows."""
    known = ~torch.isnan(targets)
    costs = torch.tensor(_LABEL_COSTS) * weights.unsqueeze(1) * known
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits.float(), torch.where(known, targets, torch.zeros(())), reduction="none"
    )
    return (losses * costs).sum() / (len(targets) * sum(_LABEL_COSTS) / 2)


@torch.inference_mode()
def logits_of(model: Encoder, tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """Return log-odds of (n_texts, n_labels) of the heads of texts, given as views."""
    model.eval()
    ids = [found.ids[: SCORED_TOKENS - 1] + [found.ids[-1]] for found in tokenizer.encode_batch_fast(list(texts))]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    scores = np.empty((len(ids), len(LABELS)), dtype=np.float32)
    for first in range(0, len(order), BATCH_ROWS):
        batch = order[first : first + BATCH_ROWS]
        with torch.autocast("cpu", torch.bfloat16):
            scores[batch] = model(*padded([ids[i] for i in batch])).float().numpy()
    model.train()
    return scores


@dataclass
class Training:
    """Everything that one run of training holds."""

    model: Encoder
    tokenizer: Tokenizer
    batches: Batches
    checked: Sequence[Example]
    out: Path
    epochs: float
    seconds: float

    def run(self) -> None:
        """Train to the end and leave the last checkpoint in ``out``."""
        steps = max(1, int(self.epochs * self.batches.rows_an_epoch / BATCH_ROWS))
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
        began = saved = time.monotonic()
        sliding = 0.0
        self.model.train()
        for step, batch in enumerate(self.batches):
            spent = time.monotonic() - began
            done = max(step / steps, spent / self.seconds)
            if done >= 1.0:
                break
            loss = self._step(optimizer, batch, RATE * min((step + 1) / WARMUP_STEPS, 1.0) * (1.0 - done))
            sliding = loss if step == 0 else 0.98 * sliding + 0.02 * loss
            if step % _TOLD_STEPS == 0:
                left = spent * (1 - done) / done if done > 0 and step else self.seconds
                rows = (step + 1) * BATCH_ROWS
                _tell(f"{done:6.1%} {rows} rows {rows / max(spent, 1):.0f}/s loss {sliding:.4f} {left / 60:.0f} min left")
            if time.monotonic() - saved >= _CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        self._save()

    def _step(self, optimizer: torch.optim.Optimizer, batch: Batch, rate: float) -> float:
        numbers, mask, targets, weights = batch
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.model(numbers, mask)
        loss = loss_of(logits, targets, weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        optimizer.step()
        return float(loss.detach())

    def _save(self) -> None:
        unfinished = self.out / "checkpoint.new"
        torch.save(self.model.state_dict(), unfinished)
        os.replace(unfinished, self.out / "checkpoint.pt")
        scores = logits_of(self.model, self.tokenizer, [one.text for one in self.checked])
        _tell("saved; AUC on held-out rows: " + ", ".join(_aucs(scores, self.checked)))


def _aucs(scores: np.ndarray, examples: Sequence[Example]) -> Iterator[str]:
    targets = np.array([one.targets for one in examples])
    for i, label in enumerate(LABELS):
        known = ~np.isnan(targets[:, i])
        bad = targets[known, i] >= _HALF
        if bad.any() and not bad.all():
            counts = metrics.class_counts(scores[known, i].astype(np.float64), bad, np.ones(len(bad)))
            yield f"{label} {metrics.auc_of_counts(*counts):.4f}"


def _tell(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")
    sys.stderr.flush()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--pretrained", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    torch.manual_seed(wanted.seed)
    # Momenta of words that are not met fade to numbers so small that a processor takes many times as long for each.
    torch.set_flush_denormal(True)
    wanted.out.mkdir(parents=True, exist_ok=True)
    rows = corpus.read(wanted.data)
    held = corpus.held_out(rows, wanted.seed)
    examples = examples_of([row for row, kept in zip(rows, held, strict=True) if not kept])
    near = [row for row, kept in zip(rows, held, strict=True) if kept and corpus.recipe.source_of(row.source).stream[0]]
    checked = examples_of(random.Random(wanted.seed).sample(near, min(_CHECKED_ROWS, len(near))))
    tokenizer = Tokenizer.from_file(str(wanted.pretrained / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    batches = Batches(examples, tokenizer, wanted.seed)
    _tell(f"{len(examples)} rows, {batches.rows_an_epoch} an epoch, {held.sum()} held out")
    seconds = 60.0 * wanted.minutes
    Training(Encoder(wanted.pretrained), tokenizer, batches, checked, wanted.out, wanted.epochs, seconds).run()


if __name__ == "__main__":
    main()
