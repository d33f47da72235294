"""A model directory: arrays, a manifest that vouches for them, and a hash that vouches for the manifest.

``manifest.json`` names each file with its SHA-256; ``manifest.sha256`` holds that of the manifest itself, so a
single bit changed anywhere is found. Arrays are plain ``.npy`` files, read without pickle. A directory of two tiers
holds the encoder and its vocabulary beside them, and, once decisions took it further, what these moved.
"""

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers import encoder, features
from classifiers.base import LABELS, Classifier
from classifiers.encoder import EncoderClassifier, EncoderError
from classifiers.linear import LinearClassifier, Parameters
from classifiers.two_tiers import Combiner, TwoTiers

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
WEIGHTS = "weights.npy"
FREQUENCY = "frequency.npy"
MOVED = "moved.npy"
ENCODER = "encoder.onnx"
VOCABULARY = "vocabulary.txt"
FULL, LINEAR = "full", "linear"
# What the manifest holds of each label's combiner, besides the knots of its calibration.
COMBINED = ("bias", "linear", "encoder", "band")
# In how many rows a feature occurs is kept as a logarithm in this many steps a doubling: one byte a feature.
STEPS_A_DOUBLING = 10
_VERSION = re.compile(r"(linear|tiers)-[0-9a-f]{8}")
_LARGEST_FILE_BYTES = 1 << 28
_KNOTS = range(2, 65)


class ArtifactError(Exception):
    """A model directory is not what its manifest vouches for; the message is one sentence."""


def load(path: Path | str, tier: str = FULL) -> Classifier:
    """Read a model directory and return its classifier; raise ``ArtifactError`` where anything is wrong.

    ``tier``: of two tiers ``linear`` takes the first alone, as is done where the encoder's package is missing.
    """
    folder = Path(path)
    manifest, arrays = read(folder)
    linear = _linear(folder, manifest, arrays[WEIGHTS], arrays[FREQUENCY])
    if ENCODER not in manifest["files"]:
        return linear
    blobs = read_encoder(folder, manifest)
    moved = _linear(folder, manifest, arrays[MOVED], arrays[FREQUENCY], bias=0.0) if MOVED in arrays else None
    return TwoTiers(
        manifest["version"],
        linear,
        _encoder(folder, manifest["version"], blobs) if tier == FULL and encoder.is_available() else None,
        _combiner(folder, manifest),
        thresholds=manifest["thresholds"],
        moved=moved,
    )


def read(path: Path | str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the manifest and the arrays by file name, all verified; raise ``ArtifactError``."""
    folder = Path(path)
    manifest = read_manifest(folder)
    wanted: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
        WEIGHTS: (np.dtype(np.float16), (features.BUCKETS, len(LABELS))),
        FREQUENCY: (np.dtype(np.uint8), (features.BUCKETS,)),
    }
    names, two_tiers = set(manifest["files"]), {ENCODER, VOCABULARY}
    if MOVED in names:
        wanted[MOVED] = wanted[WEIGHTS]
    if names != set(wanted) | (two_tiers if MOVED in names or names & two_tiers else set()):
        raise ArtifactError(f"{folder / MANIFEST} names other files than those of one tier or of two.")
    return manifest, {name: _array(folder / name, manifest["files"][name], *wanted[name]) for name in wanted}


def read_encoder(path: Path | str, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """Return what the encoder is made of by file name, verified; nothing where there is one tier."""
    files = manifest["files"]
    return {name: _verified(Path(path) / name, files[name]) for name in (ENCODER, VOCABULARY) if name in files}


def read_manifest(path: Path | str) -> dict[str, Any]:
    """Return the manifest of a model directory, verified but not the files it names; raise ``ArtifactError``."""
    folder = Path(path)
    content = _bytes(folder / MANIFEST)
    if _bytes(folder / SEAL) != seal_of(content):
        raise ArtifactError(f"{folder / MANIFEST} is damaged or was changed: its hash is not the one in {SEAL}.")
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError):
        raise ArtifactError(f"{folder / MANIFEST} is not a JSON document.") from None
    if fault := _fault(manifest):
        raise ArtifactError(f"{folder / MANIFEST} {fault}.")
    return dict(manifest)


def seal_of(manifest: bytes) -> bytes:
    """Return what ``manifest.sha256`` holds for these bytes, in the form of the command sha256sum."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def values_of(frequency: NDArray[np.uint8], rows: int) -> NDArray[np.float32]:
    """Return the inverse document frequency of each feature, smoothed (``log((1 + n) / (1 + df)) + 1``)."""
    occurrences = counts_of(frequency)
    return (np.log((1.0 + rows) / (1.0 + np.minimum(occurrences, rows))) + 1.0).astype(np.float32)


def counts_of(frequency: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return in about how many rows each feature occurs."""
    return np.asarray(np.exp2(frequency.astype(np.float64) / STEPS_A_DOUBLING) - 1.0)


def frequency_of(occurrences: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return numbers of rows as bytes, rounded to a part of a doubling."""
    return np.minimum(np.rint(STEPS_A_DOUBLING * np.log2(occurrences + 1.0)), 255).astype(np.uint8)


def save(
    out: Path, arrays: Mapping[str, NDArray[Any]], manifest: Mapping[str, Any], blobs: Mapping[str, bytes] | None = None
) -> dict[str, Any]:
    """Write a model directory, whole or not at all, and return its manifest with files and version.

    ``blobs``: the files of the encoder, as ``read_encoder`` gives them; what its combiner needs is the manifest's
    ``encoder``. Everything is written and synced under another name first; ``out`` must not exist
    (``FileExistsError``).
    """
    files = {name: _npy(array) for name, array in arrays.items()} | dict(blobs or {})
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    full = {**manifest, "format": FORMAT, "labels": list(LABELS), "files": hashes}
    # The version names what scores: arrays, calibration and thresholds, not who trained it or when.
    scoring = {key: full.get(key) for key in ("files", "calibration", "thresholds", "rows", "format")}
    if blobs:
        scoring["encoder"] = full["encoder"]
    full["version"] = f"{'tiers' if blobs else 'linear'}-{hashlib.sha256(_json(scoring)).hexdigest()[:8]}"
    content = _json(full)
    parent = out.absolute().parent
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=parent))
    try:
        for name, data in {**files, MANIFEST: content, SEAL: seal_of(content)}.items():
            _write(temporary / name, data)
        temporary.chmod(0o755)
        _sync(temporary)
        if out.exists():
            raise FileExistsError(f"{out} exists already.")
        temporary.rename(out)
        _sync(parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return full


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ArtifactError(f"{path} is larger than any file of a model.")
        return path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing.") from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}.") from None


