"""Fine-tune the small encoder on a CPU: ``python -m classifiers.encoder_train --out FOLDER DATA...``.

Needs the extra ``encoder-training`` (torch, transformers and a package with the pretrained weights); nothing that
serves imports this. One linear layer over the mean of the last hidden states gives the log-odds of all labels; each
row trains only the labels it has. The rate falls with what is done of the rows or of the time, whichever is more, so
that a training with ``--minutes`` ends well-cooled on any machine. A checkpoint is written every few minutes.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import AutoConfig, AutoModel

from classifiers import corpus, metrics, recipe
from classifiers.base import LABELS
from classifiers.encoder_data import SLIPPED_ROWS, Example, drawn, examples_of, slipped
from classifiers.wordpiece import WordPiece

TOKENS = 72
SCORED_TOKENS = 128
BATCH_ROWS = 64
RATE, WARMUP_STEPS, GRADIENT_NORM, DECAY = 9e-5, 200, 1.0, 0.01
_SORTED_BATCHES = 48
_CHECKPOINT_SECONDS, _TOLD_STEPS = 300.0, 10
_CHECKED_ROWS = 700
_HALF = 0.5
# Most rows are clean: with this bias the first steps need not find that out.
_FIRST_BIAS = -2.0
# How much an error of a label costs: toxicity is what is decided on most.
_LABEL_COSTS = (2.0, 0.7, 1.0, 1.0, 1.2, 1.5, 1.2)


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


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class Batches:
    """Draws and tokenises: endless batches of about one length each."""

    def __init__(self, examples: Sequence[Example], vocabulary: WordPiece, seed: int) -> None:
        self._examples, self._vocabulary, self._chance = examples, vocabulary, random.Random(seed)
        self.rows_an_epoch = len(drawn(examples, random.Random(seed)))

    def __iter__(self) -> Iterator[Batch]:
        while True:
            epoch = drawn(self._examples, self._chance)
            for group in _chunks(epoch):
                yield from self._of(group)

    def _of(self, group: Sequence[tuple[Example, float]]) -> Iterator[Batch]:
        texts = [
            slipped(one.text, self._chance) if self._chance.random() < SLIPPED_ROWS else one.text for one, _ in group
        ]
        ids = [
            self._window(self._vocabulary.tokens(text).ids, one) for text, (one, _) in zip(texts, group, strict=True)
        ]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        batches = [order[first : first + BATCH_ROWS] for first in range(0, len(order), BATCH_ROWS)]
        self._chance.shuffle(batches)
        for batch in batches:
            numbers, mask = padded([ids[i] for i in batch])
            targets = torch.tensor([group[i][0].targets for i in batch])
            yield numbers, mask, targets, torch.tensor([group[i][1] for i in batch])

    def _window(self, ids: list[int], example: Example) -> list[int]:
        """Cut to length: the head, or any part of a text that is clean throughout."""
        room, first = TOKENS - 2, 0
        if len(ids) > room and example.targets[0] == 0 and self._chance.random() < _HALF:
            first = self._chance.randrange(len(ids) - room + 1)
        return [self._vocabulary.first, *ids[first : first + room], self._vocabulary.last]


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
def logits_of(model: Encoder, vocabulary: WordPiece, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return log-odds of (n_texts, n_labels) of the heads of texts, given as views."""
    model.eval()
    tokens = [vocabulary.tokens(text).ids[: SCORED_TOKENS - 2] for text in texts]
    ids = [[vocabulary.first, *of_text, vocabulary.last] for of_text in tokens]
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
    vocabulary: WordPiece
    batches: Batches
    checked: Sequence[Example]
    out: Path
    epochs: float
    seconds: float
    # The share of a whole training that lies behind a checkpoint that is taken further.
    behind: float = 0.0

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
            rate = RATE * min((step + 1) / WARMUP_STEPS, 1.0) * (1.0 - done) * (1.0 - self.behind)
            loss = self._step(optimizer, batch, rate)
            sliding = loss if step == 0 else 0.98 * sliding + 0.02 * loss
            if step % _TOLD_STEPS == 0:
                _tell(_progress((step + 1) * BATCH_ROWS, done, spent, sliding))
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
        unfinished.replace(self.out / "checkpoint.pt")
        scores = logits_of(self.model, self.vocabulary, [one.text for one in self.checked])
        _tell("saved; AUC on held-out rows: " + ", ".join(_aucs(scores, self.checked)))


def _aucs(scores: NDArray[np.float32], examples: Sequence[Example]) -> Iterator[str]:
    targets = np.array([one.targets for one in examples])
    for i, label in enumerate(LABELS):
        known = ~np.isnan(targets[:, i])
        bad = targets[known, i] >= _HALF
        if bad.any() and not bad.all():
            counts = metrics.class_counts(scores[known, i].astype(np.float64), bad, np.ones(len(bad)))
            yield f"{label} {metrics.auc_of_counts(*counts):.4f}"


def _progress(rows: int, done: float, spent: float, loss: float) -> str:
    left = spent * (1 - done) / done / 60 if done > 0 else float("inf")
    return f"{done:6.1%} {rows} rows, {rows / max(spent, 1.0):.0f} a second, loss {loss:.4f}, {left:.0f} min left"


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
    parser.add_argument("--further", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--behind", type=float, default=0.0, help="the share of the training that it has had")
    wanted = parser.parse_args()
    torch.manual_seed(wanted.seed)
    # Momenta of words that are not met fade to numbers so small that a processor takes many times as long for each.
    torch.set_flush_denormal(True)
    wanted.out.mkdir(parents=True, exist_ok=True)
    rows = corpus.read(wanted.data)
    held = corpus.held_out(rows, wanted.seed)
    examples = examples_of([row for row, kept in zip(rows, held, strict=True) if not kept])
    near = [row for row, kept in zip(rows, held, strict=True) if kept and recipe.source_of(row.source).stream[0]]
    checked = examples_of(random.Random(wanted.seed).sample(near, min(_CHECKED_ROWS, len(near))))
    vocabulary = WordPiece((wanted.pretrained / "vocab.txt").read_text())
    # Another seed for another part: what was drawn before would be drawn again.
    batches = Batches(examples, vocabulary, wanted.seed + bool(wanted.further))
    _tell(f"{len(examples)} rows, {batches.rows_an_epoch} an epoch, {held.sum()} held out")
    model = Encoder(wanted.pretrained)
    if wanted.further:
        model.load_state_dict(torch.load(wanted.further, weights_only=True))
    seconds = 60.0 * wanted.minutes
    Training(model, vocabulary, batches, checked, wanted.out, wanted.epochs, seconds, wanted.behind).run()


if __name__ == "__main__":
    main()
