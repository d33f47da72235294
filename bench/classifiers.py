"""The time of one comment: the shipped linear tier with NumPy alone, beside scikit-learn's usual pipeline.

Usage: python bench/classifiers.py FILE_OF_LABELLED_ROWS [--rows 20000]

The file is a gzipped CSV with `text` and `toxicity`; the pipeline (TF-IDF of words 1-2 and of characters 2-5 within
words, logistic regression) is fitted to its first rows and scores one label, ours scores seven. Both score the same
comments of 50 to 70 words, one at a time and in batches of 1,000, on one thread, in one run.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

sys.path.insert(0, str(Path(__file__).parent.parent))

import classifiers
from classifiers import artifact, data

WORDS = range(50, 71)
SINGLES, BATCH = 400, 1_000
Score = Callable[[Sequence[str]], object]


def pipeline(texts: Sequence[str], bad: np.ndarray) -> Score:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    made = make_pipeline(make_union(words, characters), LogisticRegression(C=4, solver="liblinear"))
    return made.fit(texts, bad).predict_proba


def one_at_a_time(score: Score, texts: Sequence[str]) -> float:
    """The median time of one comment, in microseconds."""
    times = []
    for text in texts[:SINGLES]:
        began = time.perf_counter()
        score([text])
        times.append(time.perf_counter() - began)
    return float(np.median(times)) * 1e6


def in_batches(score: Score, texts: Sequence[str]) -> float:
    """The time of one comment of a batch, the best of three, in microseconds."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        score(texts[:BATCH])
        times.append(time.perf_counter() - began)
    return min(times) / len(texts[:BATCH]) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    asked = parser.parse_args()
    rows = [row for row in data.load([asked.file]) if "toxicity" in row.labels]
    texts = [row.text for row in rows if len(row.text.split()) in WORDS][: 2 * BATCH]
    model = artifact.load(classifiers.bundled_path(), artifact.LINEAR)
    learnt = rows[: asked.rows]
    theirs = pipeline([row.text for row in learnt], np.array([row.labels["toxicity"] >= 0.5 for row in learnt]))
    print(f"{len(texts)} comments of 50 to 70 words; the pipeline was fitted to {len(learnt)} rows.\n")
    print(f"{'':24}{'one, p50 us':>14}{'of 1,000, us':>14}")
    figures = {}
    for name, score in (("scikit-learn, 1 label", theirs), ("linear tier, 7 labels", model.predict_proba)):
        figures[name] = one_at_a_time(score, texts), in_batches(score, texts)
        print(f"{name:24}{figures[name][0]:14.0f}{figures[name][1]:14.0f}")
    slow, fast = figures.values()
    print(f"{'ratio':24}{slow[0] / fast[0]:14.1f}{slow[1] / fast[1]:14.1f}")


if __name__ == "__main__":
    main()
