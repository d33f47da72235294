"""`replydesk run` as a newcomer meets it: real processes, real signals, nothing left behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
# Generous: a busy machine is no fault.
PATIENCE_SECONDS = 60


def wait_until(condition, what):
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail(f"{what} did not happen in {PATIENCE_SECONDS} s")
    return None


class Running:
    """A `replydesk run --demo` on a port of its own."""

    def __init__(self, data):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = data
        self.log = data.with_suffix(".log")
        self.process = None

    @property
    def environ(self):
        ours = {
            "REPLYDESK_DATA": str(self.data),
            "REPLYDESK_BIND": f"127.0.0.1:{self.port}",
            "REPLYDESK_WORKERS": "1",
        }
        # Whatever model there is: these tests are about processes.
        return {**os.environ, **ours, "REPLYDESK_ON_MODEL_ERROR": "queue", "PYTHONUNBUFFERED": "1"}

    def command(self, *words):
        return [sys.executable, "-m", "moderation.cli", *words]

    def start(self):
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.command("run", "--demo"),
                env=self.environ,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self.get("/healthz") == 200 and len(self.children()) == 2, "an answer")
        return self

    def get(self, address):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", address)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def children(self):
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_text()
            except (OSError, ValueError):
                continue
            if parent == self.process.pid:
                found["web" if "gunicorn" in words else "worker"] = int(folder.name)
        return found

    def everybody(self):
        """Every living process that was started with this data folder."""
        mark = f"REPLYDESK_DATA={self.data}\0".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes() and (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def is_gone(self):
        return not self.everybody() and self.get("/healthz") is None


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data folder after the first start, made once; each test has a copy."""
    made = Running(tmp_path_factory.mktemp("prepared") / "var")
    words = made.command("run", "--demo", "--no-start")
    printed = subprocess.run(words, env=made.environ, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return made.data, printed


@pytest.fixture
def running(tmp_path, prepared):
    shutil.copytree(prepared[0], tmp_path / "var")
    made = Running(tmp_path / "var").start()
    yield made
    for pid in made.everybody():
        os.kill(pid, signal.SIGKILL)
    made.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_with_exit_code_0_and_nothing_left(running, number):
    running.process.send_signal(number)

    assert running.process.wait(PATIENCE_SECONDS) == 0
    assert running.is_gone()
    assert running.log.read_text().endswith("Stopped.\n")
    assert "Traceback" not in running.log.read_text()


def test_the_first_start_prints_what_is_shown_once_and_a_second_start_does_not(prepared, running):
    second = running.log.read_text()

    assert re.search(r"Moderator +editor@example.org\n +Password +\S{16}\n +Site key +rdk_\S+", prepared[1])
    assert "Password" not in second
    assert "rdk_" not in second


def test_a_parent_that_is_killed_outright_takes_its_children_with_it(running):
    running.process.kill()
    running.process.wait()

    wait_until(running.is_gone, "the end of the children")


def test_a_worker_that_dies_is_started_again_while_the_service_goes_on(running):
    before = running.children()

    os.kill(before["worker"], signal.SIGKILL)

    wait_until(lambda: running.children().get("worker") not in (None, before["worker"]), "a new worker")
    assert running.get("/healthz") == 200
    assert running.children()["web"] == before["web"]
    assert "The worker ended" in running.log.read_text()


def test_a_web_server_that_dies_ends_everything_with_a_sentence(running):
    os.kill(running.children()["web"], signal.SIGKILL)

    assert running.process.wait(PATIENCE_SECONDS) == 1
    wait_until(running.is_gone, "the end of the rest")
    assert "The web server ended by itself" in running.log.read_text()


def test_a_hangup_exchanges_the_web_processes_without_a_lost_request(running):
    before = running.children()["web"]
    old = workers_of(before)

    running.process.send_signal(signal.SIGHUP)
    answers = []

    def exchanged():
        answers.append(running.get("/healthz"))
        return workers_of(before) and not workers_of(before) & old

    wait_until(exchanged, "an exchange of web processes")
    assert set(answers) == {200}
    assert running.children()["web"] == before


def workers_of(pid):
    return {int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_a_second_start_on_a_busy_port_says_what_to_do_and_harms_nothing(running):
    ended = subprocess.run(
        running.command("run", "--demo"),
        env=running.environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "cannot be listened on: address already in use. Take another port, as in: make run PORT=" in ended.stderr
    assert running.get("/healthz") == 200


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path):
    tmp_path.chmod(0o500)

    words = [sys.executable, "-m", "moderation.cli", "migrate"]
    environ = {**os.environ, "REPLYDESK_DATA": str(tmp_path)}
    ended = subprocess.run(words, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "cannot be written; set REPLYDESK_DATA to one that can" in ended.stderr


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence():
    words = [sys.executable, "-m", "moderation.cli", "run", "--demo"]
    environ = {**os.environ, "REPLYDESK_DATA": "/proc/replydesk"}
    ended = subprocess.run(words, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith("replydesk: The data folder /proc/replydesk cannot be made: ")
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1)


def test_an_old_python_is_told_in_one_sentence(tmp_path):
    old = tmp_path / "python3.8"
    old.write_text('#!/bin/sh\ncase "$*" in *version_info*) exit 1;; -V) echo Python 3.8.19;; esac\n')
    old.chmod(0o755)
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())

    ended = subprocess.run(
        ["make", "run", f"PYTHON={old}"], cwd=folder, capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )  # fmt: skip

    assert ended.returncode != 0
    assert "Replydesk needs Python 3.11 or newer, and" in ended.stderr
    assert "is Python 3.8.19" in ended.stderr
    assert not (folder / ".venv" / ".runtime").exists()


def test_the_containers_file_is_what_it_promises():
    text = (ROOT / "Dockerfile").read_text()
    stages = [line for line in text.splitlines() if line.startswith("FROM ")]
    last = text[text.rindex("FROM ") :]

    assert len(stages) == 2
    assert not [line for line in stages if line.endswith(":latest") or ":" not in line]
    assert re.search(r"^USER \d+:\d+$", last, re.MULTILINE)
    assert last.index("USER ") > last.index("COPY ")
    assert "/readyz" in last
    assert "--require-hashes" in text
    assert 'ENTRYPOINT ["replydesk"]\nCMD ["run"]' in last
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for word in line.split()}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
