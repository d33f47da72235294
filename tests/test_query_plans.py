"""Every statement of a hot request finds its rows by an index, however many readers there are."""

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.services import ledger_check
from tests.engagement import START, access, at, give, sell, subscribe, the_worker_comes, unlock, url

# A few rows in each at the most, whatever the number of readers.
SMALL = {"site", "api_key", "plan", "plan_version", "asked", "model_version", "webhook_endpoint"}


@pytest.fixture
def engaged(client):
    """A reader with a plan that gives unlocks, a gift that runs out and an open post."""
    sell(client, "five", period=10, unlocks=5, rollover_cap=2)
    with at():
        subscribe(client, "five")
        give(client, 3, kind="gift", expires_at=START.replace(month=2, day=5).isoformat())
        unlock(client, "1")
    return client


def statements_of(app, work):
    """What ``work`` asks of the database: statements with their parameters."""
    told = []
    with app.app_context():
        bind = db.session.get_bind()

    def note(connection, cursor, statement, parameters, context, many):
        if statement.split()[0] in ("SELECT", "UPDATE", "DELETE"):
            told.append((statement, parameters[0] if many else parameters))

    sa.event.listen(bind, "before_cursor_execute", note)
    try:
        work()
    finally:
        sa.event.remove(bind, "before_cursor_execute", note)
    assert told
    return told


def plan_of(app, statement, parameters):
    with app.app_context():
        connection = db.session.connection()
        if connection.dialect.name == "sqlite":
            return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        # A small table is read whole because it is small: ask what would be done with a large one.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]


def scans(steps):
    """The steps that read a whole table or sort apart, of tables that grow."""
    found = []
    for step in steps:
        words = step.replace("->", "").split()
        if words[0] == "SCAN" and words[1] not in SMALL and "CONSTANT" not in words:
            found.append(step)
        if "Seq Scan on" in step and words[words.index("on") + 1] not in SMALL:
            found.append(step)
    return found


WORK = {
    "access": lambda client, _: access(client, "1"),
    "access, when something is due": lambda client, _: access(client, "2"),
    "unlock": lambda client, _: unlock(client, "2"),
    "refund": lambda client, _: client.delete(url("/unlocks/1")),
    "expiry": lambda _, app: the_worker_comes(app),
}


@pytest.mark.parametrize("name", WORK)
def test_a_hot_request_reads_no_table_from_end_to_end(app, engaged, name):
    with at(days=6 if name in ("expiry", "access, when something is due") else 0, hours=1):
        told = statements_of(app, lambda: WORK[name](engaged, app))
        mine = [one for one in told if any(table in one[0] for table in ("allowance", "unlock", "subscription"))]
        found = {statement: scans(plan_of(app, statement, parameters)) for statement, parameters in mine}

    assert mine
    assert {statement: steps for statement, steps in found.items() if steps} == {}


def test_what_runs_out_first_is_found_without_sorting(app, engaged):
    if db_is_not_sqlite(app):
        pytest.skip("PostgreSQL sorts a few rows where it holds that cheaper")
    with at(hours=1):
        [spend] = [one for one in statements_of(app, lambda: unlock(engaged, "2")) if "UPDATE unlock_grant" in one[0]]

    assert [step for step in plan_of(app, *spend) if "TEMP B-TREE" in step] == []


def test_a_page_of_the_proof_is_read_by_indexes(app, engaged, monkeypatch):
    monkeypatch.setattr(ledger_check, "PAGE", 1)

    with app.app_context():
        told = statements_of(app, lambda: ledger_check.faults(db.session()))
        # The last page has no end; the one before it has both.
        found = [scans(plan_of(app, *one)) for one in told if "unlock_grant" in one[0] and len(one[1]) > 1]

    assert [steps for steps in found if any("anon" not in step for step in steps)] == []


def db_is_not_sqlite(app):
    with app.app_context():
        return db.session.get_bind().dialect.name != "sqlite"
