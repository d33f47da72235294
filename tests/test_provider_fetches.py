"""Lines of a checkout that Stripe's event leaves out, fetched from a Stripe on loopback."""

import json
import time

import pytest
import time_machine

from moderation import stripe_api
from moderation.db import db
from moderation.models import ProviderEvent, Site
from moderation.services import providers
from moderation.stripe import lines
from tests.engagement import START, left, sell, the_worker_comes
from tests.receiver import big_body, receiving, reset, slow_body, slow_head, status
from tests.stripe_events import SECRET, bundle, send, set_up
from tests.test_stripe_quarantine import waiting
from tests.test_stripe_refunds import charge

KEY = "rk_live_example0001"
LINE = {"id": "li_1", "object": "item", "quantity": 2, "price": {"id": "price_five", "product": "prod_5"}}


@pytest.fixture
def there(monkeypatch):
    """Stripe, as far as we ask it."""
    with receiving() as receiver:
        monkeypatch.setattr(stripe_api, "HOST", f"http://127.0.0.1:{receiver.port}")
        monkeypatch.setattr(stripe_api, "ALLOW_PRIVATE", True)
        monkeypatch.setattr(stripe_api, "DEADLINE_SECONDS", 0.5)
        receiver.answer = listed(LINE)
        yield receiver


@pytest.fixture
def shop(client, app):
    sell(client, "monthly")
    set_up(app, price_five=5)
    believe(app, KEY)
    with time_machine.travel(START, tick=True):
        yield client


def believe(app, key):
    with app.app_context():
        site = db.session.query(Site).filter_by(name="demo").one()
        providers.set_api_key(db.session(), site, key, actor="test")
        db.session.commit()


def listed(*items, **changes):
    body = json.dumps({"object": "list", "has_more": False, "data": list(items)} | changes).encode()
    return saying(body)


def saying(body, code=200):
    def answer(handler):
        status(code, Content_Length=str(len(body)))(handler)
        handler.wfile.write(body)

    return answer


def nameless(**changes):
    return bundle(metadata={}, **changes)


def detail(app):
    with app.app_context():
        [row] = db.session.query(ProviderEvent).filter_by(state="quarantined")
        return row.reason, row.detail


def test_the_event_is_answered_at_once_and_its_lines_are_fetched_by_the_worker(shop, app, there):
    assert send(shop, nameless(id="evt_1")) == "quarantined"
    before = waiting(app), left(shop), there.requests.copy()

    the_worker_comes(app)

    assert before == ([("evt_1", "to_fetch")], 0, [])
    assert (waiting(app), left(shop)) == ([], 10)
    [asked] = there.requests
    assert asked["path"] == "/v1/checkout/sessions/cs_1/line_items?limit=100"
    assert asked["headers"]["authorization"] == f"Bearer {KEY}"


def test_what_waited_for_the_order_goes_along(shop, app, there):
    send(shop, charge(), nameless(amount_total=1_000))

    the_worker_comes(app)

    assert (waiting(app), left(shop)) == ([], 0)


def test_without_a_key_nothing_is_asked(shop, app, there):
    believe(app, None)
    send(shop, nameless(id="evt_1"))

    the_worker_comes(app)

    assert (waiting(app), there.requests) == ([("evt_1", "unlisted_price")], [])


def test_an_event_that_says_what_was_bought_needs_nothing_fetched(shop, app, there):
    assert send(shop, bundle()) == "applied"


def test_lines_that_are_not_listed_wait_with_their_names(shop, app, there):
    there.answer = listed(LINE | {"price": {"id": "price_new", "product": "prod_9"}})
    send(shop, nameless(id="evt_1"))

    the_worker_comes(app)

    assert detail(app) == ("unlisted_price", "Not listed with unlocks: price_new.")


