"""The generic endpoint, as a payment provider meets it: events signed by the standardwebhooks package."""

import base64
import itertools
import json
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from moderation.db import db
from moderation.models import Site
from moderation.services import providers
from tests.engagement import START

SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
NEW_SECRET = "whsec_" + base64.b64encode(b"b" * 24).decode()
ADDRESS = "/v1/providers/generic/demo/events"
_numbers = itertools.count(1)


def set_up(app, *, site="demo", secret=SECRET, add=True):
    with app.app_context():
        session = db.session()
        found = session.query(Site).filter_by(name=site).one()
        providers.set_secret(session, found, secret, add=add, livemode=None, actor="test", name="generic")
        session.commit()


def said(moment):
    return moment.isoformat().replace("+00:00", "Z")


def event(type, *, seconds=0, **data):
    return {"type": type, "timestamp": said(START + timedelta(seconds=seconds)), "data": data}


def paid(**changes):
    return event("order.paid", **({"reader_id": "u-77", "reference": "order-1", "unlocks": 5} | changes))


def refunded(**changes):
    return event("order.refunded", **({"reference": "order-1"} | changes))


def followed(state="active", *, seconds=0, days=28, **changes):
    data = {
        "subscription": "s-1", "reader_id": "u-77", "plan": "monthly", "state": state,
        "paid_until": said(START + timedelta(days=days)), "period_started_at": said(START),
    }  # fmt: skip
    return event("subscription.updated", seconds=seconds, **(data | changes))


def post(client, body, *, id=None, secret=SECRET, at=None, address=ADDRESS, **changes):
    """Deliver as the standardwebhooks package signs."""
    text = body if isinstance(body, str) else json.dumps(body)
    id, moment = id or f"msg_{next(_numbers):06}", at or datetime.now(UTC)
    headers = {
        "webhook-id": id, "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, moment, text), "Content-Type": "application/json",
    }  # fmt: skip
    headers = {name: value for name, value in (headers | changes).items() if value is not None}
    return client.post(address, data=text, headers=headers)


def send(client, *events, **more):
    became = []
    for sent in events:
        answer = post(client, sent, **more)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        became.append(answer.json["outcome"])
    return became if len(became) > 1 else became[0]
