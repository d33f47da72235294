"""What no code of ours can get wrong, because the database refuses it: the books' own guards, on each database."""

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.services import ledger_check
from tests.engagement import give, rows, sell, subscribe, turn, unlock

ENTRY = (
    "INSERT INTO ledger_entry (allowance_id, sequence, unlocks, kind, grant_id, balance, created_at)"
    " SELECT allowance_id, {sequence}, {unlocks}, '{kind}', grant_id, {balance}, created_at"
    " FROM ledger_entry WHERE sequence = 1"
)
GRANT = (
    "INSERT INTO unlock_grant (id, site_id, allowance_id, kind, reference, unlocks, unlocks_left, unlocks_expired,"
    " rollover_cap, created_at) SELECT 'gra_2', site_id, allowance_id, kind, {reference}, {unlocks}, {left}, 0, 0,"
    " created_at FROM unlock_grant WHERE kind = 'bundle'"
)
SUBSCRIPTION = (
    "INSERT INTO subscription (id, site_id, allowance_id, plan, plan_version, state, period, anchored_at,"
    " anchor_period, version, created_at) SELECT 'sub_2', site_id, allowance_id, plan, plan_version, 'active', 1,"
    " anchored_at, 0, 1, created_at FROM subscription"
)
COPY_OF_UNLOCK = (
    "INSERT INTO unlock (id, allowance_id, post_id, grant_id, unlocked_at)"
    " SELECT 'unl_2', allowance_id, post_id, grant_id, unlocked_at FROM unlock"
)
SECOND_PAYMENT = (
    "INSERT INTO subscription_transition (subscription_id, version, event, new_state, plan, plan_version, cause,"
    " actor, reference, effective_at, created_at) SELECT subscription_id, version + 1, event, new_state, plan,"
    " plan_version, cause, actor, reference, effective_at, created_at FROM subscription_transition"
    " WHERE reference = 'inv-1'"
)
SECOND_ACCOUNT = (
    "INSERT INTO allowance (id, site_id, reader_id, unlocks_left, sequence, version, created_at)"
    " SELECT 'alw_2', site_id, reader_id, 0, 0, 0, created_at FROM allowance"
)
# The ledger of the books below: +2 (2), -1 (1).
REFUSED = {
    "an entry is changed": "UPDATE ledger_entry SET reference = 'other' WHERE sequence = 1",
    "an entry is changed to the same": "UPDATE ledger_entry SET unlocks = unlocks",
    "an entry is deleted": "DELETE FROM ledger_entry WHERE sequence = 2",
    "all entries are deleted": "DELETE FROM ledger_entry",
    "a number is left out": ENTRY.format(sequence=4, unlocks=1, kind="grant", balance=2),
    "a number comes twice": ENTRY.format(sequence=2, unlocks=-1, kind="unlock", balance=1),
    "a second first entry": ENTRY.format(sequence=1, unlocks=2, kind="grant", balance=2),
    "a number below one": ENTRY.format(sequence=0, unlocks=1, kind="grant", balance=1),
    "a balance is too high": ENTRY.format(sequence=3, unlocks=1, kind="grant", balance=3),
    "a balance is too low": ENTRY.format(sequence=3, unlocks=-1, kind="unlock", balance=1),
    "a balance is below zero": ENTRY.format(sequence=3, unlocks=-2, kind="expiry", balance=-1),
    "an unlock gives": ENTRY.format(sequence=3, unlocks=1, kind="unlock", balance=2),
    "an unlock takes two": ENTRY.format(sequence=3, unlocks=-2, kind="unlock", balance=-1),
    "a grant takes": ENTRY.format(sequence=3, unlocks=-1, kind="grant", balance=0),
    "a refund takes": ENTRY.format(sequence=3, unlocks=-1, kind="refund", balance=0),
    "an expiry gives": ENTRY.format(sequence=3, unlocks=1, kind="expiry", balance=2),
    "nothing is written as a change": ENTRY.format(sequence=3, unlocks=0, kind="grant", balance=1),
    "a kind that is not one": ENTRY.format(sequence=3, unlocks=1, kind="bonus", balance=2),
    "an account below zero": "UPDATE allowance SET unlocks_left = unlocks_left - 2",
    "a grant below zero": "UPDATE unlock_grant SET unlocks_left = -1",
    "a grant above what it gave": "UPDATE unlock_grant SET unlocks_left = unlocks + 1",
    "a grant of nothing": GRANT.format(reference="'order-2'", unlocks=0, left=0),
    "a grant that takes": GRANT.format(reference="'order-2'", unlocks=-1, left=-1),
    "an order credits twice": GRANT.format(reference="'order-1'", unlocks=2, left=2),
    "an account for the same reader": SECOND_ACCOUNT,
    "a post is opened twice": COPY_OF_UNLOCK,
    "two living subscriptions": SUBSCRIPTION,
    "a state that is not one": "UPDATE subscription SET state = NULL",
    "a payment counts twice": SECOND_PAYMENT,
    "the account of a ledger goes": "DELETE FROM allowance",
    "the grant of an entry goes": "DELETE FROM unlock_grant",
}
ON_SQLITE = {
    "an entry is replaced by another": ENTRY.replace("INSERT", "INSERT OR REPLACE").format(
        sequence=2, unlocks=-2, kind="expiry", balance=0
    ),
    "an entry is replaced in a change": "UPDATE OR REPLACE ledger_entry SET sequence = 1 WHERE sequence = 2",
}
ON_POSTGRESQL = {
    "the ledger is emptied": "TRUNCATE ledger_entry",
    "what it hangs on is emptied": "TRUNCATE allowance CASCADE",
}


@pytest.fixture
def books(client, app):
    """A reader with a grant of two, one post opened, and a subscription that was paid for twice."""
    sell(client)
    give(client, 2, reference="order-1")
    unlock(client)
    subscribe(client)
    turn(client, "renew", reference="inv-1")
    with app.app_context():
        yield db.session()


def is_refused(session, statement):
    """As an operator with an SQL prompt would meet it, over a connection of the service."""
    with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
        session.execute(sa.text(statement))


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_the_database_refuses(books, app, statement):
    before = rows(app)

    is_refused(books, statement)

    assert rows(app) == before
    assert ledger_check.faults(books) == []


def test_each_database_refuses_what_it_alone_could_do(books, app):
    before = rows(app)
    statements = ON_SQLITE if books.get_bind().dialect.name == "sqlite" else ON_POSTGRESQL

    for statement in statements.values():
        is_refused(books, statement)

    assert rows(app) == before
    assert ledger_check.faults(books) == []
