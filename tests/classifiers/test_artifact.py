"""A model directory: written whole, read only as the manifest vouches for it."""

import hashlib
import json
import random
import shutil

import numpy as np
import pytest

from classifiers import ArtifactError, artifact
from classifiers.base import LABELS

BIT_FLIPS = 100
TEXTS = ["Good news for everyone who commutes.", "you are a stupid idiot"]


@pytest.fixture
def copy(tiny_path, tmp_path):
    shutil.copytree(tiny_path, tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder, **changes):
    """Change the manifest and seal it again, as somebody who knows the format would."""
    manifest = json.loads((folder / "manifest.json").read_text()) | changes
    content = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(content)
    (folder / "manifest.sha256").write_bytes(artifact.seal_of(content))


def test_a_bit_flipped_anywhere_is_refused(tiny_path, copy):
    chance = random.Random(0)
    files = sorted(tiny_path.iterdir())
    for number in range(BIT_FLIPS):
        file = files[number % len(files)]
        content = bytearray(file.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        (copy / file.name).write_bytes(content)

        with pytest.raises(ArtifactError, match=r"damaged|changed"):
            artifact.load(copy)
        shutil.copyfile(file, copy / file.name)

    assert artifact.load(copy).version == artifact.load(tiny_path).version


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sha256", "weights.npy", "frequency.npy"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()

    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        artifact.load(copy)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sha256", "weights.npy", "frequency.npy"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_file_is_refused(copy, name, share):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(len(content) * share)])

    with pytest.raises(ArtifactError):
        artifact.load(copy)


def test_a_file_in_the_place_of_the_folder_is_refused(copy):
    with pytest.raises(ArtifactError, match="cannot be read"):
        artifact.load(copy / "weights.npy")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 99}, "format"),
        ({"labels": ["toxicity"]}, "label set"),
        ({"version": "../../escape"}, "version"),
        ({"rows": "many"}, "rows"),
        ({"thresholds": {}}, "thresholds"),
        ({"calibration": {}}, "calibration"),
        ({"files": {"weights.npy": "0" * 64}}, "other files"),
        ({"calibration": {label: {} for label in LABELS}}, "does not rise"),
        ({"calibration": {label: {"bias": 0, "raw": [1, 0], "calibrated": [0, 1]} for label in LABELS}}, "rise"),
        (
            {"calibration": {label: {"bias": 1e999, "raw": [0, 1], "calibrated": [0, 1]} for label in LABELS}},
            "rise",
        ),
    ],
)
def test_a_foreign_manifest_is_refused_by_what_is_wrong(copy, changes, words):
    rewrite(copy, **changes)

    with pytest.raises(ArtifactError, match=words):
        artifact.load(copy)


@pytest.mark.parametrize("content", [b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(copy, content):
    (copy / "manifest.json").write_bytes(content)
    (copy / "manifest.sha256").write_bytes(artifact.seal_of(content))

    with pytest.raises(ArtifactError):
        artifact.load(copy)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3),
        np.array([object()], dtype=object),
        np.full((2**18, len(LABELS)), np.nan, dtype=np.float16),
        np.zeros((2**18, len(LABELS)), dtype=np.float32),
    ],
    ids=["shape", "objects", "not finite", "type"],
)
def test_an_array_that_is_vouched_for_but_wrong_is_refused(copy, array):
    np.save(copy / "weights.npy", array, allow_pickle=True)
    files = json.loads((copy / "manifest.json").read_text())["files"]
    files["weights.npy"] = hashlib.sha256((copy / "weights.npy").read_bytes()).hexdigest()
    rewrite(copy, files=files)

    with pytest.raises(ArtifactError, match=r"weights\.npy"):
        artifact.load(copy)


def test_a_model_scores_the_same_after_it_was_copied(copy, tiny):
    assert np.array_equal(artifact.load(copy).predict_proba(TEXTS), tiny.predict_proba(TEXTS))


def test_the_manifest_alone_can_be_read(tiny_path, tiny):
    manifest = artifact.read_manifest(tiny_path)

    assert manifest["version"] == tiny.version
    assert set(manifest["thresholds"]) == set(LABELS)
    assert {"seed", "data", "libraries", "commit", "metrics"} <= set(manifest)


def test_an_existing_directory_is_never_written_over(tiny_path, copy):
    manifest, arrays = artifact.read(tiny_path)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    with pytest.raises(FileExistsError):
        artifact.save(copy, arrays, manifest)

    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert list(copy.parent.iterdir()) == [copy]


def test_a_version_stands_for_what_scores(tiny_path, tmp_path):
    manifest, arrays = artifact.read(tiny_path)

    same = artifact.save(tmp_path / "same", arrays, manifest | {"commit": "another"})
    other = artifact.save(tmp_path / "other", arrays | {artifact.WEIGHTS: arrays[artifact.WEIGHTS] * 2}, manifest)

    assert same["version"] == manifest["version"] != other["version"]


def test_frequencies_survive_being_kept_in_a_byte():
    occurrences = np.array([0, 1, 2, 10, 1_000, 300_000, 10_000_000])

    found = artifact.counts_of(artifact.frequency_of(occurrences))

    assert found[0] == 0
    assert found == pytest.approx(occurrences, rel=0.08)
