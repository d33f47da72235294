"""May a reader read a post? Answered at the site's edge from an entitlement token and the site's public keys.

For a site in Python, and to read for any other. It needs ``pyjwt[crypto]`` and nothing of Replydesk. It says yes, or
that Replydesk must be asked; it never says no, because a reader may have bought something a moment ago. Times are
Unix seconds, as in the token (RFC 7519 2).
"""

import base64
import json
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

import jwt

ALGORITHM, TYPE, ISSUER = "EdDSA", "entitlement+jwt", "replydesk"
# How far this machine's clock may be behind the one that signed. Never a delay of the end: that is in the token.
SKEW_SECONDS = 60
CACHE_SECONDS = 300
# A key that is not known is asked for again, but not once a view: anybody can make one up.
LOOK_AGAIN_SECONDS = 30
TIMEOUT_SECONDS = 1.0
# No cookie is longer.
MOST_CHARACTERS = 4_096
CLAIMS = ["iss", "aud", "sub", "iat", "exp", "opens", "unlocked"]
_NAMES = (
    (jwt.InvalidSignatureError, "signature"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidAudienceError, "site"),
    (jwt.InvalidIssuerError, "issuer"),
)


class Refused(Exception):  # noqa: N818 -- the caller asks Replydesk then; nothing went wrong
    """Why a token proves nothing: malformed, algorithm, type, key, signature, site, issuer, early or expired."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Answer(NamedTuple):
    """``yes``, or else ask; ``because`` is the ground of the one and the reason of the other."""

    yes: bool
    because: str


class Keys:
    """The site's published keys, kept for their time, and past it while they cannot be fetched."""

    def __init__(self, fetch: Callable[[], Mapping[str, Any]], *, clock: Callable[[], float] = time.time) -> None:
        self._fetch, self._clock, self._lock = fetch, clock, Lock()
        self._keys: dict[str, Any] = {}
        self._old_at = self._look_at = 0.0
        self.outage: Mapping[str, Any] = {"mode": "closed", "grace_seconds": 0}

    def find(self, key_id: str) -> Any:
        """Return the public key; None for one that is not published."""
        now = self._clock()
        wanted = now >= self._old_at or key_id not in self._keys
        if wanted and now >= self._look_at and self._lock.acquire(blocking=False):
            try:
                self._look_at = now + LOOK_AGAIN_SECONDS
                self._load(now)
            finally:
                self._lock.release()
        return self._keys.get(key_id)

    def _load(self, now: float) -> None:
        try:
            document = self._fetch()
        except (OSError, ValueError):
            return  # what is known is better than nothing; asked again in LOOK_AGAIN_SECONDS
        found = [key for key in document["keys"] if key.get("alg") == ALGORITHM]
        self._keys = {key["kid"]: jwt.PyJWK(key).key for key in found}
        self.outage = document.get("outage", self.outage)
        self._old_at = now + CACHE_SECONDS


def over_http(root: str, site: str) -> Callable[[], Mapping[str, Any]]:
    """Fetch the keys from ``GET {root}/v1/sites/{site}/jwks.json``."""

    def fetch() -> Any:
        url = f"{root}/v1/sites/{site}/jwks.json"
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 -- the address is configured
            return json.load(response)

    return fetch


def verify(token: str, keys: Keys, *, site: str, now: float, grace_seconds: float = 0) -> dict[str, Any]:
    """Return the claims of a token that holds at ``now``; raise ``Refused``.

    ``grace_seconds`` lets it hold for longer: for an outage only, when nobody can be asked.
    """
    if len(token) > MOST_CHARACTERS:
        raise Refused("malformed")
    key = keys.find(_key_id(token.partition(".")[0]))
    if key is None:
        raise Refused("key")
    try:
        # Its times are checked below: PyJWT's one leeway would let a token live longer as well.
        options = {"require": CLAIMS, "verify_exp": False, "verify_iat": False}
        claims = jwt.decode(token, key, algorithms=[ALGORITHM], audience=site, issuer=ISSUER, options=options)
    except jwt.PyJWTError as error:
        raise Refused(next((name for kind, name in _NAMES if isinstance(error, kind)), "malformed")) from None
    if type(claims["iat"]) is not int or type(claims["exp"]) is not int:
        raise Refused("malformed")
    if claims["iat"] > now + SKEW_SECONDS:
        raise Refused("early")
    if claims["exp"] + grace_seconds <= now:
        raise Refused("expired")
    return claims


@lru_cache(maxsize=16)
def _key_id(encoded: str) -> str:
    """The key that a header names, after a look at the rest of it; the tokens of one key share their header."""
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if not isinstance(header, dict):
        raise Refused("malformed")
    # Nothing but this one algorithm is ever tried, whatever the token asks for.
    if header.get("alg") != ALGORITHM:
        raise Refused("algorithm")
    if header.get("typ") != TYPE:
        raise Refused("type")
    if not isinstance(header.get("kid"), str):
        raise Refused("malformed")
    return str(header["kid"])


def ground(claims: Mapping[str, Any], post_id: str, section: str, tags: Sequence[str]) -> str | None:
    """Which of the claims opens the post; None where none does."""
    opens = claims["opens"]
    if opens.get("all") or section in opens.get("sections", ()) or not set(tags).isdisjoint(opens.get("tags", ())):
        return "subscription"
    return "unlocked" if post_id in claims["unlocked"] else None


class Edge:
    """The whole check, for a site; ``reader_id`` is who is signed in there, where that is known."""

    def __init__(self, site: str, keys: Keys, *, clock: Callable[[], float] = time.time) -> None:
        self.site, self.keys, self._clock = site, keys, clock

    def check(
        self, token: str | None, post_id: str, *, section: str = "", tags: Sequence[str] = (), free: bool = False,
        reader_id: str | None = None, grace_seconds: float = 0,
    ) -> Answer:  # fmt: skip
        """Say yes where the token proves it, and else why Replydesk must be asked."""
        if free:
            return Answer(yes=True, because="free_post")
        if not token:
            return Answer(yes=False, because="no_token")
        try:
            claims = verify(token, self.keys, site=self.site, now=self._clock(), grace_seconds=grace_seconds)
        except Refused as refused:
            return Answer(yes=False, because=refused.name)
        if reader_id is not None and claims["sub"] != reader_id:
            return Answer(yes=False, because="reader")
        found = ground(claims, post_id, section, tags)
        return Answer(yes=found is not None, because=found or "not_named")

    def in_outage(self, token: str | None, post_id: str, **about: Any) -> bool:
        """What the site chose for when Replydesk was asked and did not answer."""
        mode = self.keys.outage["mode"]
        grace = self.keys.outage["grace_seconds"] if mode == "grace" else 0
        return mode == "open" or self.check(token, post_id, **about, grace_seconds=grace).yes
