"""Whatever Stripe tells of a reader, in whatever order and however often: the same end."""

import itertools

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from moderation.db import db
from moderation.services import ledger_check
from tests.engagement import START, sell
from tests.stripe_events import DAY, MONTH, NOW, bundle, checkout, send, set_up, told
from tests.test_stripe_orders import renamed, standing
from tests.test_stripe_refunds import charge, dispute, refund

WORDS = st.sampled_from(["trialing", "active", "past_due", "unpaid", "paused", "canceled"])
PREVIOUS = st.sampled_from([None, {"status": "active"}, {"status": "trialing"}, {"cancel_at_period_end": False}])
_readers = itertools.count(1)


@pytest.fixture
def shop(client, app):
    sell(client, "monthly", unlocks=5, opens={"all": True}, grace_days=5)
    sell(client, "yearly", unlocks=8, opens={"all": True})
    set_up(app, price_month="monthly", price_year="yearly", price_five=5)
    return client


@st.composite
def one_told(draw):
    """An event of one of two subscriptions, in the first of their periods or the second."""
    status, later = draw(WORDS), draw(st.booleans())
    start = NOW + 20 * DAY * later
    sent = told(
        draw(st.sampled_from(["created", "updated"])) if status != "canceled" else "deleted", status,
        created=NOW + draw(st.integers(0, 2)) + 20 * DAY * later, start=start, end=start + MONTH,
        cancel_at_period_end=draw(st.booleans()), price=draw(st.sampled_from(["price_month", "price_year"])),
        previous=draw(PREVIOUS), reader=None,
        pause_collection=draw(st.sampled_from([None, None, {"behavior": "void"}])),
    )  # fmt: skip
    if draw(st.booleans()):
        sent["data"]["object"]["id"] = "sub_1second"
    return sent


@st.composite
def money_back(draw):
    """What may be told of money that goes back: whole, in parts that are worth units or none, and disputed."""
    back = draw(st.sampled_from([200, 333, 400, 1_000]))
    return draw(
        st.sampled_from([
            charge(back), refund(draw(st.sampled_from(["pending", "succeeded", "failed"]))),
            dispute("created", "needs_response", amount=back), dispute("closed", "won", amount=back),
            dispute("closed", "lost", amount=400),
        ])
    )  # fmt: skip


def of_one_payment(object, number):
    for name in ("payment_intent", "charge", "id"):
        if (object.get(name) or "").startswith(("pi_", "ch_", "re_", "dp_")):
            object[name] += f"x{number}"


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_any_order_of_any_events_ends_in_one_state(shop, app, data):
    events = [
        *data.draw(st.lists(one_told(), min_size=1, max_size=5)), *data.draw(st.lists(money_back(), max_size=4)),
        checkout(created=NOW), bundle(created=NOW, amount_total=1_000),
    ]  # fmt: skip
    for number, sent in enumerate(events):
        sent["id"] = f"evt_{number}"
    ends = []
    for order in (events, data.draw(st.permutations(events)), data.draw(st.permutations(events))):
        number = f"p{next(_readers)}"
        # Ticking, because ids of one millisecond sort by chance.
        with time_machine.travel(START.replace(month=2, day=21), tick=True):
            mine = [renamed(sent, number) for sent in order]
            for sent in mine:
                of_one_payment(sent["data"]["object"], number)
            send(shop, *mine, *mine[::2])
            ends.append(standing(shop, f"u-{number}"))

    assert ends[0] == ends[1] == ends[2]
    with app.app_context():
        assert ledger_check.faults(db.session()) == []
