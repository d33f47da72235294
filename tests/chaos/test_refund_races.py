"""Refunds of orders at the same moment as everything else: each counts once, and the books are right."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from moderation.db import db
from moderation.services import ledger_check
from tests.engagement import done, ledger, left, url

ORDER = {"unlocks": 40, "kind": "bundle", "reference": "order-1"}


def at_once(installation, calls):
    begin = Barrier(len(calls))

    def send(call):
        address, body = call
        client = installation.app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = installation.client.environ_base["HTTP_AUTHORIZATION"]
        begin.wait(timeout=10)
        return client.post(url(address), json=body).status_code

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(send, calls))


def refund(number, unlocks):
    names = {"kind": "bundle", "reference": "order-1", "refund_reference": f"refund-{number}"}
    return "/grants/refunds", names | {"unlocks": unlocks}


def test_refunds_unlocks_and_the_order_itself_at_once_end_as_one_after_the_other(installation):
    client = installation.client
    calls = [("/grants", ORDER)] * 4 + [refund(number, 5) for number in range(4)] * 3
    calls += [("/unlocks", {"post_id": f"post-{number}"}) for number in range(8)]

    answers = at_once(installation, calls)

    assert sorted(answers[:4]) == [200, 200, 200, 201]
    assert sorted(answers[4:16]) == [200] * 8 + [201] * 4
    opened = len(done(client.get(url("/unlocks?limit=200")))["items"])
    assert set(answers[16:]) <= {201, 409}
    assert left(client) + opened == 40 - 4 * 5
    assert opened == answers[16:].count(201)
    with installation.app.app_context():
        assert ledger_check.faults(db.session()) == []


def test_the_same_refund_at_once_takes_once(installation):
    done(installation.client.post(url("/grants"), json=ORDER))

    answers = at_once(installation, [refund(1, 7)] * 12)

    assert sorted(answers) == [200] * 11 + [201]
    assert [item["unlocks"] for item in ledger(installation.client)] == [40, -7]
