import json

import pytest

from tests.engagement import give, left, unlock

TOKENS = ", notice days 3, token seconds 600, outage closed, outage grace seconds 3600"
MAKING = {"reader": {"id": "u-77", "name": "Ana", "email": "ana@example.org"}}


@pytest.fixture
def known(installation):
    """An installation that knows one reader."""
    installation.submit("Fine words.", **MAKING)
    give(installation.client, 2)
    unlock(installation.client)
    return installation


def test_export_prints_everything_that_is_held_as_json(known):
    ended = known.run("reader", "export", "u-77")

    held = json.loads(ended.stdout)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert (held["profile"]["email"], held["comments"][0]["text"]) == ("ana@example.org", "Fine words.")
    assert (held["unlock_left"], len(held["ledger"])) == (1, 2)


def test_erase_asks_first(known):
    refused = known.run("reader", "erase", "u-77", input="n\n")
    kept = json.loads(known.run("reader", "export", "u-77").stdout)["profile"]
    agreed = known.run("reader", "erase", "u-77", input="y\n")

    assert (refused.exit_code, agreed.exit_code) == (1, 0)
    assert "Erase the reader u-77 of demo for good?" in refused.stderr
    assert kept["name"] == "Ana"
    assert json.loads(known.run("reader", "export", "u-77").stdout)["profile"] is None


def test_erase_with_yes_does_not_ask(known):
    ended = known.run("reader", "erase", "u-77", "--yes")

    assert (ended.exit_code, ended.stderr) == (0, "")
    assert left(known.client) == 0
    assert known.run("ledger", "verify").exit_code == 0
    assert known.run("doctor").exit_code == 0


def test_with_several_sites_the_site_is_asked_for(known):
    known.add_site("courier", known.app.test_client())

    unnamed = known.run("reader", "export", "u-77")
    wrong = known.run("reader", "export", "u-77", "--site", "nowhere")
    erased = known.run("reader", "erase", "u-77", "--site", "courier", "--yes")

    assert (unnamed.exit_code, wrong.exit_code, erased.exit_code) == (2, 1, 0)
    assert "courier, demo" in unnamed.stderr
    held = json.loads(known.run("reader", "export", "u-77", "--site", "demo").stdout)
    assert held["profile"]["name"] == "Ana"


def test_a_site_is_set_by_a_command_and_obeys(installation):
    words = ("--time-zone", "Europe/Berlin", "--refund-hours", "0", "--unlock-days", "30")
    ended = installation.run("site", "set", "demo", *words)
    again = installation.run("site", "set", "demo", "--unlock-days", "7")
    give(installation.client, 1)
    opened = unlock(installation.client)
    refused = installation.client.delete("/v1/readers/u-77/unlocks/2041")

    assert ended.stdout == f"demo: time zone Europe/Berlin, refund hours 0, unlock days 30{TOKENS}\n"
    assert again.stdout == f"demo: time zone Europe/Berlin, refund hours 0, unlock days 7{TOKENS}\n"
    assert opened["expires_at"] is not None
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--time-zone", "Mars/Olympus"], 1, "is no time zone"),
        (["--time-zone", "../../etc/passwd"], 1, "is no time zone"),
        (["--refund-hours", "-1"], 2, "not in the range"),
        (["--unlock-days", "soon"], 2, "not a valid integer"),
    ],
)
def test_a_setting_of_a_site_that_is_none_is_refused(installation, words, code, sentence):
    ended = installation.run("site", "set", "demo", *words)

    assert ended.exit_code == code
    assert sentence in ended.stderr
