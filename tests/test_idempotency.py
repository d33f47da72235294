from datetime import timedelta

import pytest
import time_machine

from moderation.db import db
from moderation.models import Comment, utc_now
from tests.factories import comment


def post(client, key, body=None, path="/v1/comments"):
    return client.post(path, json=body or comment(), headers={"Idempotency-Key": key})


def test_a_repeated_key_gets_the_stored_answer_byte_for_byte(client, app):
    first = post(client, "k-1")
    second = post(client, "k-1")

    assert (second.status_code, second.data) == (201, first.data)
    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    with app.app_context():
        assert db.session.query(Comment).count() == 1


def test_the_quoted_form_is_the_same_key(client):
    first = post(client, '"k-1"')

    assert post(client, "k-1").data == first.data


def test_another_body_under_the_same_key_is_refused(client):
    post(client, "k-1")

    response = post(client, "k-1", comment("Other words."))

    assert (response.status_code, response.json["code"]) == (422, "idempotency_key_reused")


def test_keys_of_sites_and_routes_are_apart(client, other):
    mine = post(client, "k-1")
    theirs = post(other, "k-1")
    batch = post(client, "k-1", {"items": [comment("In a batch.")]}, "/v1/comments/batch")

    assert theirs.status_code == 201
    assert theirs.json["id"] != mine.json["id"]
    assert batch.status_code == 200


def test_a_refused_request_leaves_its_key_free(client):
    refused = post(client, "k-1", comment(""))
    corrected = post(client, "k-1", comment("Now with words."))

    assert (refused.status_code, corrected.status_code) == (422, 201)


def test_a_dry_run_leaves_its_key_free(client):
    post(client, "k-1", path="/v1/comments?dry_run=true")

    assert post(client, "k-1").status_code == 201


def test_a_key_is_new_after_its_time(client):
    first = post(client, "k-1", comment("The first words."))
    with time_machine.travel(utc_now() + timedelta(hours=73)):
        later = post(client, "k-1", comment("The later words."))

    assert later.status_code == 201
    assert later.json["id"] != first.json["id"]


@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "tab\there", "ümlaut"])
def test_a_malformed_key_is_refused(client, key):
    response = post(client, key)

    assert (response.status_code, response.json["code"]) == (400, "idempotency_key_invalid")
