"""Text in, label probabilities out. Knows nothing of the service that calls it.

``classifiers.artifact.load(classifiers.bundled_path())`` gives the shipped model. Training, evaluation and the
scikit-learn estimators are modules of their own, which serving never imports.
"""

from pathlib import Path

from classifiers.artifact import ArtifactError as ArtifactError
from classifiers.base import LABELS as LABELS
from classifiers.base import Classifier as Classifier
from classifiers.base import Span as Span


def bundled_path() -> Path:
    """Return the directory of the shipped model."""
    return Path(__file__).parent / "bundled"