def _verified(path: Path, sha256: str) -> bytes:
    content = _bytes(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtifactError(f"{path} is damaged or was changed: its hash is not the one in the manifest.")
    return content


def _array(path: Path, sha256: str, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    content = _verified(path, sha256)
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        raise ArtifactError(f"{path} holds no array.") from None
    if array.dtype != kind or array.shape != shape or not np.isfinite(array).all():
        raise ArtifactError(f"{path} does not hold finite {kind} values of the shape {shape}.")
    return np.asarray(array)


def _fault(manifest: Any) -> str | None:
    """What keeps a manifest from being one of ours, as the end of a sentence."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return f"is not a manifest of format {FORMAT}"
    if manifest.get("labels") != list(LABELS):
        return f"has another label set than {', '.join(LABELS)}"
    if not _VERSION.fullmatch(str(manifest.get("version"))):
        return "has no version of the form linear-1234abcd or tiers-1234abcd"
    if not isinstance(manifest.get("rows"), int) or not isinstance(manifest.get("files"), dict):
        return "does not say how many rows it was trained on, and into which files"
    for part in ("thresholds", "calibration"):
        if set(manifest.get(part) or ()) != set(LABELS):
            return f"does not give {part} for every label"
    return None


def _knots(folder: Path, calibration: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    try:
        raw, sound = (np.array(calibration[name], dtype=np.float64) for name in ("raw", "calibrated"))
        fits = len(raw) == len(sound) and len(raw) in _KNOTS
        rises = fits and bool((np.diff(raw) > 0).all() and (np.diff(sound) >= 0).all())
        rises = rises and bool(np.isfinite([*raw, *sound, float(calibration["bias"])]).all())
    except (KeyError, TypeError, ValueError):
        rises = False
    if not rises:
        raise ArtifactError(f"{folder / MANIFEST} holds a calibration that does not rise.")
    return raw.tolist(), sound.tolist()


def _linear(
    folder: Path,
    manifest: Mapping[str, Any],
    weights: NDArray[np.float16],
    frequency: NDArray[np.uint8],
    bias: float | None = None,
) -> LinearClassifier:
    calibration = manifest["calibration"]
    knots = {label: _knots(folder, calibration[label]) for label in LABELS}
    biases = [calibration[label]["bias"] if bias is None else bias for label in LABELS]
    parameters = Parameters(
        weights=weights.astype(np.float32),
        bias=np.array(biases, dtype=np.float64),
        values=values_of(frequency, manifest["rows"]),
        knots=knots,
        thresholds=manifest["thresholds"],
    )
    return LinearClassifier(manifest["version"], parameters)


def _encoder(folder: Path, version: str, blobs: Mapping[str, bytes]) -> EncoderClassifier:
    try:
        return EncoderClassifier(version, blobs[ENCODER], blobs[VOCABULARY])
    except EncoderError as error:
        raise ArtifactError(f"{folder} {error}") from None


def _combiner(folder: Path, manifest: Mapping[str, Any]) -> Combiner:
    try:
        rows = [manifest["encoder"]["combiner"][label] for label in LABELS]
        table = np.array([[row[name] for name in COMBINED] for row in rows], dtype=np.float64).T
        sound = bool(np.isfinite(table).all() and (table[1:3] >= 0).all())
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise ArtifactError(f"{folder / MANIFEST} holds no combiner of both tiers.")
    return Combiner(
        bias=table[0],
        of_linear=table[1],
        of_encoder=table[2],
        knots=[_knots(folder, row) for row in rows],
        linear_knots=[_knots(folder, manifest["calibration"][label]) for label in LABELS],
        band=table[3],
    )
