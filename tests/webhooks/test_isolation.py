"""A dead and a slow endpoint next to healthy ones, with a worker that runs as in production."""

import threading
import time

import pytest

from moderation import worker
from tests.factories import FakeScoring
from tests.receiver import ENDPOINTS, receiving, status

HEALTHY, COMMENTS = 8, 12


@pytest.fixture
def working(installation):
    """The service with its worker in a thread; private addresses allowed, two seconds for an answer."""
    installation.app.extensions["scoring"] = FakeScoring()
    installation.app.config |= {"WEBHOOK_ALLOW_PRIVATE": True, "WEBHOOK_TIMEOUT_SECONDS": 2, "WORKER_POLL_MS": 50}
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(installation.app, stop))
    thread.start()
    yield installation
    stop.set()
    thread.join()


@pytest.mark.slow
def test_healthy_endpoints_are_told_within_two_seconds_beside_a_dead_and_a_slow_one(working):
    told, most, under_way, lock = [], [0], [0], threading.Lock()

    def slow(handler):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(1)
        with lock:
            under_way[0] -= 1
        status(200)(handler)

    def quick(handler):
        told.append(time.monotonic())
        status(200)(handler)

    with receiving() as healthy, receiving() as lame, receiving() as dead:
        healthy.answer, lame.answer, dead.answer = quick, slow, lambda _handler: time.sleep(3)
        for url in [lame.url, dead.url, *(f"{healthy.url}/{number}" for number in range(HEALTHY))]:
            assert working.client.post(ENDPOINTS, json={"url": url}).status_code == 201
        waits = []
        for number in range(COMMENTS):
            told.clear()
            began = time.monotonic()
            working.submit(f"Good news, number {number}.")
            while len(told) < HEALTHY and time.monotonic() - began < 10:
                time.sleep(0.01)
            waits += [at - began for at in told]

    waits.sort()
    middle, longest = waits[len(waits) // 2], waits[-1]
    print(f"\n{len(waits)} deliveries: median {middle:.3f} s, longest {longest:.3f} s")  # noqa: T201 -- the figures
    assert len(waits) == HEALTHY * COMMENTS
    assert waits[int(len(waits) * 0.99)] <= 2
    assert most[0] == 1
    # Left alone for a while after each miss, whatever waits for it.
    assert len(dead.requests) <= 3
