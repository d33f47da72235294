"""Many at once on a database of their own: every unlock is spent once, and the books add up."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from moderation import worker
from moderation.db import db
from moderation.services import ledger_check
from tests.engagement import START, at, give, history, ledger, left, sell, subscribe, unlock, url

THREADS, FIFTY = 16, 50


@pytest.fixture
def at_once(installation):
    """Send requests from threads that all begin at the same moment; return the answers."""
    authorization = installation.client.environ_base["HTTP_AUTHORIZATION"]

    def send(requests, threads=THREADS):
        waiting = list(enumerate(requests))
        taken, begin, answers = iter(waiting), threading.Barrier(threads), [None] * len(waiting)
        lock = threading.Lock()

        def work():
            client = installation.app.test_client()
            client.environ_base["HTTP_AUTHORIZATION"] = authorization
            begin.wait(timeout=30)
            while True:
                with lock:
                    place, (method, address, more) = next(taken, (None, (None, None, None)))
                if place is None:
                    return
                answers[place] = client.open(address, method=method, **more)

        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(work) for _ in range(threads)]:
                done.result(timeout=60)
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


def test_many_orders_among_many_erasures_are_all_answered(installation, at_once):
    grants = [("POST", url("/grants"), {"json": {"unlocks": 1, "kind": "gift"}})] * 40
    requests = [step for grant in grants for step in (grant, ("DELETE", url(), {}))]

    answers = at_once(requests)

    assert {answer.status_code for answer in answers} <= {201, 204, 409}
    assert [answer.status_code for answer in answers].count(201) > len(grants) // 2
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


class TestFiftyWithOneLeft:
    """Fifty requests at the same moment for the last unlock: each answer says what it did."""

    def test_for_fifty_posts_one_is_opened(self, installation, at_once):
        give(installation.client, 1)

        answers = at_once([("POST", url("/unlocks"), {"json": {"post_id": f"post-{n}"}}) for n in range(50)], FIFTY)

        refused = [answer for answer in answers if answer.status_code == 409]
        [opened] = [answer for answer in answers if answer.status_code == 201]
        assert (len(refused), opened.json["unlock_left"], left(installation.client)) == (49, 0, 0)
        assert {(answer.json["code"], answer.json["unlock_left"]) for answer in refused} == {("no_unlocks_left", 0)}
        assert [item["post_id"] for item in ledger(installation.client)] == [None, opened.json["post_id"]]
        assert books_are_sound(installation)

    def test_for_two_posts_the_later_of_the_opened_one_are_told_that_it_is_open(self, installation, at_once):
        give(installation.client, 1)

        posts = ["post-1", "post-2"] * 25
        answers = at_once([("POST", url("/unlocks"), {"json": {"post_id": post}}) for post in posts], FIFTY)

        [opened] = [answer.json for answer in answers if answer.status_code == 201]
        told = Counter(
            (answer.status_code, post == opened["post_id"]) for post, answer in zip(posts, answers, strict=True)
        )
        assert told == {(201, True): 1, (200, True): 24, (409, False): 25}
        assert [answer.json for answer in answers if answer.status_code == 200] == [opened] * 24
        assert books_are_sound(installation)
