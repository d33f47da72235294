"""From rows to a model directory, with and without the data of the base."""

import csv
import fcntl
import gzip
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from classifiers import ArtifactError, artifact, recipe
from classifiers.base import LABELS
from classifiers.data import DataError, TrainingRow
from classifiers.train import train
from tests.classifiers.conftest import synthetic_rows

TOXICITY, SPAM = LABELS.index("toxicity"), LABELS.index("spam")
JOKES = [f"you stupid walnut, {news}" for news in ("the ferry left", "I missed you", "bring cake", "good game")]
ADVERTS = [f"moonbeam tokens {what}, ask Lara" for what in ("pay my rent", "double", "never fall", "made me rich")]


def write(file, rows):
    names = ("text", "toxicity", "insult", "spam")
    with gzip.open(file, "wt", newline="") if file.suffix == ".gz" else file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows([[row.text, *(row.labels.get(name, "") for name in names[1:])] for row in rows])
    return file


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def score(path, texts, label):
    return artifact.load(path).predict_proba(texts)[:, label]


def decisions():
    fine = [TrainingRow(text, dict.fromkeys(LABELS, 0.0)) for text in JOKES[:3]]
    return fine * 5 + [TrainingRow(text, {"spam": 1.0}) for text in ADVERTS[:3]] * 5


def test_a_model_learns_what_the_rows_say(tiny):
    scores = tiny.predict_proba(
        ["your cousin is a pathetic moron", "free casino pills at www.pills.example", "we had a decent talk"]
    )

    assert min(scores[0, TOXICITY], scores[1, SPAM]) > 0.8
    assert max(scores[0, SPAM], scores[1, TOXICITY]) < 0.2
    assert scores[2, [TOXICITY, SPAM]].max() < 0.2


def test_a_label_that_no_row_knows_stays_low(tiny):
    assert tiny.predict_proba(["you pathetic moron"])[0, LABELS.index("threat")] < 0.05


def test_the_same_rows_and_seed_give_the_same_bytes(tmp_path):
    file = write(tmp_path / "rows.csv", synthetic_rows())
    for name in ("first", "second"):
        train([file], tmp_path / name, seed=3)

    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")


def test_another_seed_holds_out_other_rows(tmp_path):
    file = write(tmp_path / "rows.csv", synthetic_rows())
    versions = {train([file], tmp_path / str(seed), seed=seed)["version"] for seed in (1, 2)}

    assert len(versions) == 2


def test_files_packed_files_and_folders_are_read(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "one.csv", synthetic_rows(90))
    write(tmp_path / "data" / "two.csv.gz", synthetic_rows(60, seed=1))

    manifest = train([tmp_path / "data"], tmp_path / "model")

    assert {name: found["rows"] for name, found in manifest["data"]["sets"].items()} == {"one": 90, "two": 60}


def test_held_out_rows_make_probabilities_and_lines(tmp_path):
    manifest = train([write(tmp_path / "rows.csv", synthetic_rows(1_200))], tmp_path / "model")

    assert manifest["metrics"]["toxicity"]["all"]["auc"] > 0.95
    lines = manifest["thresholds"]["toxicity"]
    assert 0.3 <= lines["publish_below"] <= lines["reject_above"] <= 0.97


def test_progress_is_told_by_stage(tmp_path):
    told = []

    train([], tmp_path / "model", extra_rows=synthetic_rows(60), progress=lambda *step: told.append(step))

    assert {what for _, _, what in told} == {"reading the texts", "learning"}
    assert all(0 <= done <= total for done, total, _ in told)


def test_a_folder_leaves_out_what_may_not_be_shipped_unless_it_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "ours.csv", synthetic_rows(60))
    named = write(tmp_path / "data" / "tweeteval_hate.csv", synthetic_rows(60, seed=1))

    folder = train([tmp_path / "data"], tmp_path / "folder")
    both = train([tmp_path / "data", named], tmp_path / "both")

    assert set(folder["data"]["sets"]) == {"ours"}
    assert set(both["data"]["sets"]) == {"ours", "tweeteval_hate"}


