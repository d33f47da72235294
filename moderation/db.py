"""The one database handle of a process, and what every connection must know.

SQLite: WAL with ``synchronous=FULL`` (an acknowledged write survives a power cut), ``BEGIN IMMEDIATE``
for everything that may write, so that a lock is waited for at the start and never met in the middle;
requests that only read begin deferred and never wait. Versions before 3.51.3 can corrupt a WAL database
(the WAL-reset bug), so the start is refused on them; ``mmap_size`` is never set.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from pysqlite3 import dbapi2 as sqlite

from moderation.errors import SettingError
from moderation.models import Base

SAFE_SQLITE = (3, 51, 3)
_read_only: ContextVar[bool] = ContextVar("read_only", default=False)

db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


def engine_options(url: str, *, wait_ms: int) -> dict[str, Any]:
    """Return the ``create_engine`` options for this database URL."""
    if not url.startswith("sqlite"):
        timeouts = f"-c statement_timeout={wait_ms * 2} -c lock_timeout={wait_ms} -c timezone=UTC"
        return {
            "pool_pre_ping": True,
            "pool_timeout": wait_ms / 1000,
            "connect_args": {"options": timeouts, "connect_timeout": max(1, wait_ms // 1000)},
            "hide_parameters": True,
        }
    if sqlite.sqlite_version_info < SAFE_SQLITE:
        raise SettingError(
            f"SQLite {sqlite.sqlite_version} can corrupt a WAL database; "
            f"install the pysqlite3 wheel (SQLite {'.'.join(map(str, SAFE_SQLITE))} or newer)."
        )
    # Parameters are comments' texts and secrets: they have no place in a log.
    return {"module": sqlite, "connect_args": {"timeout": wait_ms / 1000}, "hide_parameters": True}


def init_app(app: Flask, settings: Mapping[str, Any], url: str) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, wait_ms=settings["DATABASE_WAIT_MS"])
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            sa.event.listen(db.engine, "connect", _prepare)
            sa.event.listen(db.engine, "begin", _begin)


def _prepare(connection: Any, record: Any) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
    # Take transactions over from the driver, which would begin them late and deferred.
    connection.isolation_level = None
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY")
    # Without the last one INSERT OR REPLACE deletes a row of the ledger past the trigger that forbids it.
    for pragma in (*pragmas, "recursive_triggers=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN" if _read_only.get() else "BEGIN IMMEDIATE")


@contextmanager
def reading() -> Iterator[None]:
    """Inside, transactions only read: on SQLite they take no write lock."""
    token = _read_only.set(True)
    try:
        yield
    finally:
        _read_only.reset(token)


def mark_reading(value: bool) -> None:
    """Say for this request whether it only reads; called before its first query."""
    _read_only.set(value)
