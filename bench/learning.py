"""What sixty decisions change on the evaluation sets, and how long learning them takes.

Usage: python bench/learning.py FOLDER_OF_EVALUATION_SETS

The decisions are those of tests/lessons.py; the sets are gzipped CSV files with a `text` column and label
columns in 0..1. Prints the AUC of each set and label before and after; exits with 1 where one moves by 0.005.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import classifiers
from bench import quality
from classifiers import artifact, data, evaluate, train
from tests import lessons

MOST_AUC_MOVES = 0.005


def decisions() -> list[data.TrainingRow]:
    jokes, scams = lessons.taught(30)
    fine = [data.TrainingRow(text, dict.fromkeys(classifiers.LABELS, 0.0)) for text in jokes]
    return fine + [data.TrainingRow(text, {"spam": 1.0}) for text in scams]


def held_back(classifier, texts, thresholds) -> int:
    lines = [thresholds[label]["publish_below"] for label in classifier.labels]
    rows = classifier.predict_proba(list(texts))
    return sum(any(value >= line for value, line in zip(row, lines, strict=True)) for row in rows.tolist())


def main(folder: Path) -> int:
    base = classifiers.bundled_path()
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "candidate"
        began = time.process_time()
        train.train([], out, extra_rows=decisions(), base=base)
        print(f"learning 60 decisions: {time.process_time() - began:.2f} s of CPU\n")
        before, after = artifact.load(base), artifact.load(out)
        thresholds = artifact.read_manifest(base)["thresholds"]
    for name in ("UNSEEN_JOKES", "UNSEEN_SCAMS", "STILL_ABUSE", "STILL_FINE"):
        texts = getattr(lessons, name)
        counts = [held_back(model, texts, thresholds) for model in (before, after)]
        print(f"{name:14} of {len(texts)} held back: {counts[0]} before, {counts[1]} after")
    print(f"\n{'set':28}{'label':18}{'before':>9}{'after':>9}{'moved':>9}")
    return 1 if max(map(abs, _moves(folder, before, after)), default=0.0) >= MOST_AUC_MOVES else 0


def _moves(folder, before, after):
    for file in sorted(folder.glob("*.csv.gz")):
        rows = quality.rows_of(file, file.name.removesuffix(".csv.gz"))
        found = [evaluate.evaluate(model, rows)["labels"] for model in (before, after)]
        for label in found[0]:
            old, new = (report[label]["auc"] for report in found)
            print(f"{file.name.removesuffix('.csv.gz'):28}{label:18}{old:9.4f}{new:9.4f}{new - old:+9.4f}")
            yield new - old


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