@pytest.mark.parametrize(
    "answer",
    [status(500), status(401), status(404), status(302, Location="http://127.0.0.1/"), reset, slow_head, slow_body,
     big_body, saying(b"nothing"), saying(b"[" * 10_000), saying(b"\xff\xfe"), listed(LINE, has_more=True),
     listed(LINE | {"quantity": -1}), saying(b"[]"), saying(json.dumps({"data": [LINE]}).encode())],
)  # fmt: skip
def test_a_fault_at_stripe_changes_nothing_and_is_told(shop, app, there, answer):
    there.answer = answer
    send(shop, nameless())
    began = time.monotonic()

    the_worker_comes(app)

    reason, why = detail(app)
    assert (reason, left(shop)) == ("to_fetch", 0)
    assert why.startswith("Its lines could not be fetched from Stripe: ")
    assert KEY not in why
    assert len(there.requests) == 1
    assert time.monotonic() - began < 5


def test_a_fault_is_tried_again_ever_later_until_it_is_over(shop, app, there):
    there.answer = status(503)
    send(shop, nameless())
    asked = []
    for seconds in (0, 10, 31, 60, 92, 150, 300):
        with time_machine.travel(START.timestamp() + seconds + 1, tick=True):
            the_worker_comes(app)
        asked.append(len(there.requests))
    there.answer = listed(LINE)
    with time_machine.travel(START.timestamp() + 3_600, tick=True):
        the_worker_comes(app)

    assert asked == [1, 1, 2, 2, 3, 3, 4]
    assert left(shop) == 10


def test_after_one_fault_the_others_are_not_tried_in_vain(shop, app, there):
    there.answer = status(503)
    send(shop, *(nameless(payment_intent=f"pi_{n}") for n in range(3)))

    the_worker_comes(app)

    assert len(there.requests) == 1


def test_what_was_dismissed_while_it_was_fetched_stays_so(shop, app, there):
    send(shop, nameless())

    def meanwhile(handler):
        with app.app_context():
            db.session.query(ProviderEvent).update({"state": "dismissed"})
            db.session.commit()
        listed(LINE)(handler)

    there.answer = meanwhile
    the_worker_comes(app)

    assert left(shop) == 0


def test_no_private_address_is_called_in_earnest(shop, app, there, monkeypatch):
    monkeypatch.setattr(stripe_api, "ALLOW_PRIVATE", False)
    send(shop, nameless())

    the_worker_comes(app)

    assert "private or reserved" in detail(app)[1]
    assert there.requests == []


def test_the_command_fetches_at_once(installation, there):
    installation.run("provider", "set", "stripe", "--secret-stdin", input=SECRET)
    installation.run("provider", "price", "price_five", "--unlocks", "5")
    with time_machine.travel(START, tick=True):
        send(installation.client, nameless(id="evt_1"))
    made = installation.run("provider", "set", "stripe", "--api-key-stdin", input=KEY)
    applied = installation.run("provider", "quarantine", "apply", "evt_1")
    shown = installation.run("provider", "show")
    forgotten = installation.run("provider", "set", "stripe", "--no-api-key")

    assert applied.stdout == "1 applied, 0 still wait.\n"
    assert left(installation.client) == 10
    assert "fetches lines of checkouts" in shown.stdout
    assert "fetches" not in forgotten.stdout
    assert KEY not in made.output + shown.output + applied.output


@pytest.mark.parametrize(
    "key", ["", "rk_test_example0001", "pk_live_example0001", "rk_live_ü2345678", "rk_live_x\x00yzabcd"]
)
def test_a_key_that_is_none_is_refused_and_not_shown(installation, key):
    installation.run("provider", "set", "stripe", "--secret-stdin", input=SECRET)
    result = installation.run("provider", "set", "stripe", "--api-key-stdin", input=key or "\n")

    assert result.exit_code == 1
    assert "rk_live_." in result.stderr
    assert not key or key not in result.output


@pytest.mark.parametrize("words", [[], ["--secret-stdin", "--api-key-stdin"], ["--no-api-key", "--secret-stdin"]])
def test_one_thing_is_set_at_a_time(installation, words):
    assert installation.run("provider", "set", "stripe", *words, input="x").exit_code == 2


def test_lines_are_read_with_their_quantities_and_names():
    body = json.dumps({"has_more": False, "data": [LINE, {"price": "price_1"}]}).encode()

    assert lines(body) == [[["price_five", "prod_5"], 2], [["price_1"], 1]]
