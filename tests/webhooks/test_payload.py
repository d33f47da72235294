"""What a delivery holds: numbered, small, and true to the reference verifier for every kind of event."""

import pytest
from standardwebhooks.webhooks import Webhook

from moderation import worker
from moderation.db import db
from moderation.services import outbox, sites
from moderation.services.outbox import EVENT_TYPES
from tests.factories import comment
from tests.receiver import ENDPOINTS, post


def test_what_happens_to_a_comment_is_numbered_without_a_gap(app, client, receiver, secret):
    id = post(client, "A silly thing.")["id"]
    url = f"/v1/comments/{id}"
    client.post(f"{url}/decisions", json={"status": "published"}, headers={"If-Match": "*"})
    client.post(f"{url}/flags", json={"reader": {"id": "u-12"}, "reason": "abuse"})
    client.put(url, json={"text": "You idiot."}, headers={"If-Match": "*"})
    client.delete(url)
    post(client, "Another one begins anew.")

    worker.drain(app)

    told = [Webhook(secret).verify(request["body"], request["headers"]) for request in receiver.requests]
    ours = [event for event in told if id in (event["data"]["id"], event["data"].get("comment_id"))]
    # Two events of one moment may arrive in either order; the number puts them right.
    ours.sort(key=lambda event: event["data"]["sequence"])
    assert [(event["type"], event["data"]["sequence"]) for event in ours] == [
        ("comment.pending", 1), ("comment.published", 2), ("comment.flagged", 3), ("comment.edited", 4),
        ("comment.rejected", 5), ("comment.deleted", 6),
    ]  # fmt: skip
    assert [event["data"]["sequence"] for event in told if event not in ours] == [1]


@pytest.mark.parametrize("text", ["silly " * 8_333, "ö" * 50_000, "\u0001" * 10], ids=["words", "umlauts", "controls"])
def test_a_comment_of_50000_characters_is_told_in_less_than_20_kilobytes(app, client, receiver, secret, text):
    long = {"id": "2" * 255, "title": "t" * 300}
    body = comment(text, post=long, external_id="e" * 255, reader={"id": "u" * 255, "name": "Ana"})
    stored = client.post("/v1/comments", json=body)

    worker.drain(app)

    [request] = receiver.requests
    told = Webhook(secret).verify(request["body"], request["headers"])
    assert stored.status_code == 201, stored.json
    assert len(request["body"]) < 20_000
    assert told["data"]["id"] == stored.json["id"]
    assert "text" not in told["data"]


@pytest.mark.parametrize("type", EVENT_TYPES)
def test_every_kind_of_event_verifies_also_while_the_secret_is_rotated(app, client, receiver, endpoint, secret, type):
    data = {"id": "cmt_1", "version": 1, "reader_id": "Zoë 🐘", "reasons": [{"detail": 'a "quote" \\ \u2028'}]}
    new = client.post(f"{ENDPOINTS}/{endpoint}/rotate").json["secret"]
    with app.app_context():
        session = db.session()
        about = {"endpoint_id": "whe_other"} if type == "delivery.dead" else {}
        outbox.emit(session, site_id=sites.by_name(session, "demo").id, type=type, data=data | about)
        session.commit()

    worker.drain(app)

    [request] = receiver.requests
    told = [Webhook(one).verify(request["body"], request["headers"]) for one in (secret, new)]
    assert told[0] == told[1]
    assert told[0]["type"] == type
    assert told[0]["data"] == data | about
    assert request["headers"]["webhook-signature"].count("v1,") == 2
