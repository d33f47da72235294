"""A site's keys: published before they sign and until their last token has expired, whatever is cached."""

import json
from datetime import timedelta

import pytest

from moderation.db import db
from moderation.errors import NotFound, StateForbids
from moderation.models import Audit, Site, TokenKey
from moderation.services import token_keys
from tests.edge import header_of, key_set, token_of, verifier
from tests.engagement import START, at, configure, problem, sell, subscribe, the_worker_comes, travel, url


def after(seconds):
    return travel(START + timedelta(seconds=seconds))


def rotate(app, *, at_once=False):
    """As the command does; the new key's id."""
    with app.app_context():
        key = token_keys.rotate(db.session(), site(), at_once=at_once, actor="test")
        db.session.commit()
        return key.id


def retire(app, key_id):
    with app.app_context():
        token_keys.retire(db.session(), site(), key_id, actor="test")
        db.session.commit()


def site():
    return db.session.query(Site).filter_by(name="demo").one()


def published(client):
    return [key["kid"] for key in key_set(client).json["keys"]]


def signer(client):
    return header_of(token_of(client))["kid"]


def test_the_keys_are_published_without_a_key_and_never_with_their_secret_half(app, client):
    answer = app.test_client().get("/v1/sites/demo/jwks.json")

    [key] = answer.json["keys"]
    assert (answer.status_code, answer.mimetype) == (200, "application/jwk-set+json")
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("OKP", "Ed25519", "sig", "EdDSA")
    assert (key["kid"], len(key["x"])) == (signer(client), 43)


def test_they_may_be_kept_for_five_minutes_and_are_compared_by_their_tag(client):
    first = key_set(client)
    again = client.get("/v1/sites/demo/jwks.json", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "public, max-age=300, stale-if-error=86400"
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])


def test_a_rotation_changes_the_tag(client, app):
    with at():
        before = key_set(client).headers["ETag"]
        rotate(app)
        after_it = key_set(client).headers["ETag"]

    assert before != after_it


@pytest.mark.parametrize("name", ["nowhere", "a%00b", "s" * 1_000, "..", "Demo"])
def test_an_unknown_site_has_no_keys(client, name):
    answer = client.get(f"/v1/sites/{name}/jwks.json")

    assert problem(answer) == (404, "not_found")
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_site_has_keys_of_its_own(client):
    demo, other = key_set(client).json["keys"], key_set(client, "other").json["keys"]

    assert {key["x"] for key in demo}.isdisjoint(key["x"] for key in other)


def test_the_next_key_is_published_for_longer_than_a_cache_lives_before_it_signs(client, app):
    with at():
        old, new = signer(client), rotate(app)
        seen = published(client), signer(client)
    with after(659):
        just_before = published(client), signer(client)
    with after(660):
        then = published(client), signer(client)

    assert seen == just_before == ([old, new], old)
    assert then == ([old, new], new)


def test_the_old_key_is_published_until_its_last_token_has_expired(client, app):
    with at():
        old, new = signer(client), rotate(app)
    with after(660 + 3_659):
        before = published(client)
    with after(660 + 3_660):
        later = published(client)

    assert (before, later) == ([old, new], [new])


@pytest.mark.parametrize("lifetime", [60, 600, 3_600])
def test_no_token_becomes_unverifiable_in_a_rotation_with_keys_as_old_as_a_cache_may_keep_them(client, app, lifetime):
    configure(app, token_seconds=lifetime)
    with at():
        sell(client, period=None)
        subscribe(client)
    documents, tokens, refused, checked = [], [], [], 0

    for second in range(0, 9_000, 20):
        with after(second):
            if second in (1_000, 5_000):
                rotate(app)
            documents.append((second, json.loads(key_set(client).text)))
            tokens.append((second, token_of(client)))
            # Verifiers that fetched, through a cache, at any moment within twice the max-age; tokens of every age.
            for fetched, document in documents[-30::7]:
                assert second - fetched < 2 * token_keys.CACHE_SECONDS
                keys = verifier.Keys(lambda document=document: document)
                for issued, token in tokens[-(lifetime // 20) :: max(1, lifetime // 120)]:
                    checked += 1
                    try:
                        verifier.verify(token, keys, site="demo", now=START.timestamp() + second)
                    except verifier.Refused as refusal:
                        refused.append((second, fetched, issued, refusal.name))

    assert refused == []
    assert checked > 1_000
    assert len({header_of(token)["kid"] for _, token in tokens}) == 3


def test_a_second_rotation_waits_for_the_first(client, app):
    with at():
        rotate(app)
        with pytest.raises(StateForbids, match="signs from 10:11:00 UTC on"):
            rotate(app)
    with after(660):
        assert rotate(app) != signer(client)


def test_a_stolen_key_is_out_at_once(client, app):
    with at():
        old, new = signer(client), rotate(app, at_once=True)

        assert (published(client), signer(client)) == ([new], new)
        assert old != new


def test_a_key_that_no_longer_signs_can_be_retired_and_the_one_that_signs_cannot(client, app):
    with at():
        old, new = signer(client), rotate(app)
        with pytest.raises(StateForbids, match="This key signs"):
            retire(app, old)
    with after(660):
        retire(app, old)
        with pytest.raises(NotFound):
            retire(app, old)

        assert (published(client), signer(client)) == ([new], new)


def test_a_clock_that_goes_back_still_signs(client, app):
    with at():
        rotate(app, at_once=True)
    with after(-3_600):
        assert signer(client) == published(client)[0]


def test_the_worker_deletes_what_is_published_no_longer(client, app):
    with at():
        old, new = signer(client), rotate(app)
        the_worker_comes(app)
        kept = stored(app)
    with after(660 + 3_660):
        the_worker_comes(app)

        assert (kept, stored(app)) == ({old, new}, {new})


def stored(app):
    with app.app_context():
        return {key.id for key in db.session.query(TokenKey).filter_by(site_id=site().id)}


def test_every_change_of_a_key_is_in_the_audit_trail_without_its_secret(client, app):
    with at():
        old, new = signer(client), rotate(app)
        newest = rotate(app, at_once=True)

    with app.app_context():
        acts = db.session.query(Audit).filter(Audit.action.like("token_key.%")).filter_by(site_id=site().id)
        told = [(act.action, act.subject) for act in acts.order_by(Audit.id)]
        secret = db.session.get(TokenKey, newest).private_key
        assert secret not in json.dumps([act.data for act in acts])
    assert told == [
        ("token_key.created", old), ("token_key.created", new),
        ("token_key.removed", old), ("token_key.removed", new), ("token_key.created", newest),
    ]  # fmt: skip


def test_a_site_without_a_key_says_what_to_do(client, app):
    with app.app_context():
        db.session.query(TokenKey).delete()
        db.session.commit()

    answer = client.get(url("/entitlement-token"))

    assert problem(answer) == (409, "state_forbids")
    assert "replydesk token-key rotate" in answer.json["detail"]
    assert rotate(app) == signer(client)


def test_the_document_says_what_to_do_in_an_outage(client, app):
    by_default = key_set(client).json["outage"]
    configure(app, outage="grace", outage_grace_seconds=900)

    assert by_default == {"mode": "closed", "grace_seconds": 3_600}
    assert key_set(client).json["outage"] == {"mode": "grace", "grace_seconds": 900}
