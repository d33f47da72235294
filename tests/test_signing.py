import base64
from datetime import UTC, datetime

import pytest
import time_machine
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from moderation import signing

# The worked example of the shared protocol notes, made with the reference library.
SECRET = "whsec_cmVwbHlkZXNrLWV4YW1wbGUtc2VjcmV0LTMyYnl0ZXM="
ID, TIMESTAMP = "evt_01hzexample", 1795424400
BODY = b'{"type":"comment.published","timestamp":"2026-11-23T09:00:00Z","data":{"id":"cmt_01"}}'


def test_the_signature_of_the_worked_example_is_the_known_one():
    signature = signing.sign(SECRET, id=ID, timestamp=TIMESTAMP, body=BODY)

    assert signature == "v1,LRupYCT8OFweDXTx5YzxXtxvy2IwxnzFB2WMYp76oiI="


def test_a_body_that_is_not_ascii_verifies_with_the_reference_library():
    body = '{"name":"Zoë 🦊"}'.encode()

    headers = signing.headers([SECRET], id=ID, timestamp=TIMESTAMP, body=body)

    with time_machine.travel(TIMESTAMP):
        assert Webhook(SECRET).verify(body, headers) == {"name": "Zoë 🦊"}


@pytest.mark.parametrize("held", [0, 1], ids=["the old secret", "the new secret"])
def test_with_two_secrets_in_use_a_receiver_that_knows_either_accepts(held):
    both = [signing.new_secret(), signing.new_secret()]

    headers = signing.headers(both, id=ID, timestamp=TIMESTAMP, body=BODY)

    assert headers["webhook-signature"].count(" ") == 1
    with time_machine.travel(TIMESTAMP):
        Webhook(both[held]).verify(BODY, headers)


@pytest.mark.parametrize(("age", "accepted"), [(299, True), (301, False), (-299, True), (-302, False)])
def test_a_receiver_refuses_what_is_more_than_five_minutes_old_or_ahead(age, accepted):
    headers = signing.headers([SECRET], id=ID, timestamp=TIMESTAMP, body=BODY)

    with time_machine.travel(datetime.fromtimestamp(TIMESTAMP + age, UTC), tick=False):
        if accepted:
            Webhook(SECRET).verify(BODY, headers)
        else:
            with pytest.raises(WebhookVerificationError):
                Webhook(SECRET).verify(BODY, headers)


def test_a_receiver_skips_a_signature_version_that_it_does_not_know():
    headers = signing.headers([SECRET], id=ID, timestamp=TIMESTAMP, body=BODY)
    headers["webhook-signature"] = "v1a,bm90IG91cnM= " + headers["webhook-signature"]

    with time_machine.travel(TIMESTAMP):
        assert Webhook(SECRET).verify(BODY, headers)["type"] == "comment.published"


def test_one_changed_byte_is_noticed():
    headers = signing.headers([SECRET], id=ID, timestamp=TIMESTAMP, body=BODY)

    with time_machine.travel(TIMESTAMP), pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace(b"01", b"02"), headers)


def test_a_new_secret_is_32_random_bytes_in_the_standard_alphabet():
    made = {signing.new_secret() for _ in range(20)}

    assert len(made) == 20
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32 for secret in made)
