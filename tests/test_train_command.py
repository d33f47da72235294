"""`replydesk train` and `replydesk evaluate`."""

import csv
import fcntl
import json

import pytest

import classifiers
from tests import lessons


@pytest.fixture
def decided(installation):
    """An installation where a scam was rejected twice."""
    for text in lessons.UNSEEN_SCAMS[:2]:
        installation.decide(installation.submit(text)["id"], "rejected", "spam")
    return installation


@pytest.fixture
def base_file(tmp_path):
    file = tmp_path / "base.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("text", "toxicity", "spam"), *lessons.base_rows()])
    return file


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_decisions_and_seed_give_the_same_bytes(decided, tmp_path):
    for name in ("first", "second"):
        assert decided.run("train", "--from-decisions", "--seed", "7", "--out", tmp_path / name).exit_code == 0

    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")


def test_the_model_that_decides_is_the_start_where_no_data_is_given(decided, tmp_path):
    decided.run("train", "--from-decisions", "--out", tmp_path / "first")
    decided.run("models", "promote", tmp_path / "first")

    again = decided.run("train", "--from-decisions", "--out", tmp_path / "second")
    bundled = decided.run(
        "train", "--from-decisions", "--base", classifiers.bundled_path(), "--out", tmp_path / "third"
    )

    assert again.exit_code == bundled.exit_code == 0
    assert bytes_of(tmp_path / "third") == bytes_of(tmp_path / "first")
    assert bytes_of(tmp_path / "second") != bytes_of(tmp_path / "first")


def test_a_file_alone_can_be_learnt_from(installation, base_file, tmp_path):
    result = installation.run("train", "--data", base_file, "--out", tmp_path / "model")

    assert result.exit_code == 0, result.output
    assert installation.run("score", "--model", tmp_path / "model", input='{"text": "Fine."}').exit_code == 0


def test_an_exported_file_of_decisions_can_be_measured_on(decided, tmp_path):
    export = tmp_path / "decided.csv"
    export.write_text(decided.run("labels", "export").stdout)

    result = decided.run("evaluate", "ACTIVE", "--data", export)

    assert result.exit_code == 0, result.output


def test_an_existing_directory_is_never_written_over(decided, tmp_path):
    (tmp_path / "model").mkdir()

    result = decided.run("train", "--from-decisions", "--out", tmp_path / "model")

    assert result.exit_code == 1
    assert result.stderr.endswith("model exists already; name another directory, or remove it first.\n")


def test_two_trainings_at_once_into_the_same_directory_are_refused(decided, tmp_path):
    with (tmp_path / ".model.training").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        result = decided.run("train", "--from-decisions", "--out", tmp_path / "model")

    assert result.exit_code == 1
    assert "Another training is writing" in result.stderr
    assert not (tmp_path / "model").exists()


def test_nothing_to_learn_from_is_a_wrong_use_and_nothing_decided_a_sentence(installation, tmp_path):
    nothing = installation.run("train", "--out", tmp_path / "model")
    undecided = installation.run("train", "--from-decisions", "--out", tmp_path / "model")

    assert (nothing.exit_code, undecided.exit_code) == (2, 1)
    assert "there is nothing to learn" in undecided.stderr


def test_a_file_without_labels_is_one_sentence(installation, tmp_path):
    (tmp_path / "no.csv").write_text("body\nhello\n")

    result = installation.run("train", "--data", tmp_path / "no.csv", "--out", tmp_path / "model")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("replydesk: ")
    assert not (tmp_path / "model").exists()


def test_progress_is_plain_lines_where_nobody_watches(decided, tmp_path):
    result = decided.run("train", "--from-decisions", "--out", tmp_path / "model")

    assert "\r" not in result.stderr
    assert result.stderr.count("\n") > 1


class TestEvaluate:
    def test_measures_each_label_of_the_file(self, installation, base_file):
        report = json.loads(installation.run("evaluate", "ACTIVE", "--data", base_file, "--json").stdout)

        assert report["labels"]["toxicity"]["auc"] > 0.95
        assert set(report["labels"]) == {"toxicity", "spam"}

    def test_one_label_can_be_asked_for(self, installation, base_file):
        result = installation.run("evaluate", "ACTIVE", "--data", base_file, "--label", "spam", "--json")

        assert set(json.loads(result.stdout)["labels"]) == {"spam"}

    def test_two_models_are_measured_on_the_same_rows(self, installation, base_file):
        words = ("evaluate", "ACTIVE", "--data", base_file, "--against", classifiers.bundled_path())

        reports = json.loads(installation.run(*words, "--json").stdout)
        table = installation.run(*words)

        assert reports["model"] == reports["against"]
        assert table.exit_code == 0
        assert "toxicity" in table.stdout

    def test_a_model_or_file_that_is_none_is_named(self, installation, base_file, tmp_path):
        model = installation.run("evaluate", "linear-none", "--data", base_file)
        file = installation.run("evaluate", "ACTIVE", "--data", tmp_path / "none.csv")

        assert (model.exit_code, file.exit_code) == (1, 2)
        assert "There is no model version “linear-none” here" in model.stderr
