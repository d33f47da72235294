"""Run by Alembic: one lock and one transaction around everything, on SQLite as on PostgreSQL.

The files in ``versions`` never import the models: they describe the tables as they were on their day.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate import renderers
from alembic.operations.ops import CreateTableOp, MigrateOperation
from flask import current_app

from moderation.models import Base
from moderation.models.unlock import POSTGRESQL_GUARDS, SQLITE_GUARDS

# Any number will do; it is the same in every Replydesk, so that two starts at once wait for each other.
ADVISORY_LOCK = 7_239_114_620_551
LOCK_TIMEOUT_MS = 10_000
GUARDED_TABLE = "ledger_entry"


class GuardLedger(MigrateOperation):
    """The triggers that keep the ledger append-only: autogenerate knows tables, not triggers."""


@renderers.dispatch_for(GuardLedger)
def _render_guards(autogen_context: Any, op: GuardLedger) -> list[str]:  # noqa: ARG001 -- Alembic's signature
    return [*_lines("sqlite", SQLITE_GUARDS), *_lines("postgresql", POSTGRESQL_GUARDS)]


class UnguardLedger(MigrateOperation):
    """The functions of PostgreSQL's triggers outlive their table."""


@renderers.dispatch_for(UnguardLedger)
def _render_unguard(autogen_context: Any, op: UnguardLedger) -> list[str]:  # noqa: ARG001 -- as above
    functions = ("ledger_entry_refuse", "ledger_entry_follow")
    return _lines("postgresql", [f"DROP FUNCTION IF EXISTS {name}() CASCADE" for name in functions])


def _lines(dialect: str, statements: Sequence[str]) -> list[str]:
    return [f"sa.DDL({text!r}).execute_if(dialect={dialect!r})(None, op.get_bind())" for text in statements]


def _add_guards(migration: Any, revision: Any, directives: list[Any]) -> None:  # noqa: ARG001 -- as above
    script = directives[0]
    made = [op.table_name for op in script.upgrade_ops.ops if isinstance(op, CreateTableOp)]
    if GUARDED_TABLE in made:
        script.upgrade_ops.ops.append(GuardLedger())
        script.downgrade_ops.ops.insert(0, UnguardLedger())


def _render_item(kind: str, item: Any, autogen_context: Any) -> str | bool:  # noqa: ARG001 -- as above
    # Our own type is a plain timestamp in the database; a migration must not import it.
    return "sa.DateTime()" if kind == "type" and type(item).__name__ == "UtcDateTime" else False


@contextmanager
def _locked(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One connection inside one transaction that keeps every other migration waiting."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Batch mode drops and renames tables; SQLite takes this pragma only outside a transaction.
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.begin():  # BEGIN IMMEDIATE: moderation/db.py
                    yield connection
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                    if broken is not None:
                        raise RuntimeError(f"The migration broke a reference: {broken}")
            finally:
                driver.execute("PRAGMA foreign_keys=ON")
            return
        with connection.begin():
            # Waiting for the other starter may take a while; waiting for a table must not stop the site.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            yield connection


def _run() -> None:
    with _locked(current_app.extensions["migrate"].db.engine) as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            transactional_ddl=True,
            render_item=_render_item,
            process_revision_directives=_add_guards,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()


_run()
