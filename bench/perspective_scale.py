"""Fit our toxicity to Perspective's scale, and say by cross-fitting how well thresholds keep their meaning.

Usage: python bench/perspective_scale.py WIKIPEDIA_CONTEXT_GN.csv.gz [--model DIR] [--write]

The file has the columns `text` and `perspective_toxicity`. As many comments stand above a line on the one scale as on
the other, with a knot at each line that sites draw. Each row is mapped by a fit that
has not seen its fold. `--write` fits on all rows and writes classifiers/scales/VERSION.json for the model at hand,
which is all there is to do after a retraining. Exits with 1 where a share is off by more than a quarter or the mean
absolute difference is above 0.10.
"""

import argparse
import csv
import gzip
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

import classifiers
from classifiers import artifact

LINES = (0.5, 0.6, 0.7, 0.8, 0.9)
FOLDS, SEEDS = 5, 20
# Below the lines the quantiles of the one side are mapped to those of the other.
LEVELS = np.linspace(0.0025, 0.95, 20)
# A knot at each of these values of Perspective's, and so at the lines that sites draw.
KNOTS = np.arange(50, 100, 5) / 100
LEAST_ABOVE = 3
TIERS = (artifact.FULL, artifact.LINEAR)
MOST_OFF, MOST_DIFFERENCE = 0.25, 0.10
SHIPPED = Path(classifiers.__file__).parent / "scales"


def fit(ours, theirs):
    """Return the knots on both sides, ends included, both strictly ascending.

    A knot above the quantiles is a line of Perspective's and the value of ours that as many rows reach, midway between
    the last that does and the first that does not: the expected share of unseen rows above it is then the same.
    """
    knots = [(np.quantile(ours, level), np.quantile(theirs, level)) for level in LEVELS]
    ranked, last = np.sort(ours), knots[-1][1]
    for line in KNOTS[last < KNOTS]:
        above = int((theirs >= line).sum())
        if above >= LEAST_ABOVE:
            knots.append((ranked[-above - 1 : len(ranked) - above + 1].mean(), line))
    kept = [(0.0, 0.0)]
    for knot in np.round(knots, 6).tolist():
        if all(before < value < 1.0 for before, value in zip(kept[-1], knot, strict=True)):
            kept.append(tuple(knot))
    return tuple(np.array(side) for side in zip(*kept, (1.0, 1.0), strict=True))


def cross_fitted(ours, theirs, seed):
    folds = np.random.default_rng(seed).permutation(len(ours)) % FOLDS
    mapped = np.empty_like(ours)
    for fold in range(FOLDS):
        unseen = folds == fold
        mapped[unseen] = np.interp(ours[unseen], *fit(ours[~unseen], theirs[~unseen]))
    return mapped


def report(ours, theirs):
    """Print the table; return what is kept beside the knots."""
    runs = [cross_fitted(ours, theirs, seed) for seed in range(SEEDS)]
    n = len(ours)
    print(
        f"{'line':>5}{'Perspective':>13}{'ours, unmapped':>16}{'ours, unseen folds':>20}{'ratio':>8}{'over seeds':>15}"
    )
    shares = {}
    for line in LINES:
        wanted = int((theirs >= line).sum())
        ratios = [int((run >= line).sum()) / wanted for run in runs]
        mean = float(np.mean(ratios))
        shares[str(line)] = {"theirs": wanted / n, "ours": round(mean * wanted / n, 6), "ratio": round(mean, 3),
                             "lowest": round(min(ratios), 3), "highest": round(max(ratios), 3)}  # fmt: skip
        plain = (ours >= line).mean()
        print(f"{line:5.1f}{wanted / n:13.3%}{plain:16.3%}{mean * wanted / n:20.3%}{mean:8.3f}"
              f"{min(ratios):8.3f}-{max(ratios):.3f}")  # fmt: skip
    difference = float(np.mean([np.abs(run - theirs).mean() for run in runs]))
    plain = float(np.abs(ours - theirs).mean())
    print(f"mean absolute difference: {difference:.4f} on unseen folds ({plain:.4f} unmapped)")
    print(f"{n} rows, {FOLDS} folds, {SEEDS} divisions into folds")
    return {
        "rows": n,
        "folds": FOLDS,
        "seeds": SEEDS,
        "shares": shares,
        "mean_absolute_difference": round(difference, 4),
    }


def read(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["perspective_toxicity"]]
    return [row["text"] for row in rows], np.array([float(row["perspective_toxicity"]) for row in rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, default=classifiers.bundled_path())
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    texts, theirs = read(options.data)
    # A model of two tiers answers under two names: by both, and by the first alone.
    models = {model.version: model for model in (artifact.load(options.model, tier) for tier in TIERS)}
    found = [measured(model, texts, theirs) for model in models.values()]
    if options.write:
        write({version: content for version, (content, _) in zip(models, found, strict=True)})
    return int(any(failed for _, failed in found))


def measured(model, texts, theirs):
    """Return what a map's file holds, and whether it fails the bounds."""
    ours = model.predict_proba(texts)[:, model.labels.index("toxicity")].astype(float)
    print(f"model {model.version}")
    found = report(ours, theirs)
    knots = [side.tolist() for side in fit(ours, theirs)]
    content = {"model_version": model.version, "attribute": "TOXICITY", "ours": knots[0], "theirs": knots[1],
               "cross_fitted": found}  # fmt: skip
    off = [abs(share[end] - 1.0) for share in found["shares"].values() for end in ("lowest", "highest")]
    return content, max(off) > MOST_OFF or found["mean_absolute_difference"] > MOST_DIFFERENCE


def write(maps):
    """Keep the maps of the model at hand and no other."""
    SHIPPED.mkdir(exist_ok=True)
    for old in SHIPPED.glob("*.json"):
        old.unlink()
    for version, content in maps.items():
        (SHIPPED / f"{version}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"classifiers/scales/{version}.json")


if __name__ == "__main__":
    sys.exit(main())
