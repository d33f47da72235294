"""The edge check behind Nginx's ``auth_request``: 204 opens the page, 403 does not. A WSGI application.

    gunicorn --bind 127.0.0.1:9000 --threads 8 auth_request:application

It reads EDGE_ROOT (Replydesk's address), EDGE_SITE (the site's name) and EDGE_KEY_FILE (a file with a site key of the
scope ``readers``) from the environment. Nginx tells the post in ``X-Post-Id`` and its section in ``X-Section``, and
passes the reader's cookies.
"""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote

from verifier import TIMEOUT_SECONDS, Edge, Keys, Refused, over_http, verify

COOKIE = "__Host-entitlement"
# For how long an expired token still says who asks. Your site makes a new one at each visit of its own pages.
REMEMBERED_SECONDS = 86_400
# An id that your site gives to nobody: what is free is open to them, too.
NOBODY = "nobody-is-signed-in"
# After a miss the next readers do not each wait for the same silence.
AWAY_SECONDS = 5


class Away(Exception):  # noqa: N818 -- not an error: the site has chosen what happens then
    """Replydesk did not answer, or answered with a fault."""


class Check:
    """Asks the token first, then Replydesk, and in an outage the site's own choice."""

    def __init__(self, root: str, site: str, key: str) -> None:
        self.root, self.site, self.key = root, site, key
        self.edge = Edge(site, Keys(over_http(root, site)))
        self._away_until = 0.0

    def allowed(self, token: str | None, post_id: str, section: str) -> tuple[bool, str]:
        answer = self.edge.check(token, post_id, section=section)
        if answer.yes:
            return True, answer.because
        try:
            return self._ask(token, post_id), "asked"
        except Away:
            return self.edge.in_outage(token, post_id, section=section), "outage"

    def _ask(self, token: str | None, post_id: str) -> bool:
        if time.monotonic() < self._away_until:
            raise Away
        reader = self._reader(token) or NOBODY
        url = f"{self.root}/v1/readers/{quote(reader, safe='')}/access?post_id={quote(post_id, safe='')}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.key}"})  # noqa: S310 -- the address is configured
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 -- as above
                return bool(json.load(response)["allowed"])
        except urllib.error.HTTPError as error:
            if error.code in (404, 422):
                return False  # no id of a post or a reader
            raise self._miss() from error
        except (OSError, ValueError) as error:
            raise self._miss() from error

    def _miss(self) -> Away:
        self._away_until = time.monotonic() + AWAY_SECONDS
        return Away()

    def _reader(self, token: str | None) -> str | None:
        try:
            now = time.time()
            claims = verify(token or "", self.edge.keys, site=self.site, now=now, grace_seconds=REMEMBERED_SECONDS)
        except Refused:
            return None
        return str(claims["sub"])


def cookie(environ: dict[str, Any]) -> str | None:
    try:
        found = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def make(check: Check) -> Callable[..., Iterable[bytes]]:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        post_id, section = environ.get("HTTP_X_POST_ID", ""), environ.get("HTTP_X_SECTION", "")
        allowed, because = check.allowed(cookie(environ), post_id, section)
        start_response("204 No Content" if allowed else "403 Forbidden", [("X-Because", because)])
        return []

    return application


if "EDGE_SITE" in os.environ:
    _key = Path(os.environ["EDGE_KEY_FILE"]).read_text(encoding="ascii").strip()
    application = make(Check(os.environ["EDGE_ROOT"], os.environ["EDGE_SITE"], _key))
