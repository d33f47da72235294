"""The example site, as Flask and as a shell script, run against a live server."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from moderation import worker
from tests.receiver import receiving

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
PATIENCE_SECONDS = 30


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        """Say nothing: the tests tell what went wrong."""


@pytest.fixture
def live(installation):
    """An installation that is served; `key` opens it."""
    installation.app.config["WEBHOOK_ALLOW_PRIVATE"] = True
    server = make_server("127.0.0.1", 0, installation.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    installation.url = f"http://127.0.0.1:{server.server_port}"
    installation.key = installation.client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    yield installation
    server.shutdown()
    thread.join()
    server.server_close()


def environ(live, **more):
    return {**os.environ, "DESK_URL": live.url, "DESK_KEY": live.key, **more}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, method, path, body=None, headers=None):
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.headers)
    finally:
        connection.close()


@pytest.fixture
def site(live):
    """The Flask site on a port of its own, which our webhooks reach."""
    port = free_port()
    hooks = {"url": f"http://127.0.0.1:{port}/hooks", "event_types": ["comment.published", "comment.rejected"]}
    made = live.client.post("/v1/webhook-endpoints", json=hooks)
    assert made.status_code == 201, made.json
    settings = environ(live, PORT=str(port), WEBHOOK_SECRET=made.json["secret"])
    words = [sys.executable, str(EXAMPLES / "site.py")]
    process = subprocess.Popen(words, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends and process.poll() is None:
            try:
                ask(port, "GET", "/")
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.communicate()


def reply(port, text, once):
    form = urlencode({"name": "<Ana>", "text": text, "once": once})
    return ask(port, "POST", "/", form, {"Content-Type": "application/x-www-form-urlencoded"})


def test_the_flask_site_posts_replies_once_and_shows_the_thread(live, site):
    status, _, headers = reply(site, "Good news <b>for</b> everyone.", "once-1")
    reply(site, "Good news <b>for</b> everyone.", "once-1")
    bad = reply(site, "You are a stupid idiot and I hate you.", "once-2")

    page = ask(site, "GET", "/")[1]
    assert (status, headers["Location"]) == (302, "/?said=Thank%20you.")
    assert page.count("Good news &lt;b&gt;for&lt;/b&gt; everyone.") == 1
    assert "&lt;Ana&gt;" in page
    assert "idiot" not in page
    assert bad[2]["Location"].startswith("/?said=")
    assert len(live.client.get("/v1/comments").json["items"]) == 2


def test_the_flask_site_takes_our_webhooks_and_no_others(live, site):
    reply(site, "Good news for everyone.", "once-1")
    worker.drain(live.app)

    [event] = live.client.get("/v1/events").json["items"]
    assert [(made["state"], made["last_status"]) for made in event["deliveries"]] == [("delivered", 204)]
    forged = {"webhook-id": "evt_1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
    assert ask(site, "POST", "/hooks", b"{}", forged)[0] == 400
    assert ask(site, "POST", "/hooks", b"{}", forged | {"webhook-signature": "v1,\xe9"})[0] == 400
    assert ask(site, "POST", "/hooks", b"{}")[0] == 400


def test_the_flask_site_has_sixty_lines_or_little_more():
    assert len((EXAMPLES / "site.py").read_text().splitlines()) <= 70


@pytest.fixture
def shell(live):
    missing = [name for name in ("curl", "jq", "openssl") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"the script needs {', '.join(missing)}")

    def run(*words, input=b"", **more):
        script = str(EXAMPLES / "site.sh")
        return subprocess.run(
            ["sh", script, *words], env=environ(live, **more), input=input, capture_output=True, check=False
        )

    return run


def test_the_shell_script_does_the_same(live, shell):
    good, bad = (
        shell("reply", 'A"na', 'Good "news"\nfor $everyone.'),
        shell("reply", "Bo", "You stupid idiot, I hate you."),
    )

    thread = shell("thread")
    assert (good.returncode, good.stdout) == (0, b"published\n"), good.stderr
    assert re.match(rb"(pending|rejected)\n  \w", bad.stdout)
    assert thread.stdout.decode() == 'A"na: Good "news"\nfor $everyone.\n'
    assert shell("reply", "Bo", "").returncode != 0
    assert shell().returncode == 2


def test_the_shell_script_tells_a_good_webhook_from_a_forged_one(live, shell):
    with receiving() as receiver:
        secret = live.client.post("/v1/webhook-endpoints", json={"url": receiver.url}).json["secret"]
        live.submit("Good news for everyone.")
        worker.drain(live.app)
        [sent] = receiver.requests
    told = [sent["headers"][f"webhook-{name}"] for name in ("id", "timestamp", "signature")]

    def verify(*words, body=sent["body"]):
        return shell("verify", *words, input=body, WEBHOOK_SECRET=secret).returncode

    assert json.loads(sent["body"])["type"] == "comment.published"
    assert verify(*told) == 0
    assert verify(*told, body=sent["body"] + b" ") == 1
    assert verify(told[0], str(int(told[1]) - 400), told[2]) != 0
    assert verify(told[0], told[1], "v1,AAAA") == 1
