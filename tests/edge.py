"""Tokens, keys and the edge, as the tests of them speak."""

import base64
import importlib.util
import json
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from werkzeug.serving import make_server

from tests.engagement import READER, done, url

EDGE = Path(__file__).parent.parent / "docs" / "edge"


def load(name):
    """A file of docs/edge, by itself as a site would have it."""
    spec = importlib.util.spec_from_file_location(f"edge_{name}", EDGE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verifier = load("verifier")


def token_of(client, reader=READER):
    return done(client.get(url("/entitlement-token", reader)))["token"]


def key_set(client, site="demo"):
    return client.get(f"/v1/sites/{quote(site)}/jwks.json")


def edge(client, site="demo"):
    """An edge that has fetched nothing yet."""
    keys = verifier.Keys(lambda: json.loads(key_set(client, site).text))
    return verifier.Edge(site, keys)


def claims_of(token):
    """What stands in a token, whoever signed it."""
    return json.loads(decode(token.split(".")[1]))


def header_of(token):
    return json.loads(decode(token.split(".")[0]))


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encode(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def answering(application):
    """Serve a WSGI application on a port of this machine; gives its root address."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
