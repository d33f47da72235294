"""What the guides show is typed into a shell as it stands, and what they say is the answer is the answer."""

import doctest
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

GUIDES = sorted((Path(__file__).parent.parent / "docs" / "guides").glob("*.md"))
ORIGIN = "http://127.0.0.1:8000"
CHECK = doctest.OutputChecker()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def folder(installation, tmp_path):
    """A clone's folder after `make run`: the command in its place, the data in `var`, the service on a port."""
    command = tmp_path / ".venv" / "bin" / "replydesk"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m moderation.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


@pytest.fixture
def origin(installation):
    """Where the service is; in this process, so that the bundled model is loaded once."""
    server = make_server("127.0.0.1", 0, installation.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def steps(text):
    """Each command of the ``console`` blocks with the answer that stands under it."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            yield _split(step)


def _split(step):
    lines = step.splitlines()
    last = 0
    while lines[last].endswith("\\"):
        last += 1
    if here := re.search(r"<<'(\w+)'", lines[last]):
        last = lines.index(here[1])
    return "\n".join(lines[: last + 1]), "\n".join(lines[last + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=[path.stem for path in GUIDES])
def test_every_command_of_a_guide_gives_the_answer_that_it_shows(folder, origin, guide):
    commands, answers = zip(*steps(guide.read_text()), strict=True)
    # One shell, as a reader has one: what a step sets stands for the next.
    script = "\necho; echo ---\n".join([command.replace(ORIGIN, origin) for command in commands])

    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", f"exec 2>&1\n{script}"], cwd=folder, env=os.environ,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    given = done.stdout.split("\n---\n")
    assert len(given) == len(answers)
    for command, shown, got in zip(commands, answers, given, strict=True):
        assert CHECK.check_output(f"{shown}\n", f"{got.strip()}\n", FLAGS), f"$ {command}\n{got}"
