"""HTTP in: a blueprint a noun; a view loads, calls, commits and dumps."""

from collections.abc import Callable, Sequence

from flask import Flask

from moderation.views import (
    comments,
    decisions,
    doors,
    events,
    health,
    policy,
    queue,
    review,
    score,
    security,
    threads,
    webhooks,
)
from moderation.views.blueprint import Blueprint

# The JSON API: in the OpenAPI document, guarded by keys.
API: Sequence[Blueprint] = (
    comments.bp,
    decisions.bp,
    queue.bp,
    threads.bp,
    score.bp,
    policy.bp,
    webhooks.bp,
    events.bp,
)
# Everything else: each is called with the app.
PAGES: Sequence[Callable[[Flask], None]] = (
    security.install,
    lambda app: app.register_blueprint(health.bp),
    review.install,
    doors.install,
)
