"""Servers that are killed in the middle of everything: what was acknowledged is there, and nothing else.

1,600 requests with three kills each time, because a machine with two cores answers no more in half a minute when every
answer is on the disk; ``make soak`` sends 24,000 with twelve kills.
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Event, Lock

import pytest

from moderation.db import db
from moderation.services import ledger_check
from tests.chaos.history import INFO, Op, faults
from tests.engagement import url
from tests.soak import SOAK

REQUESTS, KILLS = (24_000, 12) if SOAK else (1_600, 3)
CLIENTS, READERS, POSTS = 8, [f"u-{n}" for n in range(4)], 25
AWAY = (OSError, http.client.HTTPException)
_LIMIT_SECONDS = 120


class Servers:
    """``replydesk run`` as a group of processes: web servers and worker."""

    def __init__(self, port):
        self.port, self.process = port, None

    def start(self):
        command = [sys.executable, "-m", "moderation.cli", "run"]
        self.process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)  # fmt: skip
        ends = time.monotonic() + _LIMIT_SECONDS
        while time.monotonic() < ends:
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except AWAY:
                assert self.process.poll() is None
            time.sleep(0.05)
        raise TimeoutError("the servers do not start")

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def servers(installation, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("REPLYDESK_BIND", f"127.0.0.1:{port}")
    started = Servers(port)
    started.start()
    yield started
    started.kill()


class Client:
    """Asks for this and that, and notes what it was answered or that it does not know."""

    def __init__(self, servers, headers, number):
        self.servers, self.headers, self.number = servers, headers | {"Content-Type": "application/json"}, number
        self.chance, self.numbers = random.Random(number), count(1)

    def work(self, share):
        return [self.one() for _ in range(share)]

    def one(self):
        what = self.chance.choice(["grant", "unlock", "unlock", "unlock", "refund", "read", "read"])
        reader, post = self.chance.choice(READERS), f"post-{self.chance.randrange(POSTS)}"
        name = {"grant": f"order-{self.number}-{next(self.numbers)}", "read": ""}.get(what, post)
        method, path, body = {
            "grant": ("POST", "/grants", {"unlocks": self.chance.randint(1, 3), "kind": "bundle", "reference": name}),
            "unlock": ("POST", "/unlocks", {"post_id": post}),
            "refund": ("DELETE", f"/unlocks/{post}", None),
            "read": ("GET", "", None),
        }[what]
        key = {"Idempotency-Key": f"k-{self.number}-{next(self.numbers)}"} if method == "POST" else {}
        begin = time.monotonic()
        status, answer = self.ask(method, url(path, reader), body and json.dumps(body), self.headers | key)
        asked = {"reader": reader, "what": what, "name": name, "begin": begin, "end": time.monotonic()}
        if status is None or status >= 500:
            return Op(**asked, outcome=INFO)
        return Op(**asked, status=status, id=answer.get("id"), left=answer.get("unlock_left"))

    def ask(self, method, path, body, headers):
        """The answer, if need be that of a second try under the same key; None where nobody knows what was done."""
        sent = False
        while True:
            try:
                return self.servers.ask(method, path, body, headers)
            except ConnectionRefusedError:
                time.sleep(0.05)
            except AWAY:
                sent = True
            # Without a key a second try could do it twice, and one client in two gives up.
            if sent and ("Idempotency-Key" not in headers or self.chance.random() < 0.5):
                return None, {}


@contextmanager
def killing(servers, done):
    """Kill the servers and start them again, so many times, evenly over the requests."""
    stop = Event()

    def work():
        kills = 0
        while kills < KILLS and not stop.is_set():
            if done() >= REQUESTS * (kills + 1) // (KILLS + 1):
                servers.kill()
                servers.start()
                kills += 1
            time.sleep(0.002)
        return kills

    with ThreadPoolExecutor(1) as pool:
        killer = pool.submit(work)
        yield killer
        stop.set()


def ledger_of(client, reader):
    entries, cursor = [], None
    while True:
        page = client.get(url("/ledger", reader), query_string={"limit": 200} | ({"cursor": cursor} if cursor else {}))
        entries += page.json["items"]
        cursor = page.json["next_cursor"]
        if cursor is None:
            return entries


@pytest.mark.slow
def test_the_history_of_killed_servers_is_one_that_can_be(servers, installation):
    headers = {"Authorization": installation.client.environ_base["HTTP_AUTHORIZATION"]}
    ops, lock = [], Lock()

    def work(number):
        client = Client(servers, headers, number)
        for _ in range(REQUESTS // CLIENTS):
            op = client.one()
            with lock:
                ops.append(op)

    began = time.monotonic()
    with killing(servers, lambda: len(ops)) as killer, ThreadPoolExecutor(CLIENTS) as pool:
        for client in [pool.submit(work, number) for number in range(CLIENTS)]:
            client.result()
    ledgers = {reader: ledger_of(installation.client, reader) for reader in READERS}

    print(f"{len(ops)} requests in {time.monotonic() - began:.0f} s, {sum(map(len, ledgers.values()))} entries, "  # noqa: T201 -- shown with -s
          f"{sum(op.outcome == INFO for op in ops)} unknown")  # fmt: skip
    assert (len(ops), killer.result()) == (REQUESTS, KILLS)
    assert faults(ops, ledgers) == []
    assert all([entry["unlocks"] for entry in entries].count(-1) > REQUESTS // 100 for entries in ledgers.values())
    with installation.app.app_context():
        assert ledger_check.faults(db.session()) == []
