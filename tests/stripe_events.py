"""Stripe, as a site meets it: events in its shape, signed by the stripe package's own signer."""

import itertools
import json
import time

from stripe import WebhookSignature

from moderation.db import db
from moderation.models import Site
from moderation.services import providers
from tests.engagement import START

SECRET = "whsec_example_not_base64"
NEW_SECRET = "whsec_the_one_after_it"
ADDRESS = "/v1/providers/stripe/demo/events"
NOW = int(START.timestamp())
DAY = 86_400
MONTH = 28 * DAY
CUSTOMER, SUBSCRIPTION, PRICE = "cus_1", "sub_1", "price_month"
_numbers = itertools.count(1)


def set_up(app, *, site="demo", secrets=(SECRET,), livemode=True, **prices):
    """Do what the commands do: a secret, and prices such as ``price_month="monthly"`` or ``price_five=5``."""
    with app.app_context():
        session = db.session()
        found = session.query(Site).filter_by(name=site).one()
        for secret in secrets:
            providers.set_secret(session, found, secret, add=True, livemode=livemode, actor="test")
        for price, opens in prices.items():
            what = {"plan": opens, "unlocks": None} if isinstance(opens, str) else {"plan": None, "unlocks": opens}
            providers.set_price(session, found, price, **what, actor="test")
        session.commit()


def event(type, object, *, created=NOW, previous=None, id=None, **changes):
    data = {"object": object} | ({"previous_attributes": previous} if previous is not None else {})
    return {
        "id": id or f"evt_{next(_numbers):06}", "object": "event", "api_version": "2026-10-28.endive",
        "created": created, "livemode": True, "type": type, "pending_webhooks": 1, "request": None, "data": data,
    } | changes  # fmt: skip


def subscription(status="active", *, price=PRICE, start=NOW, end=NOW + MONTH, reader="u-77", **changes):
    item = {
        "id": "si_1", "object": "subscription_item", "quantity": 1, "current_period_start": start,
        "current_period_end": end, "price": {"id": price, "product": "prod_1", "lookup_key": None},
    }  # fmt: skip
    return {
        "id": SUBSCRIPTION, "object": "subscription", "customer": CUSTOMER, "status": status, "livemode": True,
        "cancel_at_period_end": False, "cancel_at": None, "canceled_at": None, "ended_at": None, "trial_end": None,
        "pause_collection": None, "metadata": {"replydesk_reader": reader} if reader else {},
        "items": {"object": "list", "has_more": False, "data": [item]},
    } | changes  # fmt: skip


def told(what="updated", status="active", *, created=NOW, previous=None, id=None, **changes):
    """An event of a subscription."""
    object = subscription(status, **changes)
    return event(f"customer.subscription.{what}", object, created=created, previous=previous, id=id)


def checkout(mode="subscription", *, created=NOW, id=None, what="completed", **changes):
    session = {
        "id": "cs_1", "object": "checkout.session", "mode": mode, "payment_status": "paid", "customer": CUSTOMER,
        "client_reference_id": "u-77", "metadata": {}, "customer_details": {"email": "ana@marker.example"},
        "subscription": SUBSCRIPTION if mode == "subscription" else None,
        "payment_intent": "pi_1" if mode == "payment" else None,
    }  # fmt: skip
    return event(f"checkout.session.{what}", session | changes, created=created, id=id)


def bundle(price="price_five", **changes):
    return checkout("payment", **({"metadata": {"replydesk_price": price}} | changes))


def signature(body, secret=SECRET, *, at=None):
    seconds = int(time.time()) if at is None else at
    return WebhookSignature.generate_signature_header(payload=body, secret=secret, timestamp=seconds)


def post(client, body, header, *, address=ADDRESS):
    return client.post(address, data=body, headers={"Stripe-Signature": header}, content_type="application/json")


def send(client, *events, secret=SECRET, address=ADDRESS):
    """Deliver events as Stripe does; return what became of each."""
    became = []
    for sent in events:
        body = json.dumps(sent, indent=2)
        answer = post(client, body, signature(body, secret), address=address)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        became.append(answer.json["outcome"])
    return became if len(became) > 1 else became[0]
