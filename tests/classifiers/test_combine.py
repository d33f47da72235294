"""A linear model and an encoder become one model of two tiers, fitted on rows that neither has seen."""

import csv

import numpy as np
import pytest
from conftest import synthetic_rows

import classifiers
from classifiers import artifact, combine
from classifiers.base import LABELS
from classifiers.encoder import EncoderClassifier

ROWS = 4_000
TOXICITY = LABELS.index("toxicity")


@pytest.fixture(scope="module")
def validation():
    """Rows on which each tier sees another half of what is bad."""
    chance = np.random.default_rng(0)
    bad = chance.random((ROWS, len(LABELS))) < 0.2
    linear, encoder = (np.where(bad & (chance.random(bad.shape) < 0.6), 2.0, -3.0) for _ in range(2))
    noise = chance.normal(size=(2, *bad.shape))
    return combine.Validation(
        linear=linear + noise[0],
        encoder=encoder + noise[1],
        targets=np.where(chance.random(bad.shape) < 0.1, np.nan, bad.astype(float)),
        stream=np.ones(ROWS),
        weights=np.ones(ROWS),
        sources=np.array(["made"] * ROWS),
    )


@pytest.fixture(scope="module")
def base():
    line = {"publish_below": 0.55, "reject_above": 0.9}
    curve = {"bias": 0.0, "raw": [-40.0, 40.0], "calibrated": [-40.0, 40.0]}
    return {"thresholds": dict.fromkeys(LABELS, line), "calibration": dict.fromkeys(LABELS, curve)}


def test_both_tiers_count_and_neither_against(validation):
    _, of_linear, of_encoder = combine.fit(validation, TOXICITY)

    assert of_linear > 0.2
    assert of_encoder > 0.2


def test_both_are_better_than_either(validation, base):
    found = combine.manifest_of(validation, base)["encoder"]["held_out"]["toxicity"]

    assert found["both"] > max(found["linear"], found["encoder"])


def test_a_useless_tier_is_given_no_weight(validation):
    noise = np.random.default_rng(1).normal(size=validation.encoder.shape)
    useless = combine.Validation(**{**vars(validation), "encoder": noise})

    assert combine.fit(useless, TOXICITY)[2] < 0.1


def test_lines_are_never_lower_than_those_of_the_linear_tier(validation, base):
    lines = combine.manifest_of(validation, base)["thresholds"]

    assert all(line["publish_below"] >= 0.55 and line["reject_above"] >= 0.9 for line in lines.values())


def test_skipping_costs_no_more_than_is_allowed(validation, base):
    found = combine.manifest_of(validation, base)["encoder"]

    assert found["lost_auc"] <= combine.LOST_AUC
    assert 0.0 <= found["skipped"] < 1.0


def test_a_model_of_two_tiers_is_written_whole_and_loads(tiny_path, tmp_path, monkeypatch, capsys):
    data, encoder, out = tmp_path / "rows.csv", tmp_path / "encoder", tmp_path / "both"
    with data.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "toxicity", "insult", "spam"])
        writer.writerows([row.text, *row.labels.values()] for row in synthetic_rows(900))
    encoder.mkdir()
    for name, content in artifact.read_encoder(
        classifiers.bundled_path(), artifact.read_manifest(classifiers.bundled_path())
    ).items():
        (encoder / name).write_bytes(content)
    words = ["combine", "--linear", tiny_path, "--encoder", encoder, "--out", out, data]
    monkeypatch.setattr("sys.argv", list(map(str, words)))

    combine.main()

    model = artifact.load(out)
    clean, abuse = model.predict_proba(["I met the mayor at the market.", "what a stupid idiot the mayor is"])
    assert capsys.readouterr().out.startswith(f"{model.version}: ")
    assert clean[TOXICITY] < 0.5 < abuse[TOXICITY]
    assert isinstance(artifact.load(out, artifact.LINEAR).version, str)
    with pytest.raises(FileExistsError):
        artifact.save(out, *reversed(artifact.read(out)))


def test_an_encoder_alone_is_a_classifier():
    blobs = artifact.read_encoder(classifiers.bundled_path(), artifact.read_manifest(classifiers.bundled_path()))

    found = EncoderClassifier("encoder-1", blobs[artifact.ENCODER], blobs[artifact.VOCABULARY])

    assert (found.name, found.version, found.labels) == ("encoder", "encoder-1", LABELS)
    assert found.predict_proba([]).shape == (0, len(LABELS))
