"""Rows of labelled text as the arrays that training works on, split by seed."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from classifiers import data, features, normalize, recipe
from classifiers.base import LABELS
from classifiers.data import TrainingRow

Progress = Callable[[int, int, str], None]
_BATCH_ROWS = 512
_PARTS = 10_000
_HALF = 0.5


@dataclass(frozen=True)
class Corpus:
    """Rows of text as arrays.

    ``hits`` (n_rows, BUCKETS): 1 where a row has a feature; ``targets`` and ``known`` (n_rows, n_labels): shares
    in 0..1 and whether the row says anything of the label; ``weights`` (n_rows,); ``sources``: the name of each.
    """

    hits: sparse.csr_matrix
    targets: NDArray[np.float32]
    known: NDArray[np.bool_]
    weights: NDArray[np.float32]
    sources: Sequence[str]

    def part(self, chosen: NDArray[np.bool_]) -> "Corpus":
        """Return only the chosen rows."""
        return Corpus(
            self.hits[chosen],
            self.targets[chosen],
            self.known[chosen],
            self.weights[chosen],
            [source for source, wanted in zip(self.sources, chosen, strict=True) if wanted],
        )


def read(paths: Iterable[Path]) -> list[TrainingRow]:
    """Read what the recipe takes from files and folders; raise ``data.DataError``."""
    files = [file for path in map(Path, paths) for file in _of(path)]
    return recipe.mixed(data.load(files))


def _of(path: Path) -> list[Path]:
    found = data.files([path])
    if not path.is_dir():
        return found
    return [file for file in found if not recipe.source_of(data.source_name(file)).skipped]


def fingerprint(rows: Sequence[TrainingRow]) -> str:
    """Return a SHA-256 over texts, labels and weights in order."""
    digest = hashlib.sha256()
    for row in rows:
        labels = sorted(row.labels.items())
        digest.update(repr((row.text, labels, row.weight, row.source)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def held_out(rows: Sequence[TrainingRow], seed: int) -> NDArray[np.bool_]:
    """Return which rows are kept from training: by seed and text, so that copies of one text stay together."""
    return np.array([_part(row.text, seed) < _PARTS * recipe.source_of(row.source).held for row in rows], dtype=bool)


def _part(text: str, seed: int) -> int:
    digest = hashlib.blake2b(f"{seed}:{text}".encode("utf-8", "surrogatepass"), digest_size=4)
    return int.from_bytes(digest.digest(), "big") % _PARTS


def build(rows: Sequence[TrainingRow], progress: Progress) -> Corpus:
    """Hash all rows; of a long text its first window teaches."""
    parts: list[features.Rows] = []
    for first in range(0, len(rows), _BATCH_ROWS):
        texts = [row.text for row in rows[first : first + _BATCH_ROWS]]
        canonicals = [normalize.canonical(text)[: features.WINDOW_CHARACTERS] for text in texts]
        parts.append(features.extract(canonicals, texts))
        progress(min(first + _BATCH_ROWS, len(rows)), len(rows), "reading the texts")
    targets = np.full((len(rows), len(LABELS)), np.nan, dtype=np.float32)
    for i, row in enumerate(rows):
        targets[i] = [row.labels.get(label, np.nan) for label in LABELS]
    known = ~np.isnan(targets)
    return Corpus(
        matrix(parts),
        np.where(known, targets, np.float32(0)),
        known,
        np.array([row.weight for row in rows], dtype=np.float32),
        [row.source for row in rows],
    )


def matrix(parts: Sequence[features.Rows]) -> sparse.csr_matrix:
    """Return hashed rows as a matrix of ones (n_rows, BUCKETS)."""
    counts = np.concatenate([np.diff(part.starts) for part in parts]) if parts else np.zeros(0, np.intp)
    starts = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=starts[1:])
    buckets = np.concatenate([part.buckets for part in parts]) if parts else np.zeros(0, np.uint32)
    ones = np.ones(len(buckets), dtype=np.float32)
    return sparse.csr_matrix((ones, buckets.astype(np.int32), starts), shape=(len(counts), features.BUCKETS))


def occurrences(hits: sparse.csr_matrix) -> NDArray[np.int64]:
    """Return in how many rows each feature occurs."""
    return np.bincount(hits.indices, minlength=features.BUCKETS)


def scaled(hits: sparse.csr_matrix, values: NDArray[np.float32]) -> sparse.csr_matrix:
    """Return rows of feature values with a length of 1, as the classifier sees them."""
    found = values[hits.indices]
    squares = np.add.reduceat(np.square(found, dtype=np.float64), hits.indptr[:-1]) if len(found) else np.zeros(0)
    lengths = np.repeat(np.sqrt(squares), np.diff(hits.indptr)).astype(np.float32)
    return sparse.csr_matrix((found / lengths, hits.indices, hits.indptr), shape=hits.shape)


def stream_weights(part: Corpus) -> NDArray[np.float64]:
    """Return what each row weighs in the ordinary stream of a news site."""
    bad = np.asarray((part.targets >= _HALF).any(axis=1))
    of_source = {name: recipe.source_of(name).stream for name in set(part.sources)}
    return np.array([of_source[name][int(is_bad)] for name, is_bad in zip(part.sources, bad.tolist(), strict=True)])
