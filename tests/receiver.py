"""A site's server on loopback: it keeps what it was sent and answers as told."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from moderation import worker
from moderation.models import utc_now
from moderation.services.deliveries import SCHEDULE_SECONDS
from tests.factories import comment

ENDPOINTS = "/v1/webhook-endpoints"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Receiver(ThreadingHTTPServer):
    """``answers`` are used one by one, then ``answer`` for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.answer: Answer = status(200)
        self.names: list[str | None] = []
        # Bytes of a big answer that have left; counted by the thread that answers.
        self.sent = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def handle_error(self, request, client_address):
        """A sender that hangs up is what some tests are about."""

    def speak_tls(self, certificate: str, key: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.sni_callback = lambda _sock, name, _context: self.names.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        # Many may ask at once: what this one sent is its own, whatever stands last in the list.
        self.sent = {"path": self.path, "headers": headers, "body": body}
        self.server.requests.append(self.sent)
        answer = self.server.answers.pop(0) if self.server.answers else self.server.answer
        answer(self)

    do_GET = do_POST  # noqa: N815 -- http.server's name

    def log_message(self, format, *args) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


def reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def slow_head(handler: BaseHTTPRequestHandler) -> None:
    """One byte now and then: each arrives well within any timeout of the socket."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 100:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.03)


def slow_body(handler: BaseHTTPRequestHandler) -> None:
    status(500, Content_Length="1000")(handler)
    for _ in range(1000):
        handler.wfile.write(b".")
        time.sleep(0.03)


def big_body(handler: BaseHTTPRequestHandler) -> None:
    status(200, Content_Length=str(10_000_000))(handler)
    for _ in range(100):
        handler.wfile.write(b"." * 100_000)
        handler.server.sent += 100_000


def post(client, text="Good news for everyone who commutes."):
    response = client.post("/v1/comments", json=comment(text))
    assert response.status_code == 201, response.json
    return response.json


def the_delivery(client):
    """How the oldest event fares; where it was given up, newer ones tell of that."""
    *_, event = client.get("/v1/events").json["items"]
    [delivery] = event["deliveries"]
    return delivery


def seconds_to_next(client):
    return (datetime.fromisoformat(the_delivery(client)["next_attempt_at"]) - utc_now()).total_seconds()


def deliveries(client, endpoint, query=""):
    return client.get(f"{ENDPOINTS}/{endpoint}/deliveries{query}").json["items"]


def logged(client, endpoint, at=0):
    """One delivery with its attempts; 0 is the newest."""
    return client.get(f"{ENDPOINTS}/{endpoint}/deliveries/{deliveries(client, endpoint)[at]['id']}").json


def give_up(app, client, clock, text="Nobody hears this."):
    """Let ten attempts at a new comment's event fail; the receiver answers as it was told."""
    post(client, text)
    for seconds in SCHEDULE_SECONDS:
        clock.shift(seconds * 1.1 + 1)
        worker.drain(app)
