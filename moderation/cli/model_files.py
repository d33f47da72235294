"""Model directories on disk: found, loaded with a sentence for what is wrong, and put in place whole."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

import classifiers
from classifiers import ArtifactError, Classifier, artifact
from moderation import config
from moderation.cli.database import open_session
from moderation.errors import ReplydeskError
from moderation.policy import Policy
from moderation.scoring import try_out
from moderation.services import model_versions, policies

# A version becomes a folder's name.
ACTIVE = "ACTIVE"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def bundled_or(model: Path | None) -> Path:
    """The given model directory, or the one that decides where none was promoted."""
    if model is not None:
        return model
    configured = config.load()["MODEL_DIR"]
    return Path(configured) if configured else classifiers.bundled_path()


def load_model(path: Path, tier: str = artifact.FULL) -> Classifier:
    """Load and try a model; what its manifest does not vouch for is refused with a sentence."""
    try:
        classifier = artifact.load(path, tier)
        try_out(classifier)
    except (ArtifactError, OSError) as error:
        raise ReplydeskError(f"The model cannot be used: {error}") from None
    return classifier


def manifest_of(path: Path) -> Mapping[str, Any]:
    try:
        manifest: Mapping[str, Any] = artifact.read_manifest(path)
    except (ArtifactError, OSError) as error:
        raise ReplydeskError(f"The model cannot be used: {error}") from None
    return manifest


def resolve_model(name: str | None) -> Path:
    """The directory of a model by path or by version; ``ACTIVE`` and None mean the one that decides."""
    if name is not None and Path(name).is_dir():
        return Path(name)
    with open_session() as session:
        return path_of(session, name)


def path_of(session: Session, version: str | None) -> Path:
    """Where a version lies, the bundled one's included; ``ACTIVE`` and None mean the one that decides."""
    bundled = bundled_or(None)
    if version in (None, ACTIVE):
        row = model_versions.active(session)
    elif version == bundled_version():
        row = None
    else:
        row = model_versions.get(session, str(version))
    return bundled if row is None else Path(config.load()["DATA"]).absolute() / row.path


def bundled_version() -> str:
    return str(manifest_of(bundled_or(None))["version"])


def default_policy(path: Path) -> Policy:
    """The policy of a new site: the default rules and the model's own thresholds."""
    return policies.parse(0, manifest_of(path)["thresholds"], policies.default_rules())


def put_in_place(source: Path, models: Path) -> tuple[str, Path]:
    """Copy a model directory to ``models/<version>``, whole or not at all; return version and place.

    The copy is verified by loading it before it gets its name, so that nobody ever sees half a model. The
    same version with other content is refused.
    """
    load_model(source)
    # Not the classifier's: that one says where a part of the model cannot be used here.
    version = str(manifest_of(source)["version"])
    if not _VERSION.fullmatch(version):
        raise ReplydeskError(f"“{version}” cannot name a folder, so this model cannot be kept.")
    place = models / version
    if place.exists():
        if manifest_of(place) != manifest_of(source):
            raise ReplydeskError(f"There is another model “{version}” at {place}; give yours another version.")
        load_model(place)
        return version, place
    models.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".incoming-", dir=models))
    try:
        _copy(source, temporary)
        load_model(temporary)
        temporary.chmod(0o755)
        temporary.rename(place)
        _sync(models)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return version, place


def _copy(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.is_file():
            shutil.copyfile(path, target / path.name)
            _sync(target / path.name)
    _sync(target)


def _sync(path: Path) -> None:
    """Let a power cut find what was written: a rename must not outlive the bytes it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
