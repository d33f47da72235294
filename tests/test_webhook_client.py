import socket
import ssl
import time
from pathlib import Path

import pytest

from moderation import webhook_client
from moderation.addresses import fault_of_url, is_public
from tests.receiver import big_body, receiving, reset, slow_body, slow_head, status

TLS = Path(__file__).parent / "tls"
NO_URL = [
    "", "hooks", "//news.example/", "ftp://news.example/", "file:///etc/passwd", "javascript:alert(1)",
    "https://", "https:///hooks", "https://news.example:0x50/", "https://news.example:99999/",
    "https://user@news.example/", "https://user:word@news.example/", "https://news.example/#part",
    "https://news.example\\@127.0.0.1/", "https://news example/", "https://news.example/\r\nHost: a",
    "https://näws.example/", "https://１２７.0.0.1/", "https://127。0。0。1/", "https://news%2eexample/",
    "https://news.example./", "https://-news.example/", "https://" + "a" * 64 + ".example/", "https://[::1/",
    "https://news.example/" + "a" * 2_000,
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0",  # noqa: S104 -- refused here, not listened on
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.0.10", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
    "2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
    "ff02::1", "100::1", "5f00::1",
]  # fmt: skip
DISGUISED = [
    "2130706433", "017700000001", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01",
    "00000177.0.0.1", "4294967297", "1.2.3.4.5", "256.1.1.1", "0x", "news.0x7f",
]  # fmt: skip


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def send(url, **changes):
    given = {
        "headers": {"webhook-id": "evt_1"},
        "body": b"{}",
        "allow_private": True,
        "deadline_seconds": 5.0,
    }
    return webhook_client.post(url, **(given | changes))


@pytest.mark.parametrize("url", NO_URL)
def test_what_is_no_plain_url_is_refused_wherever_we_run(url):
    assert fault_of_url(url, private=True, plain=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_open_internet_is_refused(address):
    host = f"[{address}]" if ":" in address else address

    assert not is_public(address)
    assert fault_of_url(f"https://{host}/hooks", private=False, plain=True)
    assert fault_of_url(f"https://{host}:8443/hooks", private=True, plain=False) is None


@pytest.mark.parametrize("host", DISGUISED)
def test_a_number_that_some_library_reads_as_an_address_is_refused(host):
    assert fault_of_url(f"https://{host}/", private=True, plain=True)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "hooks.localhost"])
def test_a_name_of_this_machine_is_refused(host):
    assert fault_of_url(f"https://{host}/", private=False, plain=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_an_address_of_the_open_internet_is_accepted(address):
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "plain", "accepted"),
    [
        ("https://news.example/hooks?site=1&a=%20", False, True),
        ("https://news.example:443/hooks", False, True),
        ("https://news.example:22/hooks", False, False),
        ("https://news.example:8443/hooks", False, False),
        ("http://news.example/hooks", False, False),
        ("http://news.example/hooks", True, True),
        ("http://news.example:8000/hooks", True, True),
        ("http://news.example:22/hooks", True, False),
        ("https://xn--nws-qla.example/", False, True),
        ("https://hooks_1.news.example", False, True),
    ],
)
def test_scheme_and_port_follow_where_we_run(url, plain, accepted):
    assert (fault_of_url(url, private=False, plain=plain) is None) == accepted


def test_the_request_is_a_post_with_our_name_the_body_and_the_headers(receiver):
    answer = send(receiver.url + "?a=1", body=b'{"a":1}')

    [request] = receiver.requests
    assert (answer.status, answer.error) == (200, "")
    assert (request["path"], request["body"]) == ("/hooks?a=1", b'{"a":1}')
    assert request["headers"]["user-agent"] == "Replydesk-Webhooks/1"
    assert request["headers"]["host"] == f"127.0.0.1:{receiver.port}"
    assert request["headers"]["webhook-id"] == "evt_1"


@pytest.mark.parametrize("code", [200, 204, 301, 400, 404, 410, 500, 502])
def test_the_answer_s_status_is_told_as_it_came(receiver, code):
    receiver.answer = status(code)

    assert send(receiver.url).status == code


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(receiver, code):
    with receiving() as witness:
        receiver.answer = status(code, Location=witness.url)

        answer = send(receiver.url)

        assert (answer.status, witness.requests) == (code, [])


def test_a_proxy_of_the_environment_is_not_used(receiver, monkeypatch):
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        send(receiver.url)

        assert (len(receiver.requests), proxy.requests) == (1, [])


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("120", 120, 120),
        ("0", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 1e9, 1e10),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_as_a_date(receiver, header, low, high):
    receiver.answer = status(429, Retry_After=header)

    assert low <= send(receiver.url).retry_after_seconds <= high


@pytest.mark.parametrize("header", ["soon", "-5", "1.5", "", "٣", "Wed, 99 Oct"])
def test_a_retry_after_that_is_neither_is_ignored(header):
    assert webhook_client.retry_after(header) is None


