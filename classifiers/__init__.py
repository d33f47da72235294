"""Text in, label probabilities out. Knows nothing of the service that calls it."""

from pathlib import Path

from classifiers.artifact import ArtifactError as ArtifactError
from classifiers.base import Classifier as Classifier
from classifiers.base import Span as Span


def bundled_path() -> Path:
    return Path(__file__).parent / "bundled"
