"""Models are exchanged under running workers: real processes, real requests."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from urllib.request import Request, urlopen

import pytest

import classifiers
from classifiers import artifact
from classifiers.data import TrainingRow
from classifiers.train import train

pytestmark = pytest.mark.slow
SWAPS = 8
TEXT = "Purple lanterns light the harbour tonight."


@pytest.fixture
def address(installation):
    """Gunicorn with two workers on the installation; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = [sys.executable, "-m", "gunicorn", "--workers=2", f"--bind=fd://{listener.fileno()}"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [*words, "moderation.app:create_app()"],
            env=environment,
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        process.terminate()
        process.wait(timeout=30)


class Caller(threading.Thread):
    """Asks for a score again and again; remembers what each version said and what went wrong."""

    def __init__(self, address, key):
        super().__init__(daemon=True)
        headers = {"Authorization": key, "Content-Type": "application/json"}
        body = json.dumps({"texts": [TEXT]}).encode()
        self.request = Request(f"{address}/v1/score", body, headers)  # noqa: S310 -- our own address
        self.answers, self.faults, self.ends = [], [], threading.Event()

    def run(self):
        while not self.ends.is_set():
            try:
                with urlopen(self.request, timeout=30) as response:  # noqa: S310 -- as above
                    answer = json.load(response)
            except OSError as error:
                self.faults.append(repr(error))
                continue
            self.answers.append((answer["model_version"], answer["items"][0]["scores"]["spam"]))

    def said(self):
        return self.answers[-1:], self.faults[-1:]


@pytest.fixture
def callers(installation, address):
    callers = [Caller(address, installation.client.environ_base["HTTP_AUTHORIZATION"]) for _ in range(3)]
    for caller in callers:
        caller.start()
    yield callers
    for caller in callers:
        caller.ends.set()
        caller.join()


def until_only(callers, version):
    """Wait until every caller has been answered by this version; fail after half a minute."""
    ends = time.monotonic() + 30
    while not all(caller.answers and caller.answers[-1][0] == version for caller in callers):
        assert time.monotonic() < ends, f"{version} does not decide everywhere: {callers[0].said()}"
        time.sleep(0.05)


def test_models_change_under_load_and_no_request_fails_or_mixes_them(installation, callers, tmp_path):
    rows = [TrainingRow(f"Purple lanterns number {n}.", {"spam": 1.0}) for n in range(5)]
    train([], tmp_path / "other", extra_rows=rows, base=classifiers.bundled_path())
    models = [artifact.load(path) for path in (classifiers.bundled_path(), tmp_path / "other")]
    spam = [float(model.predict_proba([TEXT])[0][model.labels.index("spam")]) for model in models]
    until_only(callers, models[0].version)

    for swap in range(SWAPS):
        words = ["rollback"] if swap % 2 else ["promote", tmp_path / "other"]
        assert installation.run("models", *words).exit_code == 0
        until_only(callers, models[(swap + 1) % 2].version)

    answers = {answer for caller in callers for answer in caller.answers}
    assert [fault for caller in callers for fault in caller.faults] == []
    assert {version for version, _ in answers} == {model.version for model in models}
    for model, value in zip(models, spam, strict=True):
        assert [said for version, said in answers if version == model.version] == [pytest.approx(value, abs=2e-6)]
