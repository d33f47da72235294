"""docs/edge/nginx.conf with docs/edge/auth_request.py, before a Replydesk that answers or not."""

import http.client
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
from werkzeug.wrappers import Response

from tests.edge import EDGE, answering, load, token_of
from tests.engagement import configure, done, sell, subscribe

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="no Nginx on this machine: its configuration was NOT run")
MAIN = """
daemon off; pid {folder}/pid; error_log {folder}/error warn; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/edge.conf;
}}
"""


@pytest.fixture
def auth_request(monkeypatch):
    monkeypatch.syspath_prepend(str(EDGE))
    yield load("auth_request")
    sys.modules.pop("verifier", None)


@pytest.fixture
def paper(installation):
    """A Replydesk on a port: reader 77 may read sport, and the article 9 is free."""
    sell(installation.client, opens={"sections": ["sport"]})
    subscribe(installation.client, reader="77")
    done(installation.client.put("/v1/posts/9", json={"free": True, "section": "city"}))
    with answering(installation.app) as root:
        yield installation, root


def make_check(auth_request, paper):
    installation, root = paper
    key = installation.client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    return auth_request.Check(root, "demo", key)


def article(environ, start_response):
    return Response("The whole article.")(environ, start_response)


def port_of(root):
    return root.rsplit(":", 1)[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path, token=None, **headers):
    """Status, body and the reason that the check gave."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    if token:
        headers["Cookie"] = f"theme=dark; __Host-entitlement={token}"
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, answer.headers.get("X-Because")


class Nginx:
    """Started with the file of the docs, its three ports moved to where this test has something."""

    def __init__(self, folder, *, check, upstream):
        self.port = free_port()
        ports = {"8080": str(self.port), "9000": check, "9001": upstream}
        conf = re.sub(
            r"127\.0\.0\.1:(\d+)", lambda found: f"127.0.0.1:{ports[found[1]]}", (EDGE / "nginx.conf").read_text()
        )
        (folder / "edge.conf").write_text(conf)
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
        words = [NGINX, "-p", folder, "-e", folder / "error", "-c", folder / "nginx.conf"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait(self):
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, self.process.stdout.read()
            time.sleep(0.05)
        pytest.fail("Nginx does not answer")

    def __enter__(self):
        self.wait()
        return self.port

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=10)


@needs_nginx
def test_nginx_opens_what_the_token_proves_and_asks_for_the_rest(auth_request, paper, tmp_path):
    installation, _ = paper
    token = token_of(installation.client, "77")
    application = auth_request.make(make_check(auth_request, paper))

    with answering(application) as check, answering(article) as upstream:  # noqa: SIM117 -- Nginx needs their ports
        with Nginx(tmp_path, check=port_of(check), upstream=port_of(upstream)) as port:
            said = {
                "named": get(port, "/sport/1", token),
                "not named": get(port, "/city/1", token),
                "nobody": get(port, "/sport/1"),
                "free": get(port, "/city/9"),
                "headers of the reader's own": get(port, "/city/1", token, **{"X-Section": "sport", "X-Post-Id": "9"}),
                "the check itself": get(port, "/_entitlement", token),
            }

    paywall = (402, "Subscribe, or unlock this article.\n", "asked")
    assert said["the check itself"][0] == 404
    assert {name: answer for name, answer in said.items() if name != "the check itself"} == {
        "named": (200, "The whole article.", "subscription"),
        "not named": paywall,
        "nobody": paywall,
        "free": (200, "The whole article.", "asked"),
        "headers of the reader's own": paywall,
    }


@needs_nginx
def test_nginx_is_closed_where_the_check_is_down(tmp_path):
    with answering(article) as upstream, Nginx(tmp_path, check=str(free_port()), upstream=port_of(upstream)) as port:
        said = get(port, "/sport/1")

    assert said == (503, "Please try again in a moment.\n", None)


def asked_of(check, token, post_id, section):
    return check.allowed(token, post_id, section)


def test_what_the_token_proves_is_not_asked(auth_request, paper):
    check = make_check(auth_request, paper)
    token = token_of(paper[0].client, "77")

    assert asked_of(check, token, "1", "sport") == (True, "subscription")
    assert asked_of(check, token, "1", "city") == (False, "asked")
    assert asked_of(check, None, "9", "city") == (True, "asked")
    assert asked_of(check, "forged.forged.forged", "9", "city") == (True, "asked")
    assert asked_of(check, token, "p" * 300, "city") == (False, "asked")


def test_an_unlock_made_after_the_token_is_found_by_asking(auth_request, paper):
    check, client = make_check(auth_request, paper), paper[0].client
    token = token_of(client, "77")
    before = asked_of(check, token, "1", "city")
    done(client.post("/v1/readers/77/grants", json={"unlocks": 1, "kind": "gift"}))
    done(client.post("/v1/readers/77/unlocks", json={"post_id": "1"}))

    assert (before, asked_of(check, token, "1", "city")) == ((False, "asked"), (True, "asked"))


@pytest.mark.parametrize(("mode", "opened"), [("closed", False), ("grace", False), ("open", True)])
def test_in_an_outage_nobody_waits_twice_and_the_sites_choice_counts(auth_request, paper, mode, opened):
    installation, _ = paper
    configure(installation.app, outage=mode)
    check, token = make_check(auth_request, paper), token_of(installation.client, "77")
    assert asked_of(check, token, "1", "sport")[0]

    # A port that takes connections and never answers: the worst kind of outage.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check.root = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        said = [asked_of(check, token, "1", "city") for _ in range(50)]
        waited = time.monotonic() - began

    assert said == [(opened, "outage")] * 50
    assert asked_of(check, token, "1", "sport") == (True, "subscription")
    assert 0.9 < waited < 2 * 0.9 + 1, "one wait of a second, not fifty"


@pytest.mark.parametrize(
    "header", ["", "=", "__Host-entitlement=", "a=b; ;;; c", '__Host-entitlement="x\\', "\x01=\x02"]
)
def test_any_cookie_header_is_read(auth_request, header):
    assert not auth_request.cookie({"HTTP_COOKIE": header}) or "x" in header
