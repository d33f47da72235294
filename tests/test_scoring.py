"""Which model decides in a running process, and that nothing is published without one."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import classifiers
from classifiers import ArtifactError
from moderation import scoring
from moderation.app import create_app
from moderation.db import db
from moderation.errors import NotReady
from moderation.models import Base, ModelVersion
from moderation.policy import LABELS
from tests.factories import FakeClassifier, comment


class Named(FakeClassifier):
    """A fake model whose version is its folder's name."""

    def __init__(self, path):
        self.version = Path(path).name


class Broken(Named):
    """Loads and passes its trial, then fails as damaged arrays do: with ``answer``, an error or a number."""

    answer: float | Exception = float("nan")

    def predict_proba(self, texts):
        if tuple(texts) == scoring.PROBES:
            return super().predict_proba(texts)
        if isinstance(self.answer, Exception):
            raise self.answer
        return np.full((len(texts), len(LABELS)), self.answer, dtype=np.float32)


@pytest.fixture
def models(monkeypatch):
    """What each model directory's name loads as; a name that is missing is a damaged directory."""
    found = {"bundled": Named, "second": Named}

    def load(path):
        if Path(path).name not in found:
            raise ArtifactError(f"{path}: weights.npy is not what the manifest vouches for.")
        return found[Path(path).name](path)

    monkeypatch.setattr(scoring, "load", load)
    monkeypatch.setattr(scoring, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(scoring, "RETRY_SECONDS", 0.0)
    return found


@pytest.fixture
def held(app, client, models, monkeypatch, tmp_path):
    """The real holder in the place of the tests' fake one."""
    held = scoring.Scoring(tmp_path / "bundled", data=tmp_path, on_error="refuse")
    monkeypatch.setitem(app.extensions, "scoring", held)
    return held


def activate(app, version):
    with app.app_context():
        db.session.query(ModelVersion).filter_by(state="active").update({"state": "retired"})
        if version:
            db.session.merge(ModelVersion(version=version, path=f"models/{version}", state="active"))
        db.session.commit()


def decided_by(client):
    decided_by.count += 1
    return client.post("/v1/comments", json=comment(f"Comment number {decided_by.count}.")).json["model_version"]


decided_by.count = 0


def test_the_bundled_model_decides_until_another_is_active_and_again_afterwards(app, client, held):
    versions = []
    for active in (None, "second", None):
        activate(app, active)
        versions.append(decided_by(client))

    assert versions == ["bundled", "second", "bundled"]


def test_a_damaged_model_does_not_replace_the_one_that_decides(app, client, held):
    decided_by(client)
    activate(app, "damaged")

    version = decided_by(client)

    with app.app_context():
        scores, reason = held.readiness()
    assert (version, scores) == ("bundled", True)
    assert "models/damaged: weights.npy is not what the manifest vouches for" in reason
    assert reason.endswith("The model bundled goes on deciding.")


def test_a_repaired_model_takes_over(app, client, held, models):
    decided_by(client)
    activate(app, "repaired")
    decided_by(client)
    models["repaired"] = Named

    version = decided_by(client)

    with app.app_context():
        assert (version, *held.readiness()) == ("repaired", True, None)


@pytest.mark.parametrize("fault", [np.full((3, 7), np.nan), np.full((3, 7), 1.5), np.full((3, 6), 0.1)])
def test_a_model_whose_trial_gives_no_probabilities_is_not_taken(app, client, held, models, fault):
    decided_by(client)
    models["wrong"] = type("Wrong", (Named,), {"predict_proba": lambda *_: fault})
    activate(app, "wrong")

    assert decided_by(client) == "bundled"


def test_a_model_that_lacks_a_label_is_not_taken(app, client, held, models):
    decided_by(client)
    models["six"] = type("Six", (Named,), {"labels": LABELS[:-1]})
    activate(app, "six")

    assert decided_by(client) == "bundled"
    assert "does not know the labels spam" in held.fault


@pytest.mark.usefixtures("held")
class TestWithoutAModel:
    @pytest.fixture(autouse=True)
    def _none(self, models):
        models.clear()

    def test_a_comment_is_refused_where_the_setting_says_refuse(self, client):
        response = client.post("/v1/comments", json=comment())

        assert (response.status_code, response.json["code"]) == (503, "not_ready")
        assert client.get("/v1/comments").json["items"] == []

    def test_a_comment_waits_for_people_where_the_setting_says_queue(self, client, held):
        held.on_error = "queue"

        stored = client.post("/v1/comments", json=comment()).json

        assert (stored["status"], stored["reasons"][0]["code"]) == ("pending", "not_scored")
        assert (stored["scores"], stored["model_version"]) == ({}, "")

    def test_readiness_names_the_file(self, app, held):
        with app.app_context():
            scores, reason = held.readiness()

        assert not scores
        assert "bundled: weights.npy is not what the manifest vouches for." in reason


class TestTheStart:
    @pytest.fixture
    def start(self, models, tmp_path):
        """Make an application of its own without a model and start it."""
        models.clear()

        def start(on_error):
            settings = {"DATA": str(tmp_path), "SECRET_KEY": "test", "ON_MODEL_ERROR": on_error}
            app = create_app(settings | {"MODEL_DIR": str(tmp_path / "bundled")})
            with app.app_context():
                Base.metadata.create_all(db.engine)
            scoring.check_at_start(app)
            return app.extensions["scoring"]

        return start

    def test_is_refused_without_a_model_with_a_sentence_that_names_the_file(self, start):
        with pytest.raises(NotReady, match=r"bundled: weights\.npy .* REPLYDESK_ON_MODEL_ERROR=queue"):
            start("refuse")

    def test_goes_on_where_the_setting_says_queue(self, start):
        held = start("queue")

        assert "bundled: weights.npy" in held.fault

    def test_loads_the_model_where_there_is_one(self, start, models):
        models["bundled"] = Named

        held = start("refuse")

        assert held.fault is None


@pytest.mark.usefixtures("held")
class TestAModelThatFailsWhileScoring:
    @pytest.fixture(autouse=True)
    def _broken(self, models):
        models["bundled"] = Broken

    @pytest.mark.parametrize("answer", [float("nan"), float("inf"), -0.1])
    def test_scores_that_are_no_probabilities_send_the_comment_to_people(self, client, monkeypatch, answer):
        monkeypatch.setattr(Broken, "answer", answer)

        stored = client.post("/v1/comments", json=comment()).json

        assert (stored["status"], stored["reasons"][0]["code"]) == ("pending", "not_scored")
        assert (stored["scores"], stored["model_version"]) == ({}, "bundled")

    @pytest.mark.parametrize("error", [ValueError("shapes do not fit"), IndexError(), FloatingPointError()])
    def test_an_error_of_its_arrays_counts_as_no_model(self, client, held, monkeypatch, error):
        monkeypatch.setattr(Broken, "answer", error)

        refused = client.post("/v1/comments", json=comment())
        held.on_error = "queue"
        queued = client.post("/v1/comments", json=comment())

        assert (refused.status_code, refused.json["code"]) == (503, "not_ready")
        assert (queued.status_code, queued.json["status"]) == (201, "pending")


class TestTheTimeOfTheSlowTier:
    @pytest.fixture
    def clock(self, monkeypatch):
        clock = SimpleNamespace(now=1000.0)
        monkeypatch.setattr(scoring.time, "monotonic", lambda: clock.now)
        return clock

    @pytest.mark.usefixtures("clock")
    def test_is_limited_in_a_request(self):
        assert scoring.Allowance(0.5).seconds() == 0.5
        assert scoring.Allowance(0.0).seconds() == 0.0

    def test_is_a_share_of_the_time_in_the_long_run(self, clock):
        allowance = scoring.Allowance(60.0)
        allowance.spend(allowance.seconds())

        clock.now += 2.0

        assert allowance.seconds() == pytest.approx(2.0 * scoring.SLOW_TIER_SHARE)

    def test_is_saved_up_to_a_limit(self, clock):
        allowance = scoring.Allowance(60.0)

        clock.now += 3600.0

        assert allowance.seconds() == scoring.SLOW_TIER_SAVED_SECONDS


def test_without_time_for_the_slow_tier_the_version_says_who_answered(client, monkeypatch, app):
    monkeypatch.setitem(
        app.extensions,
        "scoring",
        scoring.Scoring(classifiers.bundled_path(), data=Path("nowhere"), on_error="refuse", encoder_seconds=0.0),
    )

    stored = client.post("/v1/comments", json=comment("You are a stupid idiot.")).json
    listed = client.post("/v1/score", json={"texts": ["Fine words.", "You are a stupid idiot."]}).json

    assert stored["model_version"].endswith("+linear")
    assert listed["model_version"] == stored["model_version"]
