"""Two children under one small parent: the web server and the worker.

A worker that ends is started again, ever less often; when the web server ends, everything ends. Children
live in sessions of their own, so that Ctrl-C reaches the parent alone and each is asked once, politely.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from types import FrameType
from typing import Any

import click

from moderation.errors import SettingError

# The web server and the worker finish what they have begun within ten seconds.
STOP_SECONDS = 15.0
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0
_TURN_SECONDS = 0.1
_TELL_AFTER_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- what is listened on; what is spoken to
_libc = ctypes.CDLL(None)


def split_address(address: str) -> tuple[str, int]:
    """``127.0.0.1:8000`` or ``[::1]:8000`` as host and port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def check_port(address: str) -> None:
    """Raise ``SettingError`` where the address cannot be listened on."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SettingError(
                f"{address} cannot be listened on: {reason}. Take another port,"
                f" as in: make run PORT={port + 80} (or set REPLYDESK_BIND)."
            ) from None


class Supervisor:
    """Runs ``commands["web"]`` and ``commands["worker"]`` until a signal or the end of the web server."""

    def __init__(self, commands: Mapping[str, Sequence[str]], settings: Mapping[str, Any]) -> None:
        self.commands = commands
        self.settings = settings
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stops = 0
        self.ready = self.told = False
        self._began_at = time.monotonic()
        self._worker_due_at = self._worker_began_at = 0.0
        self._backoff = 0.5

    def run(self) -> int:
        """Return the exit code: 0 after a signal, 1 when the web server ended by itself."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGHUP, self._reload)
        self._start("web")
        try:
            while not self.stops and self.children["web"].poll() is None:
                self._keep_worker()
                self._tell_when_ready()
                time.sleep(_TURN_SECONDS)
            ended = self.children["web"].poll()
        finally:
            self._stop()
        if self.stops:
            click.echo("Stopped.")
            return 0
        click.echo(f"replydesk: The web server ended by itself ({ended}); everything was stopped.", err=True)
        return 1

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- Python's signature
        self.stops += 1

    def _reload(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- as above
        self.children["web"].send_signal(signal.SIGHUP)
        if "worker" in self.children:
            self.children["worker"].terminate()
            self._backoff = _TURN_SECONDS

    def _start(self, name: str) -> None:
        self.children[name] = subprocess.Popen(  # noqa: S603 -- our own commands, no shell
            self.commands[name],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 -- this parent has no threads
        )

    def _keep_worker(self) -> None:
        now = time.monotonic()
        child = self.children.get("worker")
        if child is None:
            if now >= self._worker_due_at:
                self._worker_began_at = now
                self._start("worker")
        elif child.poll() is not None:
            del self.children["worker"]
            self._backoff = 0.5 if now - self._worker_began_at > STEADY_SECONDS else self._backoff
            self._worker_due_at = now + self._backoff
            if child.returncode:
                words = f"replydesk: The worker ended ({child.returncode}); it is started again in"
                click.echo(f"{words} {self._backoff:g} s.", err=True)
            self._backoff = min(self._backoff * 2, LONGEST_BACKOFF_SECONDS)

    def _tell_when_ready(self) -> None:
        if self.ready:
            return
        reasons = self._ask()
        self.ready = reasons == []
        late = time.monotonic() - self._began_at > _TELL_AFTER_SECONDS
        if self.ready:
            click.echo(_addresses(self.settings))
        elif late and reasons and not self.told:
            self.told = True
            click.echo(f"replydesk: Not ready yet. {' '.join(reasons)}", err=True)

    def _ask(self) -> list[str] | None:
        """What /readyz complains of; None where nobody answers."""
        host, port = split_address(self.settings["BIND"])
        connection = HTTPConnection(_ANY.get(host, host), port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            checks = json.loads(connection.getresponse().read())["checks"]
        except (OSError, HTTPException, ValueError, KeyError):
            return None
        finally:
            connection.close()
        return [check.get("reason", name) for name, check in checks.items() if not check["ok"]]

    def _stop(self) -> None:
        _signal_all(self.children.values(), signal.SIGTERM)
        ends = time.monotonic() + STOP_SECONDS
        asked = self.stops
        while any(child.poll() is None for child in self.children.values()):
            # A second Ctrl-C means now.
            if time.monotonic() > ends or self.stops > max(asked, 1):
                break
            time.sleep(_TURN_SECONDS / 2)
        # Also where the leader has ended: gunicorn's workers may outlive a killed master.
        _signal_all(self.children.values(), signal.SIGKILL)
        for child in self.children.values():
            child.wait()


def _signal_all(children: Any, number: signal.Signals) -> None:
    for child in children:
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            continue


def _die_with_parent() -> None:
    # A parent that is killed outright cannot ask anybody to stop: the kernel does (Linux only).
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _addresses(settings: Mapping[str, Any]) -> str:
    host, port = split_address(settings["BIND"])
    spoken = _ANY.get(host, host)
    root = settings["PUBLIC_URL"].rstrip("/") or f"http://{f'[{spoken}]' if ':' in spoken else spoken}:{port}"
    lines = [f"  API documentation  {root}/docs", f"  Review             {root}/review/"]
    if settings["ENV"] == "development":
        lines.append(f"  Demo news site     {root}/demo/")
    return "\n".join(["Replydesk is ready (Ctrl-C ends it):", *lines])
