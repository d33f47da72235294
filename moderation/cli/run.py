"""``replydesk run``, ``serve``, ``worker``: the service and its parts."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import click
from flask import Flask

from moderation import config, scoring
from moderation import worker as work
from moderation.app import create_app
from moderation.cli.demo import make_demo
from moderation.cli.schema import revision
from moderation.cli.supervisor import Supervisor, check_port

# gunicorn's own deadline is the last line: requests end by their own deadlines long before.
_REQUEST_TIMEOUT_SECONDS = 30
_GRACE_SECONDS = 10
_REPLYDESK = [sys.executable, "-m", "moderation.cli"]
_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 -- heartbeat files, made by mkstemp; a read-only root has nothing else


@click.command()
@click.option("--demo", is_flag=True, help="Development: make the site “demo”, a key and a first moderator.")
@click.option("--no-start", is_flag=True, help="Prepare everything and stop there.")
def run(demo: bool, no_start: bool) -> None:
    """Migrate, then serve with gunicorn and the worker until Ctrl-C."""
    if demo:
        os.environ.setdefault("REPLYDESK_ENV", "development")
    settings = config.load()
    if not no_start:
        check_port(settings["BIND"])
    app = create_app()
    _migrate(app)
    if demo:
        make_demo(app)
    scoring.check_at_start(app)
    if no_start:
        return
    commands = {"web": gunicorn(settings), "worker": [*_REPLYDESK, "worker"]}
    sys.exit(Supervisor(commands, settings).run())


@click.command()
def serve() -> None:
    """Serve with gunicorn alone; the worker runs elsewhere."""
    settings = config.load()
    check_port(settings["BIND"])
    scoring.check_at_start(create_app())
    command = gunicorn(settings)
    os.execv(command[0], command)  # noqa: S606 -- our own interpreter, no shell


@click.command()
def worker() -> None:
    """Deliver events and do timed work until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- Python's signature
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    work.run(create_app(), stop)


def _migrate(app: Flask) -> None:
    if revision(app) == app.extensions["schema_head"]:
        return
    # In a process of its own: Alembic would double what this parent holds for as long as it serves.
    ended = subprocess.run([*_REPLYDESK, "migrate"], check=False)  # noqa: S603 -- our own command, no shell
    if ended.returncode:
        sys.exit(ended.returncode)


def gunicorn(settings: Mapping[str, Any]) -> list[str]:
    """The command line of the web server.

    Given as arguments and not as a Python file of ours, so that gunicorn's master never imports our code:
    SIGHUP then loads the new code in new workers, without a lost request.
    """
    command = [
        sys.executable, "-m", "gunicorn", "moderation.wsgi:app",
        "--bind", settings["BIND"],
        "--workers", str(settings["WORKERS"]),
        "--worker-class", "sync",
        "--timeout", str(_REQUEST_TIMEOUT_SECONDS),
        "--graceful-timeout", str(_GRACE_SECONDS),
        "--log-level", "warning",
        "--no-control-socket",
        "--forwarded-allow-ips", "",
    ]  # fmt: skip
    return [*command, "--worker-tmp-dir", str(_MEMORY_FOLDER)] if _MEMORY_FOLDER.is_dir() else command
