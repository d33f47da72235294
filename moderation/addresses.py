"""Which addresses our own requests may go to: the guard against server-side request forgery.

An allow-list: only global unicast addresses pass, so a range that is reserved tomorrow is refused today.
IPv6 forms that carry an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64) are refused as a whole.
Sources: IANA special-purpose address registries (RFC 6890), RFC 6598, RFC 6052, RFC 3056, RFC 4380, RFC 6761.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

MOST_URL_CHARACTERS = 2_000
HTTPS_PORT, HTTP_PORT, FIRST_HIGH_PORT = 443, 80, 8_000

_IPV4_REFUSED = [
    ipaddress.IPv4Network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments; Python counts single addresses of it as global
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # the metadata service of one cloud, on a public address
    )
]
_IPV6_GLOBAL = ipaddress.IPv6Network("2000::/3")
_IPV6_REFUSED = [
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
]
# RFC 3986 without user information, quotes and backslashes: what browsers and libraries read alike.
_URL = re.compile(r"[\w.~:/?#\[\]!$&'()*+,;=%-]+", re.ASCII)
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
# By the URL standard of browsers a host whose last label is a number is an IPv4 address.
_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")


def is_public(address: str) -> bool:
    """Whether this literal IPv4 or IPv6 address is one of the open internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        return ip in _IPV6_GLOBAL and ip.scope_id is None and not any(ip in net for net in _IPV6_REFUSED)
    return ip.is_global and not ip.is_multicast and not any(ip in net for net in _IPV4_REFUSED)


def fault_of_url(url: str, *, private: bool, plain: bool) -> str | None:
    """Return why ``url`` cannot be an endpoint, as a sentence; None where it can.

    ``private`` allows every address and port, ``plain`` allows ``http`` (``private`` does too). A host
    given by name is looked up at each send, not here: what it points to may change.
    """
    if len(url) > MOST_URL_CHARACTERS:
        return f"Must have at most {MOST_URL_CHARACTERS} characters."
    if not _URL.fullmatch(url):
        return "Must be a URL in ASCII, without spaces, user names or backslashes; write others as %xx."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "Must be a URL with a valid host and port."
    fault = _fault_of_scheme(parts, plain or private) or _fault_of_port(parts, port, private)
    return fault or _fault_of_host(parts.hostname or "", private)


def _fault_of_scheme(parts: SplitResult, plain: bool) -> str | None:
    if parts.scheme not in ("https", "http") or parts.fragment:
        return "Must begin with https:// and have no #fragment."
    if parts.scheme == "http" and not plain:
        return "Must begin with https://; plain http is for development only."
    return None


def _fault_of_port(parts: SplitResult, port: int | None, private: bool) -> str | None:
    if port is None or private or (parts.scheme == "https" and port == HTTPS_PORT):
        return None
    if parts.scheme == "http" and (port == HTTP_PORT or port >= FIRST_HIGH_PORT):
        return None
    return "Must use the port 443."


def _fault_of_host(host: str, private: bool) -> str | None:
    if ":" in host:
        return None if private or is_public(host) else "Must not be a private or reserved address."
    if not _HOST.fullmatch(host):
        return "Must name a host, in ASCII (punycode) and without a dot at its end."
    if _NUMBER.fullmatch(host):
        return _fault_of_number(host, private)
    if not private and (host == "localhost" or host.endswith(".localhost")):
        return "Must not be a name of this machine."
    return None


def _fault_of_number(host: str, private: bool) -> str | None:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return "Must write an IPv4 address as four decimal numbers."
    return None if private or is_public(host) else "Must not be a private or reserved address."
