"""The model that decides in this process, reloaded when another is promoted.

The database says which version is active; a process asks it at most twice a second, so that
``replydesk models promote`` reaches every running worker within a second and no request waits for it.
The version that is loaded goes on answering until the new one is loaded and verified.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app

import classifiers
from classifiers import ArtifactError, Classifier
from classifiers.artifact import load
from moderation.db import db
from moderation.errors import NotReady
from moderation.models import ModelVersion
from moderation.services.comments import Scored

log = logging.getLogger("replydesk")
REFRESH_SECONDS = 0.5


class Scoring:
    """Holds the active classifier of one process."""

    def __init__(self, default_path: Path, *, on_error: str) -> None:
        self.default_path = default_path
        self.on_error = on_error
        self.fault: str | None = None
        self._classifier: Classifier | None = None
        self._path: Path | None = None
        self._asked_at = float("-inf")
        self._lock = Lock()

    def classifier(self) -> Classifier | None:
        """Return the active classifier, None where none can be loaded; ``fault`` then says why."""
        if time.monotonic() - self._asked_at >= REFRESH_SECONDS:
            self._refresh()
        return self._classifier

    def score(self, texts: Sequence[str]) -> list[Scored]:
        """Score texts; without a model either refuse (503) or answer unscored, as configured."""
        classifier = self.classifier()
        if classifier is None:
            if self.on_error == "refuse":
                raise NotReady("No model is loaded, so nothing can be decided just now.")
            return [Scored(None, "")] * len(texts)
        rows = classifier.predict_proba(texts)
        return [Scored(dict(zip(classifier.labels, map(float, row), strict=True)), classifier.version) for row in rows]

    def _refresh(self) -> None:
        with self._lock:
            self._asked_at = time.monotonic()
            active = sa.select(ModelVersion.path).where(ModelVersion.state == "active")
            path = db.session.scalar(active)
            wanted = Path(path) if path else self.default_path
            if wanted != self._path or self._classifier is None:
                self._load(wanted)

    def _load(self, path: Path) -> None:
        try:
            self._classifier = load(path)
        except ArtifactError as error:
            # What decided until now goes on deciding; /readyz and the log say what is wrong.
            self.fault = str(error)
            log.error("model: %s", error)  # noqa: TRY400 -- the sentence is the finding
            return
        self._path, self.fault = path, None
        log.info("model: %s decides", self._classifier.version)


def init_app(app: Flask, settings: dict[str, Any]) -> None:
    path = Path(settings["MODEL_DIR"]) if settings["MODEL_DIR"] else classifiers.bundled_path()
    app.extensions["scoring"] = Scoring(path, on_error=settings["ON_MODEL_ERROR"])


def current() -> Scoring:
    """Return the scoring of the running app."""
    scoring: Scoring = current_app.extensions["scoring"]
    return scoring
