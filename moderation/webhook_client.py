"""The one place from which this service calls out: a POST, or a GET, to an address that was vetted.

The name is looked up here, every address that it has must be public, and the connection goes to one of
those very addresses: a name that changes its mind between the check and the connection (DNS rebinding)
gains nothing. Host, SNI and the certificate check keep the name. No redirect is followed and no proxy
from the environment is used, since there is no code here that would.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Self
from urllib.parse import SplitResult, urlsplit

from moderation.addresses import is_public

USER_AGENT = "Replydesk-Webhooks/1"
MOST_ANSWER_BYTES = 65_536
MOST_FETCHED_BYTES = 1_048_576
# How long the rest is read after the status.
DRAIN_SECONDS = 1.0
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Answer:
    """What came of a request: ``status`` is None where none came, and ``error`` then says why.

    ``retry_after_seconds`` is what the receiver asked for, counted from now; None where it did not.
    ``body`` is what came of the answer's content in time, up to the limit.
    """

    status: int | None
    error: str = ""
    retry_after_seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    # At most MOST_ANSWER_BYTES of it, as far as they came in a second.
    body: bytes = b""


@dataclass(frozen=True)
class Fetched:
    """What a GET brought: ``status`` is None where no whole answer came, and ``error`` then says why."""

    status: int | None
    body: bytes = b""
    error: str = ""


class _Refused(Exception):  # noqa: N818 -- an outcome of this module's own, never seen outside
    """The address may not be called."""


FAULTS = (_Refused, OSError, http.client.HTTPException, ValueError)


def post(url: str, *, headers: Mapping[str, str], body: bytes, allow_private: bool, deadline_seconds: float) -> Answer:
    """Send ``body`` and return the answer; every failure of the network is an ``Answer`` too.

    The deadline covers look-up, connection, TLS, sending and the answer's head together, also where
    the other side sends a byte now and then.
    """
    ends = time.monotonic() + deadline_seconds
    try:
        return _post(urlsplit(url), headers, body, allow_private, ends)
    except FAULTS as error:
        return Answer(None, _told(error, ends, deadline_seconds))


def get(url: str, *, headers: Mapping[str, str], allow_private: bool, deadline_seconds: float) -> Fetched:
    """Return what is there, with at most ``MOST_FETCHED_BYTES``; the deadline covers the whole answer."""
    ends = time.monotonic() + deadline_seconds
    try:
        with _asked("GET", urlsplit(url), headers, None, allow_private, ends) as (response, _):
            body = response.read(MOST_FETCHED_BYTES + 1)
            if time.monotonic() >= ends:
                raise TimeoutError
            if len(body) > MOST_FETCHED_BYTES:
                raise _Refused("The answer is too large.")
            return Fetched(response.status, body)
    except FAULTS as error:
        return Fetched(None, error=_told(error, ends, deadline_seconds))


def _told(error: Exception, ends: float, deadline_seconds: float) -> str:
    if isinstance(error, _Refused):
        return str(error)
    late = time.monotonic() >= ends - 0.01 or isinstance(error, TimeoutError)
    return f"No answer within {deadline_seconds:g} s." if late else _sentence(error)


def _post(url: SplitResult, headers: Mapping[str, str], body: bytes, allow_private: bool, ends: float) -> Answer:
    with _asked("POST", url, headers, body, allow_private, ends) as (response, guillotine):
        guillotine.falls_at(min(ends, time.monotonic() + DRAIN_SECONDS))
        asked, told = response.headers.get("Retry-After"), dict(response.headers.items())
        return Answer(response.status, retry_after_seconds=retry_after(asked), headers=told, body=_begin_of(response))


@contextmanager
def _asked(
    method: str, url: SplitResult, headers: Mapping[str, str], body: bytes | None, allow_private: bool, ends: float
) -> Iterator[tuple[http.client.HTTPResponse, "_Guillotine"]]:
    """Send a request and give its answer, of which the head has come."""
    host, port = url.hostname or "", url.port or DEFAULT_PORTS[url.scheme]
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    ours = {"Host": url.netloc, "User-Agent": USER_AGENT, "Connection": "close"}
    with _connect(_vetted(host, port, allow_private), ends) as raw, _Guillotine(raw) as guillotine:
        guillotine.falls_at(ends)
        with _tls_context().wrap_socket(raw, server_hostname=host) if url.scheme == "https" else raw as sock:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = sock
            connection.request(method, target, body, {**ours, **headers})
            with connection.getresponse() as response:
                if time.monotonic() >= ends:
                    # The head was cut off in the middle, which http.client takes for its end.
                    raise TimeoutError
                yield response, guillotine


def _begin_of(response: http.client.HTTPResponse) -> bytes:
    """Read what comes of the body in time; what was cut off in the middle is kept up to there."""
    found = b""
    with suppress(OSError, http.client.HTTPException, ValueError):
        while len(found) < MOST_ANSWER_BYTES and (more := response.read1(MOST_ANSWER_BYTES - len(found))):
            found += more
    return found


def _vetted(host: str, port: int, allow_private: bool) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Look the host up once; refuse it as a whole where any of its addresses is not public."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[tuple[socket.AddressFamily, tuple[str, int]]] = [
        (family, (str(place[0]), port)) for family, _, _, _, place in found
    ]
    if not allow_private and not all(is_public(address) for _, (address, _) in addresses):
        raise _Refused("The host's address is private or reserved; nothing was sent.")
    return addresses


def _connect(addresses: list[tuple[socket.AddressFamily, tuple[str, int]]], ends: float) -> socket.socket:
    """Connect to the first address that answers, in the resolver's order."""
    fault: OSError = TimeoutError()
    for family, place in addresses:
        left = ends - time.monotonic()
        if left <= 0:
            break
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(left)
        try:
            sock.connect(place)
        except OSError as error:
            sock.close()
            fault = error
        else:
            return sock
    raise fault


class _Guillotine:
    """Cuts the connection at an instant: a timeout of the socket alone starts anew with every byte."""

    def __init__(self, sock: socket.socket) -> None:
        # A second handle on the same connection: TLS takes the first one over.
        self._handle = sock.dup()
        self._timer = threading.Timer(0, self._fall)

    def falls_at(self, ends: float) -> None:
        self._timer.cancel()
        self._timer = threading.Timer(max(0.0, ends - time.monotonic()), self._fall)
        self._timer.daemon = True
        self._timer.start()

    def _fall(self) -> None:
        with suppress(OSError):
            self._handle.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._handle.close()


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def retry_after(header: str | None) -> float | None:
    """Read ``Retry-After`` in seconds or as an HTTP date (RFC 9110 10.2.3); None where it is neither."""
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


# The first that fits; the driver's own words may hold paths and stay out.
_SENTENCES: Sequence[tuple[type[Exception], str]] = (
    (ssl.SSLCertVerificationError, "The certificate is not valid for this host."),
    (ssl.SSLError, "The TLS handshake failed."),
    (socket.gaierror, "The host's name is not known."),
    (ConnectionRefusedError, "The connection was refused."),
    (ConnectionError, "The connection was closed before an answer came."),
    (http.client.HTTPException, "The answer was not HTTP."),
)


def _sentence(error: Exception) -> str:
    fitting = (sentence for kind, sentence in _SENTENCES if isinstance(error, kind))
    return next(fitting, f"The request failed ({type(error).__name__}).")
