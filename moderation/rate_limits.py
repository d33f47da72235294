"""How often a key may call: counted a minute for each key, in each worker process by itself.

Source: draft-ietf-httpapi-ratelimit-headers (September 2025) for the two answer fields; the counting is the package
limits', of Flask-Limiter.
"""

import time

from flask import Blueprint, Flask, Response, current_app, g
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from moderation.errors import RateLimited

WINDOW_SECONDS = 60
# The policy's name in both fields.
POLICY = "key"
_LIMITER = "rate_limiter"


def init_app(app: Flask) -> None:
    app.extensions[_LIMITER] = FixedWindowRateLimiter(MemoryStorage())


def limit(blueprint: Blueprint) -> None:
    """Count every call of the blueprint against its key's quota; put this after what finds the key."""
    blueprint.before_request(_count)
    blueprint.after_request(_announce)


def _count() -> None:
    quota = current_app.config["RATE_LIMIT"]
    if not quota or "api_key" not in g:
        return
    limiter, item = current_app.extensions[_LIMITER], RateLimitItemPerMinute(quota)
    allowed = limiter.hit(item, g.api_key.id)
    resets_at, left = limiter.get_window_stats(item, g.api_key.id)
    g.rate_limit = (left, max(1, round(resets_at - time.time())))
    if not allowed:
        raise RateLimited(
            f"This key may call {quota:,} times a minute.", retry_after=g.rate_limit[1], violated_policies=[POLICY]
        )


def _announce(response: Response) -> Response:
    if "rate_limit" in g:
        left, seconds = g.rate_limit
        response.headers["RateLimit-Policy"] = f'"{POLICY}";q={current_app.config["RATE_LIMIT"]};w={WINDOW_SECONDS}'
        response.headers["RateLimit"] = f'"{POLICY}";r={left};t={seconds}'
    return response
