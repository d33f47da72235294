"""A receiver of webhooks, an endpoint there, and a clock that stands still."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.receiver import ENDPOINTS, receiving

# After everything that the fixtures make before the clock is stopped.
START = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.fixture
def receiver(app, monkeypatch):
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    monkeypatch.setitem(app.config, "WEBHOOK_TIMEOUT_SECONDS", 0.4)
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def secret(client, receiver):
    """The secret of an endpoint at the receiver that asked for everything."""
    return client.post("/v1/webhook-endpoints", json={"url": receiver.url}).json["secret"]


@pytest.fixture
def endpoint(client, secret):
    """The id of that endpoint."""
    return client.get(ENDPOINTS).json["items"][0]["id"]
