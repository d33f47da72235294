import json

import pytest
import sqlalchemy as sa

from moderation.db import db
from tests.engagement import give, unlock

FOLLOWS, CHANGED = "ledger_entry_follows_the_last", "ledger_entry_is_never_changed"
DELETED = "ledger_entry_is_never_deleted"


@pytest.fixture
def books(installation):
    """An installation with a reader whose account has three entries, from two grants."""
    give(installation.client, 2, reference="order-1")
    give(installation.client, 3, reference="order-2")
    unlock(installation.client)
    return installation


def plant(installation, statement, *guards):
    """Change a row behind the database's back: without the triggers that stand before it."""
    with installation.app.app_context():
        for guard in guards:
            db.session.execute(sa.text(f"DROP TRIGGER {guard}"))
        changed = db.session.execute(sa.text(statement)).rowcount
        db.session.commit()
    assert changed == 1


def test_sound_books_are_proved(books):
    ended = books.run("ledger", "verify")

    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout == "1 allowances with 3 entries: every balance is proved.\n"


def test_no_books_are_sound_books(installation):
    ended = installation.run("ledger", "verify", "--json")

    assert ended.exit_code == 0
    assert json.loads(ended.stdout) == {"allowances": 0, "entries": 0, "faults": []}


# The first entry again, with another number and balance.
COPY = (
    "INSERT INTO ledger_entry SELECT allowance_id, {}, 1, kind, NULL, NULL, grant_id, {}, created_at"
    " FROM ledger_entry WHERE sequence = 1"
)
FAULTS = [
    ("DELETE FROM ledger_entry WHERE sequence = 2", [DELETED], "entry 3 stands where entry 2 belongs"),
    ("DELETE FROM ledger_entry WHERE sequence = 3", [DELETED], "after entry 3; its ledger says 5 after entry 2"),
    ("UPDATE ledger_entry SET balance = 6 WHERE sequence = 2", [CHANGED], "entry 2 says the balance is 6, but"),
    ("UPDATE ledger_entry SET unlocks = 4 WHERE sequence = 2", [CHANGED], "entries sum to 6"),
    ("UPDATE allowance SET unlocks_left = 5", [], "says 5 unlocks; its grants have 4 left"),
    ("UPDATE ledger_entry SET sequence = 7 WHERE sequence = 3", [CHANGED], "entry 7 stands where entry 3 belongs"),
    ("UPDATE allowance SET unlocks_left = 5", [], "says 5 unlocks after entry 3; its ledger says 4 after entry 3"),
    ("UPDATE allowance SET sequence = 9", [], "says 4 unlocks after entry 9"),
    ("UPDATE unlock_grant SET unlocks_left = 0 WHERE reference = 'order-2'", [], "its grants have 1 left"),
    (
        "UPDATE unlock_grant SET unlocks_left = unlocks_left - 1 WHERE reference = 'order-2'",
        [],
        "says 2 unlocks are left of it; the ledger says 3",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "guards", "words"), FAULTS)
def test_each_fault_is_told_in_a_sentence_and_the_exit_code(books, statement, guards, words):
    plant(books, statement, *guards)

    ended = books.run("ledger", "verify")
    as_json = books.run("ledger", "verify", "--json")
    examined = books.run("doctor", "--json")

    assert (ended.exit_code, as_json.exit_code, examined.exit_code) == (1, 1, 1)
    assert words in ended.stderr
    assert ended.stdout == ""
    assert json.loads(as_json.stdout)["faults"] == ended.stderr.splitlines()
    [finding] = [found for found in json.loads(examined.stdout) if found["check"] == "ledger"]
    assert finding["faults"] == ended.stderr.splitlines()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM ledger_entry WHERE sequence = 3", "the ledger is append-only"),
        ("UPDATE ledger_entry SET reference = 'other' WHERE sequence = 1", "the ledger is append-only"),
        (COPY.format(5, 5), "does not follow the last one"),
        (COPY.format(4, 9), "does not follow the last one"),
        ("UPDATE allowance SET unlocks_left = -1", "never_negative"),
        ("UPDATE unlock_grant SET unlocks_left = unlocks + 1", "within_grant"),
    ],
)
def test_the_database_itself_refuses_what_does_not_fit(books, statement, words):
    with books.app.app_context(), pytest.raises(sa.exc.IntegrityError, match=words):
        db.session.execute(sa.text(statement))


def test_nothing_of_one_reader_is_proved_by_anothers(books):
    give(books.client, 1, "u-78")
    plant(books, "UPDATE allowance SET unlocks_left = 2 WHERE reader_id = 'u-78'")

    ended = books.run("ledger", "verify")

    assert len({line.split()[1] for line in ended.stderr.splitlines()}) == 1
