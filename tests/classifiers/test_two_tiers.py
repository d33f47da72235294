"""Both tiers as one classifier, each alone, and what decisions teach them."""

import json
import shutil

import numpy as np
import pytest
from test_artifact import rewrite

import classifiers
from classifiers import ArtifactError, artifact
from classifiers.base import LABELS
from classifiers.data import TrainingRow
from classifiers.train import train

CLEAN = "The library opens at nine and the garden is lovely in May."
ABUSE = "You are a stupid, worthless idiot."
TEXTS = [CLEAN, ABUSE, "", "Nobody wants people like them in this town."]
TOXICITY = LABELS.index("toxicity")


@pytest.fixture(scope="session")
def linear():
    return artifact.load(classifiers.bundled_path(), artifact.LINEAR)


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(classifiers.bundled_path(), tmp_path / "model")


def test_the_version_says_which_tiers_answer(bundled, linear):
    assert bundled.version.startswith("tiers-")
    assert linear.version == f"{bundled.version}+linear"
    assert (bundled.name, linear.name) == ("two tiers", "linear")


def test_both_tiers_say_more_than_one(bundled, linear):
    assert not np.array_equal(bundled.predict_proba(TEXTS), linear.predict_proba(TEXTS))
    assert bundled.predict_proba([ABUSE])[0, TOXICITY] > 0.8
    assert bundled.predict_proba([CLEAN])[0, TOXICITY] < 0.2


def test_without_time_the_linear_tier_answers_and_says_so(bundled, linear):
    scores, late = bundled.predict_within(TEXTS, 0.0)

    assert np.array_equal(scores, linear.predict_proba(TEXTS))
    assert late[1]


def test_with_time_enough_nothing_is_late(bundled):
    scores, late = bundled.predict_within(TEXTS, 60.0)

    assert np.array_equal(scores, bundled.predict_proba(TEXTS))
    assert not late.any()


def test_where_one_label_is_asked_about_the_others_do_not_wake_the_encoder(bundled, linear):
    both = [ABUSE, ABUSE, "Buy cheap pills now at http://pills.example, click here!"]

    scores, late = bundled.predict_within(both, 60.0, {1: "spam", 2: "spam"})

    assert np.array_equal(scores[0], bundled.predict_proba([ABUSE])[0])
    assert np.array_equal(scores[1], linear.predict_proba([ABUSE])[0])
    assert np.array_equal(scores[2], bundled.predict_proba(both[2:])[0])
    assert not late.any()


def test_without_onnxruntime_the_linear_tier_answers_alone(monkeypatch, linear):
    monkeypatch.setattr("classifiers.encoder.is_available", lambda: False)

    found = artifact.load(classifiers.bundled_path())

    assert found.version == linear.version
    assert np.array_equal(found.predict_proba(TEXTS), linear.predict_proba(TEXTS))


def test_without_time_the_linear_tier_explains_what_it_would_answer(bundled):
    assert bundled.explain(ABUSE, 0.0)
    assert bundled.explain(ABUSE, 0.0) != bundled.explain(ABUSE)
    assert bundled.explain(CLEAN, 0.0) == []


def test_decisions_turn_what_both_tiers_are_sure_of(bundled, linear, tmp_path):
    joke = "Good morning, you old idiot sandwich, see you at choir."
    clean = dict.fromkeys(LABELS, 0.0)
    rows = [TrainingRow(f"{name}, you idiot sandwich, the ferry left.", clean) for name in ("Sam", "Ines", "Ken") * 8]

    train([], tmp_path / "taught", extra_rows=rows, base=classifiers.bundled_path())

    for tier, before in ((artifact.FULL, bundled), (artifact.LINEAR, linear)):
        after = artifact.load(tmp_path / "taught", tier)
        assert before.predict_proba([joke])[0, TOXICITY] > after.predict_proba([joke])[0, TOXICITY] + 0.15
        assert after.predict_proba([ABUSE])[0, TOXICITY] > 0.8
    manifest = artifact.read_manifest(tmp_path / "taught")
    assert manifest["base"] == bundled.version != manifest["version"]
    assert set(manifest["files"]) == {path.name for path in classifiers.bundled_path().iterdir()} - {
        "manifest.json", "manifest.sha256"
    } | {"moved.npy"}  # fmt: skip


def test_what_was_taught_is_taken_further(bundled, tmp_path):
    clean = dict.fromkeys(LABELS, 0.0)
    train([], tmp_path / "one", extra_rows=[TrainingRow("you muppet pie", clean)] * 9, base=classifiers.bundled_path())
    train([], tmp_path / "two", extra_rows=[TrainingRow("old goat soup", clean)] * 9, base=tmp_path / "one")

    one, two = (
        artifact.load(tmp_path / name).predict_proba(["you muppet pie"])[0, TOXICITY] for name in ("one", "two")
    )

    assert abs(one - two) < 0.05
    assert one < bundled.predict_proba(["you muppet pie"])[0, TOXICITY]


@pytest.mark.parametrize("name", ["encoder.onnx", "vocabulary.txt"])
def test_a_damaged_or_missing_part_is_named(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=f"{name} is damaged"):
        artifact.load(copy)

    (copy / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        artifact.load(copy)


@pytest.mark.parametrize(
    "encoder", [None, {}, {"combiner": {}}, {"combiner": {label: {"bias": "high"} for label in LABELS}}]
)
def test_a_combiner_that_is_none_is_refused(copy, encoder):
    rewrite(copy, encoder=encoder)

    with pytest.raises(ArtifactError, match="no combiner"):
        artifact.load(copy)


def test_half_a_second_tier_is_refused(copy):
    files = json.loads((copy / "manifest.json").read_text())["files"]
    rewrite(copy, files={name: sha for name, sha in files.items() if name != "vocabulary.txt"})

    with pytest.raises(ArtifactError, match="other files"):
        artifact.load(copy)
