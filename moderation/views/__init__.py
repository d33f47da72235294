"""HTTP in: a blueprint a noun; a view loads, calls, commits and dumps."""

from collections.abc import Callable, Sequence

from flask import Flask

from moderation.views import (
    comments,
    decisions,
    demo,
    docs,
    doors,
    events,
    health,
    hook,
    metering,
    plans,
    policy,
    posts,
    problems,
    queue,
    readers,
    review,
    score,
    security,
    subscriptions,
    threads,
    token_keys,
    unlocks,
    webhooks,
)
from moderation.views.blueprint import Blueprint

# The JSON API: in the OpenAPI document, guarded by keys.
API: Sequence[Blueprint] = (
    comments.bp,
    decisions.bp,
    queue.bp,
    threads.bp,
    posts.bp,
    score.bp,
    readers.bp,
    unlocks.bp,
    subscriptions.bp,
    plans.bp,
    metering.bp,
    policy.bp,
    hook.bp,
    webhooks.bp,
    events.bp,
)
# Everything else: each is called with the app.
PAGES: Sequence[Callable[[Flask], None]] = (
    security.install,
    lambda app: app.register_blueprint(health.bp),
    lambda app: app.register_blueprint(docs.bp),
    lambda app: app.register_blueprint(problems.bp),
    lambda app: app.register_blueprint(token_keys.bp),
    review.install,
    doors.install,
    demo.install,
)
