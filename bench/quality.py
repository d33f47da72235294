"""How good a model is: every evaluation set, every label it has, with 95 % intervals.

Usage: python bench/quality.py FOLDER_OF_EVALUATION_SETS [MODEL_DIR] [--write]

The sets are gzipped CSV files with a `text` column and label columns in 0..1; they are never trained on. A set
whose labels are not ours is read through ALIASES; a column `perspective_toxicity` is measured beside ours on the
same rows. `--write` puts the table into docs/classifiers.md.
"""

import csv
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import classifiers
from classifiers import artifact, data, evaluate, metrics
from classifiers.data import TrainingRow

# A label that we do not have: what it is compared with.
ALIASES = {"unhealthy_test": ("hostile", "toxicity")}
OURS = {
    "polite_comments": "ordinary polite comments (ours, never looked at in training)",
    "hard_words": "ordinary comments with hard words used harmlessly (ours)",
}
BEGIN, END = "<!-- made by bench/quality.py: begin -->", "<!-- end of quality -->"


def columns(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt", newline="") as stream:
        return list(csv.DictReader(stream))


def rows_of(file: Path, name: str) -> list[TrainingRow]:
    if name not in ALIASES:
        return list(data.load([file]))
    theirs, ours = ALIASES[name]
    return [TrainingRow(row["text"], {ours: float(row[theirs])}) for row in columns(file) if row[theirs]]


def table(model: classifiers.Classifier, folder: Path) -> Iterator[str]:
    yield "| Set | Label | Rows | Bad | AUC | Average precision |"
    yield "|---|---|---|---|---|---|"
    for file in sorted(folder.glob("*.csv.gz")):
        name = file.name.removesuffix(".csv.gz")
        report = evaluate.evaluate(model, rows_of(file, name))
        for label, found in report["labels"].items():
            shown = f"{ALIASES[name][0]}, by {label}" if name in ALIASES else label
            cells = [interval(found, figure) for figure in ("auc", "average_precision")]
            yield f"| {name} | {shown} | {found['rows']} | {found['positives']} | {' | '.join(cells)} |"


def interval(found: dict, figure: str) -> str:
    low, high = found[f"{figure}_interval"]
    return f"{found[figure]:.4f} ({low:.3f} to {high:.3f})"


def perspective(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.csv.gz")):
        found = columns(file)
        if "perspective_toxicity" in found[0]:
            scores = np.array([float(row["perspective_toxicity"]) for row in found])
            bad = np.array([float(row["toxicity"]) >= 0.5 for row in found])
            area = metrics.auc(scores, bad)
            yield f"Perspective's own scores on the same rows of {file.name.removesuffix('.csv.gz')}: AUC {area:.4f}."


def lines_of(model: classifiers.Classifier) -> tuple[np.ndarray, np.ndarray]:
    lines = [model.thresholds[label] for label in model.labels]
    return tuple(np.array([line[name] for line in lines]) for name in ("publish_below", "reject_above"))


def held_back(model: classifiers.Classifier, texts: list[str]) -> tuple[int, int]:
    """How many of the texts the default policy queues and rejects by their scores."""
    publish, reject = lines_of(model)
    scores = model.predict_proba(texts)
    rejected = (scores >= reject).any(axis=1)
    return int((scores >= publish).any(axis=1).sum() - rejected.sum()), int(rejected.sum())


def ordinary(model: classifiers.Classifier, folder: Path) -> Iterator[str]:
    texts_of = ROOT / "tests" / "classifiers"
    groups = {what: (texts_of / f"{name}.txt").read_text().splitlines() for name, what in OURS.items()}
    for name, what in (
        ("civil_ordinary", "civil_ordinary rows with toxicity 0"),
        ("identity_templates", "neutral sentences about groups (identity_templates)"),
    ):
        file = folder / f"{name}.csv.gz"
        groups[what] = [row["text"] for row in columns(file) if float(row["toxicity"]) == 0]
    for what, texts in groups.items():
        queued, rejected = held_back(model, texts)
        yield f"Of {len(texts)} {what}, the default policy queues {queued} and rejects {rejected}."


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    folder, directory = Path(words[0]), Path(words[1]) if len(words) > 1 else classifiers.bundled_path()
    model = artifact.load(directory)
    lines = [f"Model `{model.version}`. In brackets: 95 % bootstrap intervals.", ""]
    lines += [*table(model, folder), "", *perspective(folder), "", *ordinary(model, folder)]
    print("\n".join(lines))
    if "--write" in sys.argv:
        page = ROOT / "docs" / "classifiers.md"
        before, rest = page.read_text().split(BEGIN)
        page.write_text("\n".join([f"{before}{BEGIN}", *lines, f"{END}{rest.split(END, 1)[1]}"]))


if __name__ == "__main__":
    main()
