"""Databases of their own for those who race: a file, or under ``make test-postgresql`` a database made for one test."""

import os
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from tests.installation import Installation


@pytest.fixture
def database():
    """The URL of an empty PostgreSQL database; None where SQLite in the data folder is meant."""
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        yield None
        return
    name = f"race_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def installation(tmp_path, monkeypatch, database):
    """As everywhere, but also on PostgreSQL, and made for many at once: a lock is waited for as long as it takes."""
    environment = Installation.environment(tmp_path / "data") | {"REPLYDESK_DATABASE_WAIT_MS": "60000"}
    for name, value in (environment | ({"REPLYDESK_DATABASE_URL": database} if database else {})).items():
        monkeypatch.setenv(name, value)
    made = Installation.make(tmp_path / "data")
    yield made
    made.close()
