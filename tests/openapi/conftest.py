import threading
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.factories import FakeScoring


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing: the client under test tells what went wrong."""


@pytest.fixture
def served(installation):
    """The address of the service, with a plan to subscribe to."""
    installation.app.extensions["scoring"] = FakeScoring()
    installation.client.put("/v1/plans/monthly", json={"period": "month"})
    server = make_server("127.0.0.1", 0, installation.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
