"""Many at once on a database of their own: every unlock is spent once, and the books add up."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from moderation import worker
from moderation.db import db
from moderation.services import ledger_check
from tests.engagement import START, at, give, history, ledger, left, sell, subscribe, unlock, url

THREADS = 16


@pytest.fixture
def at_once(installation):
    """Send requests from sixteen threads that all begin at the same moment; return the answers."""
    authorization = installation.client.environ_base["HTTP_AUTHORIZATION"]

    def send(requests):
        waiting = list(enumerate(requests))
        taken, begin, answers = iter(waiting), threading.Barrier(THREADS), [None] * len(waiting)
        lock = threading.Lock()

        def work():
            client = installation.app.test_client()
            client.environ_base["HTTP_AUTHORIZATION"] = authorization
            begin.wait(timeout=5)
            while True:
                with lock:
                    place, (method, address, more) = next(taken, (None, (None, None, None)))
                if place is None:
                    return
                answers[place] = client.open(address, method=method, **more)

        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(work) for _ in range(THREADS)]:
                done.result(timeout=30)
        return answers

    return send


def statuses(answers):
    return sorted(answer.status_code for answer in answers)


def books_are_sound(installation):
    with installation.app.app_context():
        return ledger_check.faults(db.session()) == []


def test_of_twenty_posts_five_unlocks_open_five(installation, at_once):
    give(installation.client, 5)

    answers = at_once([("POST", url("/unlocks"), {"json": {"post_id": f"post-{n}"}}) for n in range(20)])

    assert statuses(answers) == [201] * 5 + [409] * 15
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} == {"no_unlocks_left"}
    assert sorted(answer.json["unlock_left"] for answer in answers if answer.status_code == 201) == [0, 1, 2, 3, 4]
    assert left(installation.client) == 0
    assert [item["sequence"] for item in ledger(installation.client)] == [1, 2, 3, 4, 5, 6]
    assert books_are_sound(installation)


def test_the_same_post_at_once_costs_one(installation, at_once):
    give(installation.client, 5)

    answers = at_once([("POST", url("/unlocks"), {"json": {"post_id": "2041"}})] * THREADS)

    assert statuses(answers) == [200] * 15 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert left(installation.client) == 4
    assert books_are_sound(installation)


def test_the_same_idempotency_key_at_once_has_one_effect(installation, at_once):
    body = {"json": {"unlocks": 5, "kind": "gift"}, "headers": {"Idempotency-Key": "k-1"}}

    answers = at_once([("POST", url("/grants"), body)] * THREADS)

    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
    assert set(statuses(answers)) <= {201, 409}
    assert left(installation.client) == 5
    assert books_are_sound(installation)


def test_a_new_readers_first_grant_is_credited_once(installation, at_once):
    body = {"json": {"unlocks": 5, "kind": "bundle", "reference": "order-1"}}

    answers = at_once([("POST", url("/grants"), body)] * THREADS)

    assert statuses(answers) == [200] * 15 + [201]
    assert left(installation.client) == 5


def test_grants_unlocks_and_refunds_at_once_leave_sound_books(installation, at_once):
    give(installation.client, 10)
    for n in range(8):
        unlock(installation.client, f"old-{n}")
    requests = [
        request
        for n in range(8)
        for request in (
            ("POST", url("/unlocks"), {"json": {"post_id": f"new-{n}"}}),
            ("DELETE", url(f"/unlocks/old-{n}"), {}),
            ("POST", url("/grants"), {"json": {"unlocks": 1, "kind": "gift", "reference": f"g-{n}"}}),
        )
    ]

    answers = at_once(requests)

    opened = sum(answer.status_code == 201 for answer in answers[::3])
    assert {answer.status_code for answer in answers[1::3]} == {200}
    assert {answer.status_code for answer in answers[2::3]} == {201}
    assert left(installation.client) == 10 + 8 - opened
    assert books_are_sound(installation)


def test_what_runs_out_is_written_once_however_many_workers_come(installation, at_once):
    with at():
        sell(installation.client, unlocks=5, grace_days=1)
        subscribe(installation.client)
        give(installation.client, 3, expires_at=(START + timedelta(days=1)).isoformat())
    with at(days=40):
        workers = [threading.Thread(target=worker.do_chores, args=(installation.app,)) for _ in range(3)]
        for thread in workers:
            thread.start()
        answers = at_once([("POST", url("/unlocks"), {"json": {"post_id": "2041"}})] * THREADS)
        for thread in workers:
            thread.join(timeout=30)

        assert statuses(answers) == [409] * THREADS
        assert [item["unlocks"] for item in ledger(installation.client)] == [5, 3, -3, -5]
        assert [item["event"] for item in history(installation.client)] == ["start", "lapse", "end"]
    assert books_are_sound(installation)


def test_an_erasure_among_unlocks_leaves_sound_books(installation, at_once):
    give(installation.client, 20)
    requests = [("POST", url("/unlocks"), {"json": {"post_id": f"post-{n}"}}) for n in range(20)]
    requests.insert(10, ("DELETE", url(), {}))

    answers = at_once(requests)

    assert {answer.status_code for answer in answers} <= {201, 204, 409}
    assert left(installation.client) == 0
    assert books_are_sound(installation)


def test_one_subscription_begins_and_one_cancellation_counts(installation, at_once):
    sell(installation.client, unlocks=5)
    begun = at_once([("PUT", url("/subscription"), {"json": {"plan": "monthly"}})] * THREADS)
    canceled = at_once([("POST", url("/subscription/cancel"), {"json": {"at": "period_end"}})] * THREADS)

    assert statuses(begun) == [201] + [409] * 15
    assert statuses(canceled) == [200] + [409] * 15
    assert [item["event"] for item in history(installation.client)] == ["start", "cancel"]
    assert left(installation.client) == 5
    assert books_are_sound(installation)


def test_the_same_payment_at_once_adds_one_period(installation, at_once):
    sell(installation.client)
    subscribe(installation.client)

    answers = at_once([("POST", url("/subscription/renew"), {"json": {"reference": "inv-1"}})] * THREADS)

    assert statuses(answers) == [200] * 15 + [201]
    assert [item["event"] for item in history(installation.client)] == ["start", "renew"]