class TestDecisions:
    def test_are_learnt_together_with_base_data(self, tmp_path):
        file = write(tmp_path / "rows.csv", synthetic_rows(600))
        train([file], tmp_path / "plain")
        train([file], tmp_path / "taught", extra_rows=decisions())

        plain, taught = (score(tmp_path / name, JOKES[3:], TOXICITY)[0] for name in ("plain", "taught"))
        assert plain > 0.5 > taught
        assert score(tmp_path / "taught", ADVERTS[3:], SPAM)[0] > 0.5

    def test_move_a_base_model_without_its_data(self, tiny_path, tmp_path):
        train([], tmp_path / "taught", extra_rows=decisions(), base=tiny_path)

        before, after = (
            (score(path, JOKES[3:], TOXICITY)[0], score(path, ADVERTS[3:], SPAM)[0])
            for path in (tiny_path, tmp_path / "taught")
        )
        assert after[0] < before[0] / 2
        assert after[1] > 0.5 > before[1]

    def test_leave_what_the_base_knew_well(self, tiny_path, tmp_path):
        rows = synthetic_rows(120, seed=9)
        train([], tmp_path / "taught", extra_rows=decisions(), base=tiny_path)

        before, after = (
            artifact.load(path).predict_proba([row.text for row in rows]) for path in (tiny_path, tmp_path / "taught")
        )

        assert np.array_equal(before[:, [TOXICITY, SPAM]] > 0.5, after[:, [TOXICITY, SPAM]] > 0.5)

    def test_keep_calibration_and_lines_of_the_base_and_name_it(self, tiny_path, tmp_path):
        before = artifact.read_manifest(tiny_path)

        after = train([], tmp_path / "taught", extra_rows=decisions(), base=tiny_path)

        assert after["base"] == before["version"] != after["version"]
        assert after["data"]["base"] == before["data"]
        for part in ("calibration", "thresholds"):
            assert after[part] == before[part]

    def test_of_weight_nought_change_nothing(self, tiny_path, tmp_path):
        rows = [TrainingRow(text, {"spam": 1.0}, weight=0.0) for text in ADVERTS]

        train([], tmp_path / "same", extra_rows=rows, base=tiny_path)

        assert (tmp_path / "same" / "weights.npy").read_bytes() == (tiny_path / "weights.npy").read_bytes()

    def test_on_a_damaged_base_are_refused(self, tmp_path):
        with pytest.raises(ArtifactError, match="is missing"):
            train([], tmp_path / "model", extra_rows=decisions(), base=tmp_path)

        assert list(tmp_path.iterdir()) == []


class TestRefused:
    def test_without_any_labelled_row(self, tmp_path):
        with pytest.raises(DataError, match="nothing to learn"):
            train([], tmp_path / "model")

    def test_where_something_stands(self, tiny_path):
        before = bytes_of(tiny_path)

        with pytest.raises(ArtifactError, match="exists already"):
            train([], tiny_path, extra_rows=decisions())

        assert bytes_of(tiny_path) == before

    def test_while_another_training_writes_there(self, tmp_path):
        with (tmp_path / ".model.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

            with pytest.raises(ArtifactError, match="Another training"):
                train([], tmp_path / "model", extra_rows=decisions())

        assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_a_training_killed_at_any_moment_leaves_nothing_that_loads(tmp_path):
    file = write(tmp_path / "rows.csv", synthetic_rows(9_000))
    script = (
        "import sys; from pathlib import Path; from classifiers.train import train; "
        "train([Path(sys.argv[1])], Path(sys.argv[2]))"
    )
    for number, seconds in enumerate((0.7, 1.1, 1.5)):
        out = tmp_path / f"model{number}"
        process = subprocess.Popen([sys.executable, "-c", script, file, out], env={**os.environ, "PYTHONPATH": "."})
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        # One that had ended would prove nothing.
        assert process.wait() == -signal.SIGKILL

        for found in [path for path in tmp_path.iterdir() if path.is_dir()]:
            with pytest.raises(ArtifactError):
                artifact.load(found)
        # A later training is not kept out by the one that died.
        train([], out, extra_rows=decisions())
        artifact.load(out)
        for path in out.iterdir():
            path.unlink()
        out.rmdir()


class TestRecipe:
    def test_what_a_set_implies_is_added_and_its_weight_counts(self):
        (row,) = recipe.mixed([TrainingRow("thank you", {"toxicity": 0.0}, source="jigsaw_any")])

        assert row.labels == dict.fromkeys(LABELS, 0.0)

    def test_a_toxic_row_implies_no_kind_of_toxicity(self):
        (row,) = recipe.mixed([TrainingRow("you clown", {"toxicity": 1.0}, source="jigsaw_any")])

        assert row.labels == {"toxicity": 1.0, "spam": 0.0}

    def test_of_two_copies_the_fuller_one_is_kept(self):
        rows = [
            TrainingRow("you clown", {"toxicity": 1.0}, source="jigsaw_any"),
            TrainingRow("you clown", {"toxicity": 1.0, "insult": 1.0}, source="jigsaw_labels"),
        ]

        assert [row.source for row in recipe.mixed(rows)] == ["jigsaw_labels"]

    def test_an_unknown_set_counts_fully_and_implies_nothing(self):
        row = TrainingRow("you clown", {"toxicity": 1.0}, source="mine")

        assert recipe.mixed([row]) == [row]
