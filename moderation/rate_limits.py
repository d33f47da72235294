"""How often a key may call: counted a minute for each key, in each worker process by itself.

Source: draft-ietf-httpapi-ratelimit-headers (September 2025) for the two answer fields. A window begins with a key's
first call and ends a minute later. The package limits counts so too, but starts a thread every ten milliseconds to
forget what is over, for which other requests wait; here there are only as many counts as keys.
"""

import time
from threading import Lock

from flask import Blueprint, Flask, Response, current_app, g

from moderation.errors import RateLimited

WINDOW_SECONDS = 60
# The policy's name in both fields.
POLICY = "key"
_LIMITER = "rate_limiter"


class Windows:
    """Calls by key: how many since its window began, and when that ends (seconds since 1970)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, tuple[int, float]] = {}

    def count(self, key_id: str) -> tuple[int, float]:
        """Count one call more; return how many the window has now, and its end."""
        now = time.time()
        with self._lock:
            calls, ends_at = self._kept.get(key_id, (0, 0.0))
            # A clock that was put back must not shut a key out for longer than a window.
            if not now < ends_at <= now + WINDOW_SECONDS:
                calls, ends_at = 0, now + WINDOW_SECONDS
            self._kept[key_id] = (calls + 1, ends_at)
        return calls + 1, ends_at

    def reset(self) -> None:
        with self._lock:
            self._kept.clear()


def init_app(app: Flask) -> None:
    app.extensions[_LIMITER] = Windows()


def limit(blueprint: Blueprint) -> None:
    """Count every call of the blueprint against its key's quota; put this after what finds the key."""
    blueprint.before_request(_count)
    blueprint.after_request(_announce)


def _count() -> None:
    quota = current_app.config["RATE_LIMIT"]
    if not quota or "api_key" not in g:
        return
    calls, ends_at = current_app.extensions[_LIMITER].count(g.api_key.id)
    g.rate_limit = (max(0, quota - calls), max(1, round(ends_at - time.time())))
    if calls > quota:
        raise RateLimited(
            f"This key may call {quota:,} times a minute.", retry_after=g.rate_limit[1], violated_policies=[POLICY]
        )


def _announce(response: Response) -> Response:
    if "rate_limit" in g:
        left, seconds = g.rate_limit
        response.headers.add("RateLimit-Policy", f'"{POLICY}";q={current_app.config["RATE_LIMIT"]};w={WINDOW_SECONDS}')
        response.headers.add("RateLimit", f'"{POLICY}";r={left};t={seconds}')
    return response
