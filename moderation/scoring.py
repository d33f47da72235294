"""The model that decides in this process, exchanged when another is promoted.

The database says which version is active; a process asks it at most twice a second, so ``replydesk models
promote`` reaches every running worker with its next request. The new version is loaded and tried on a
thread of its own; the request that found it waits a moment for it and then goes on with the old one, as
all others do. One that cannot be loaded never replaces one that can, and a request takes the model once,
so that all its scores are of one version.

A model of two tiers may take its slow one for a limited time in a request, and for a limited share of a
process's time; what comes then is answered by its fast tier alone, and its version says so.

Nothing is ever published unscored: without a model, and for a comment whose scores are no probabilities,
the answer is either "queue it for people" or a refusal of the request.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app

import classifiers
from classifiers import ArtifactError, Classifier, Span
from classifiers.artifact import load
from classifiers.two_tiers import TwoTiers, alone
from moderation.db import db
from moderation.errors import NotReady
from moderation.models import ModelVersion
from moderation.policy import LABELS
from moderation.services.comments import Scored

log = logging.getLogger("replydesk")
REFRESH_SECONDS = 0.5
# How long a model that could not be loaded is left alone before it is tried again.
RETRY_SECONDS = 5.0
# How long a request waits for a promoted model before it goes on with the old one.
PATIENCE_SECONDS = 1.0
# How much of a process's time the slow tier may take for long, and what it may have saved up.
SLOW_TIER_SHARE, SLOW_TIER_SAVED_SECONDS = 0.7, 10.0
_WHOLE: Mapping[int, str] = {}
PROBES = ("Good news for everyone who commutes.", "", "\U0001f600 http://example.org")
# What NumPy raises over arrays that do not fit each other; a fault of our own code is not among them.
MODEL_FAULTS = (ArtifactError, ArithmeticError, LookupError, ValueError, MemoryError)


@dataclass(frozen=True)
class Loaded:
    """A model that was verified and tried, and where it came from."""

    classifier: Classifier
    path: Path


class Allowance:
    """How long the slow tier may be asked: so much in a request, and a share of the time in the long run."""

    def __init__(self, request_seconds: float) -> None:
        self._request_seconds = request_seconds
        self._saved, self._at = SLOW_TIER_SAVED_SECONDS, time.monotonic()

    def seconds(self) -> float:
        """Return for how many seconds the slow tier may be asked now."""
        now = time.monotonic()
        self._saved = min(self._saved + SLOW_TIER_SHARE * (now - self._at), SLOW_TIER_SAVED_SECONDS)
        self._at = now
        return max(0.0, min(self._request_seconds, self._saved))

    def spend(self, seconds: float) -> None:
        """Take what was used; threads that come at once may overdraw a little."""
        self._saved -= seconds


class _Hurried(Allowance):
    """The same allowance, with less time for this one request."""

    def __init__(self, whole: Allowance, seconds: float) -> None:
        self._whole, self._most = whole, seconds

    def seconds(self) -> float:
        return max(0.0, min(self._whole.seconds(), self._most))

    def spend(self, seconds: float) -> None:
        self._whole.spend(seconds)


class Scoring:
    """Holds the active classifier of one process."""

    def __init__(self, default_path: Path, *, data: Path, on_error: str, encoder_seconds: float = 0.5) -> None:
        self._allowance = Allowance(encoder_seconds)
        self.default_path = default_path
        self.data = data
        self.on_error = on_error
        # Why the model that should decide does not; None while it does.
        self.fault: str | None = None
        self._loaded: Loaded | None = None
        self._asked_at = float("-inf")
        self._refused: tuple[Path, float] | None = None
        self._lock = Lock()

    def classifier(self) -> Classifier | None:
        """Return the active classifier, None where none can be loaded; ``fault`` then says why."""
        if time.monotonic() - self._asked_at >= REFRESH_SECONDS:
            self._refresh()
        return self._loaded.classifier if self._loaded else None

    def score(
        self, texts: Sequence[str], only: Mapping[int, str] = _WHOLE, *, within_seconds: float | None = None
    ) -> list[Scored]:
        """Score texts; without a working model either refuse (503) or answer unscored, as configured.

        ``only``: of the text at that place only this label's score will be used, which may be found sooner.
        ``within_seconds`` is what the slow tier may take at the most, where that is less than it may anyhow.
        """
        classifier = self.classifier()
        allowance = self._allowance if within_seconds is None else _Hurried(self._allowance, within_seconds)
        scored = score_with(classifier, texts, allowance, only) if classifier else None
        if scored is None:
            if self.on_error == "refuse":
                raise NotReady("No model can score just now, so nothing can be decided.")
            return [Scored(None, "")] * len(texts)
        return scored

    def explain(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return what raised the scores of each text, nothing without a model; in the time that scoring has."""
        classifier = self.classifier()
        if classifier is None:
            return [[] for _ in texts]
        if not isinstance(classifier, TwoTiers):
            return [classifier.explain(text) for text in texts]
        began, until = time.monotonic(), time.monotonic() + self._allowance.seconds()
        found = [classifier.explain(text, until - time.monotonic()) for text in texts]
        self._allowance.spend(time.monotonic() - began)
        return found

    def readiness(self) -> tuple[bool, str | None]:
        """Whether a comment would be scored now, and what is wrong with the model that should decide."""
        classifier = self.classifier()
        if classifier is None:
            return False, f"No model is loaded: {self.fault}"
        try:
            try_out(classifier)
        except MODEL_FAULTS as error:
            return False, f"The model {classifier.version} fails: {error}"
        kept = f"{self.fault} The model {classifier.version} goes on deciding." if self.fault else None
        return True, kept

    def _refresh(self) -> None:
        # Whoever comes while another asks goes on with what is loaded; only the first load is waited for.
        if not self._lock.acquire(blocking=self._loaded is None):
            return
        handed_on = False
        try:
            now = time.monotonic()
            if now - self._asked_at < REFRESH_SECONDS:
                return
            self._asked_at = now
            wanted = self._wanted()
            if not self._must_load(wanted, now):
                return
            if self._loaded is None:
                self._load(wanted)
            else:
                loading = Thread(target=self._load_and_release, args=(wanted,), name="model", daemon=True)
                loading.start()
                handed_on = True
                loading.join(PATIENCE_SECONDS)
        finally:
            if not handed_on:
                self._lock.release()

    def _wanted(self) -> Path:
        path = db.session.scalar(sa.select(ModelVersion.path).where(ModelVersion.state == "active"))
        return self.data / path if path else self.default_path

    def _must_load(self, wanted: Path, now: float) -> bool:
        if self._loaded and self._loaded.path == wanted:
            self.fault = self._refused = None
            return False
        waits = self._refused and self._refused[0] == wanted and now - self._refused[1] < RETRY_SECONDS
        return not waits

    def _load_and_release(self, path: Path) -> None:
        try:
            self._load(path)
        finally:
            self._lock.release()

    def _load(self, path: Path) -> None:
        try:
            classifier = load(path)
            try_out(classifier)
        except (*MODEL_FAULTS, OSError) as error:
            # What decided until now goes on deciding; /readyz and the log say what is wrong.
            if self.fault != str(error):
                log.error("model: %s", error)  # noqa: TRY400 -- the sentence is the finding
            self.fault, self._refused = str(error), (path, time.monotonic())
            return
        # One assignment: a request sees the old model or the new one, never a part of each.
        self._loaded, self.fault, self._refused = Loaded(classifier, path), None, None
        log.info("model: %s decides", classifier.version)