@pytest.mark.parametrize(
    "answer", [slow_head, slow_body, lambda _handler: time.sleep(3)], ids=["head", "body", "silence"]
)
def test_one_byte_now_and_then_does_not_outlast_the_deadline(receiver, answer):
    receiver.answer = answer
    began = time.monotonic()

    told = send(receiver.url, deadline_seconds=0.4)

    assert time.monotonic() - began < 1.5
    assert told.status == 500 if answer is slow_body else told.error == "No answer within 0.4 s."


def test_a_big_answer_is_not_read_to_its_end(receiver):
    receiver.answer = big_body

    assert send(receiver.url).status == 200
    # What the sockets hold between them leaves without being read, and is far less.
    assert receiver.sent < 9_000_000


def test_a_connection_reset_is_an_answer_with_a_reason(receiver):
    receiver.answer = reset

    assert send(receiver.url) == webhook_client.Answer(None, "The connection was closed before an answer came.")


def test_nobody_listening_is_an_answer_with_a_reason():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert send(f"http://127.0.0.1:{port}/").error == "The connection was refused."


def test_what_is_no_http_is_an_answer_with_a_reason(receiver):
    receiver.answer = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")

    assert send(receiver.url).error == "The answer was not HTTP."


def test_a_name_that_nobody_knows_is_an_answer_with_a_reason(monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(webhook_client.socket, "getaddrinfo", unknown)

    assert send("https://nowhere.example/", allow_private=False).error == "The host's name is not known."


def resolver(*addresses, port):
    """A look-up that gives these addresses; each call takes the next list, the last one for ever."""
    lists = list(addresses)

    def look_up(_host, _port, **_more):
        found = lists.pop(0) if len(lists) > 1 else lists[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    return look_up


def test_a_name_that_points_to_loopback_at_the_send_reaches_nobody(receiver, monkeypatch):
    url = f"http://hooks.example:{receiver.port}/"
    monkeypatch.setattr(webhook_client.socket, "getaddrinfo", resolver(["127.0.0.1"], port=receiver.port))

    answer = send(url, allow_private=False)

    assert "private or reserved" in answer.error
    assert receiver.requests == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(receiver, monkeypatch):
    look_up = resolver(["8.8.8.8", "127.0.0.1"], port=receiver.port)
    monkeypatch.setattr(webhook_client.socket, "getaddrinfo", look_up)

    assert "private or reserved" in send(f"http://hooks.example:{receiver.port}/", allow_private=False).error


def test_the_connection_goes_to_the_vetted_address_though_the_name_changes_its_mind(receiver, monkeypatch):
    look_up = resolver(["8.8.8.8"], ["127.0.0.1"], port=receiver.port)
    monkeypatch.setattr(webhook_client.socket, "getaddrinfo", look_up)
    reached = []
    monkeypatch.setattr(webhook_client.socket.socket, "connect", lambda _self, place: reached.append(place) or refuse())

    def refuse():
        raise ConnectionRefusedError

    send(f"http://hooks.example:{receiver.port}/", allow_private=False)

    assert reached == [("8.8.8.8", receiver.port)]


def test_the_next_address_is_tried_where_the_first_does_not_answer(receiver, monkeypatch):
    look_up = resolver(["127.0.0.2", "127.0.0.1"], port=receiver.port)
    monkeypatch.setattr(webhook_client.socket, "getaddrinfo", look_up)

    assert send(f"http://hooks.example:{receiver.port}/").status == 200


@pytest.fixture
def tls_receiver(receiver, monkeypatch):
    receiver.speak_tls(str(TLS / "certificate.pem"), str(TLS / "key.pem"))
    monkeypatch.setattr(webhook_client.socket, "getaddrinfo", resolver(["127.0.0.1"], port=receiver.port))
    return receiver


def trust(monkeypatch):
    context = ssl.create_default_context(cafile=str(TLS / "certificate.pem"))
    monkeypatch.setattr(webhook_client, "_tls_context", lambda: context)


def test_over_tls_the_name_is_what_is_asked_for_and_checked(tls_receiver, monkeypatch):
    trust(monkeypatch)

    answer = send(f"https://hooks.example:{tls_receiver.port}/hooks")

    assert answer.status == 200
    assert tls_receiver.names == ["hooks.example"]
    assert tls_receiver.requests[0]["headers"]["host"] == f"hooks.example:{tls_receiver.port}"


def test_a_certificate_of_another_name_is_refused(tls_receiver, monkeypatch):
    trust(monkeypatch)

    answer = send(f"https://other.example:{tls_receiver.port}/hooks")

    assert (answer.error, tls_receiver.requests) == ("The certificate is not valid for this host.", [])


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_receiver):
    answer = send(f"https://hooks.example:{tls_receiver.port}/hooks")

    assert (answer.error, tls_receiver.requests) == ("The certificate is not valid for this host.", [])
