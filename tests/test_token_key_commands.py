"""``replydesk token-key`` and the settings of tokens, as an operator uses them."""

import json

import pytest

from moderation.db import db
from moderation.models import Site, TokenKey
from tests.edge import claims_of, header_of, key_set, token_of
from tests.engagement import START, travel


@pytest.fixture
def moment():
    with travel(START):
        yield


def shown(installation):
    return json.loads(installation.run("token-key", "show", "--json").stdout)["items"]


def test_a_new_site_has_a_key_that_signs(installation):
    [key] = shown(installation)

    assert (key["state"], key["published_until"]) == ("signing", None)
    assert key["kid"] == header_of(token_of(installation.client))["kid"]


def test_rotate_says_when_the_new_key_signs_and_show_tells_which_is_which(moment, installation):
    ended = installation.run("token-key", "rotate")

    plain = installation.run("token-key", "show").stdout
    old, new = shown(installation)
    assert ended.stdout == f"{new['kid']} signs from 2031-01-31T10:11:00Z.\n"
    assert (old["state"], new["state"]) == ("signing", "next")
    assert old["published_until"] == "2031-01-31T11:12:00Z"
    assert [line.split()[:2] for line in plain.splitlines()] == [[old["kid"], "signing"], [new["kid"], "next"]]


def test_a_second_rotation_is_refused_in_a_sentence_and_changes_nothing(moment, installation):
    installation.run("token-key", "rotate")
    before = shown(installation)

    ended = installation.run("token-key", "rotate")

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "signs from 10:11:00 UTC on" in ended.stderr
    assert shown(installation) == before


def test_after_a_theft_one_command_takes_every_old_key_out(moment, installation):
    stolen = shown(installation)[0]["kid"]

    ended = installation.run("token-key", "rotate", "--now")

    [key] = shown(installation)
    assert ended.exit_code == 0
    assert (key["state"], key["kid"] != stolen) == ("signing", True)
    assert [found["kid"] for found in key_set(installation.client).json["keys"]] == [key["kid"]]


def test_retire_takes_out_the_next_key_and_refuses_the_one_that_signs(moment, installation):
    installation.run("token-key", "rotate")
    old, new = (key["kid"] for key in shown(installation))

    refused, retired = installation.run("token-key", "retire", old), installation.run("token-key", "retire", new)
    unknown = installation.run("token-key", "retire", "tky_0")

    assert (refused.exit_code, retired.exit_code, unknown.exit_code) == (1, 0, 1)
    assert "This key signs" in refused.stderr
    assert unknown.stderr == "replydesk: The site demo has no token key tky_0.\n"
    assert [key["kid"] for key in shown(installation)] == [old]


def test_no_command_prints_a_secret_half(moment, installation):
    said = [installation.run("token-key", *words) for words in (["rotate"], ["show"], ["show", "--json"])]

    with installation.app.app_context():
        secrets = [key.private_key for key in db.session.query(TokenKey)]
    assert len(secrets) == 2
    assert [secret for secret in secrets if any(secret in ended.output for ended in said)] == []


def test_with_two_sites_the_command_asks_which(installation):
    installation.add_site("other", installation.app.test_client())

    assert installation.run("token-key", "rotate").exit_code == 2
    assert installation.run("token-key", "rotate", "--site", "other").exit_code == 0


def test_site_set_changes_the_life_of_tokens_and_what_an_outage_opens(installation):
    words = ("--token-seconds", "300", "--outage", "grace", "--outage-grace-seconds", "900")

    ended = installation.run("site", "set", "demo", *words)

    claims = claims_of(token_of(installation.client))
    assert ended.stdout.endswith("token seconds 300, outage grace, outage grace seconds 900\n")
    assert claims["exp"] - claims["iat"] == 300
    assert key_set(installation.client).json["outage"] == {"mode": "grace", "grace_seconds": 900}


@pytest.mark.parametrize(
    "words",
    [("--token-seconds", "59"), ("--token-seconds", "3601"), ("--outage", "half"), ("--outage-grace-seconds", "86401")],
)
def test_a_setting_out_of_bounds_is_refused(installation, words):
    assert installation.run("site", "set", "demo", *words).exit_code == 2


def test_doctor_finds_a_site_without_a_key(installation):
    sound = installation.run("doctor")
    with installation.app.app_context():
        db.session.query(TokenKey).delete()
        db.session.commit()

    ended = installation.run("doctor")

    assert (sound.exit_code, ended.exit_code) == (0, 1)
    assert "The site demo cannot sign tokens; run: replydesk token-key rotate --site demo" in ended.stdout
    installation.run("token-key", "rotate")
    assert installation.run("doctor").exit_code == 0


def test_the_key_of_a_site_that_was_there_before_signs_at_once(installation):
    """As the migration makes it: any 32 bytes in base64url."""
    with installation.app.app_context():
        db.session.query(TokenKey).delete()
        site = db.session.query(Site).one()
        db.session.add(TokenKey(site_id=site.id, private_key="A" * 43, signs_from=site.created_at))
        db.session.commit()

    [key] = key_set(installation.client).json["keys"]

    # The public key of 32 zero bytes, computed by OpenSSL.
    assert key["x"] == "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik"
    assert header_of(token_of(installation.client))["kid"] == key["kid"]