def try_out(classifier: Classifier) -> None:
    """Score a few texts; raise ``ArtifactError`` where that does not give a probability for every label."""
    missing = sorted(set(LABELS) - set(classifier.labels))
    if missing:
        raise ArtifactError(f"The model {classifier.version} does not know the labels {', '.join(missing)}.")
    rows = classifier.predict_proba(PROBES)
    fits = rows.shape == (len(PROBES), len(classifier.labels))
    if not fits or not all(map(_are_probabilities, rows.tolist())):
        raise ArtifactError(f"The model {classifier.version} gives scores that are no probabilities.")


def score_with(
    classifier: Classifier, texts: Sequence[str], allowance: Allowance | None = None, only: Mapping[int, str] = _WHOLE
) -> list[Scored] | None:
    """Score texts with this classifier; None where it fails, which callers treat as having none."""
    try:
        rows, versions = _rows(classifier, texts, allowance, only)
    except MODEL_FAULTS as error:
        log.error("model: %s failed: %s", classifier.version, error)  # noqa: TRY400 -- the sentence is the finding
        return None
    return [_scored(classifier, row, version) for row, version in zip(rows, versions, strict=True)]


def _rows(
    classifier: Classifier, texts: Sequence[str], allowance: Allowance | None, only: Mapping[int, str]
) -> tuple[list[list[float]], list[str]]:
    """Return probabilities and the version that answered for each text."""
    if allowance is None or not isinstance(classifier, TwoTiers):
        return classifier.predict_proba(texts).tolist(), [classifier.version] * len(texts)
    began = time.monotonic()
    rows, late = classifier.predict_within(texts, allowance.seconds(), only)
    allowance.spend(time.monotonic() - began)
    hurried = alone(classifier.version)
    return rows.tolist(), [hurried if is_late else classifier.version for is_late in late]


def _scored(classifier: Classifier, row: Sequence[float], version: str) -> Scored:
    scores: Mapping[str, float] | None = dict(zip(classifier.labels, row, strict=True))
    if not _are_probabilities(row):
        # One text, not the model: this comment goes to people, its neighbours keep their scores.
        log.error("model: %s gave scores that are no probabilities", classifier.version)
        scores = None
    return Scored(scores, version)


def _are_probabilities(row: Sequence[float]) -> bool:
    # A NaN is neither above nor below: it fails this and would pass "is it over the line?".
    return all(0.0 <= value <= 1.0 for value in row)


def init_app(app: Flask, settings: Mapping[str, Any]) -> None:
    path = Path(settings["MODEL_DIR"]) if settings["MODEL_DIR"] else classifiers.bundled_path()
    data = Path(settings["DATA"]).absolute()
    app.extensions["scoring"] = Scoring(
        path,
        data=data,
        on_error=settings["ON_MODEL_ERROR"],
        encoder_seconds=settings["ENCODER_BUDGET_MS"] / 1_000,
    )


def current() -> Scoring:
    """Return the scoring of the running app."""
    scoring: Scoring = current_app.extensions["scoring"]
    return scoring


def check_at_start(app: Flask) -> None:
    """Load the model before the first request; raise ``NotReady`` without one, where the setting says refuse.

    A database that does not answer is no reason to stay down: ``/readyz`` tells of it until it does.
    """
    with app.app_context():
        held = current()
        try:
            found = held.classifier()
        except sa.exc.SQLAlchemyError:
            return
        finally:
            # Nothing of this connection may be carried into the workers that are forked next.
            db.session.remove()
            db.engine.dispose()
    if found is None and held.on_error == "refuse":
        raise NotReady(
            f"{held.fault} Put the model back, or set REPLYDESK_ON_MODEL_ERROR=queue to start without one"
            " and have people look at every comment."
        )
