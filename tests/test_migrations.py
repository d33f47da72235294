"""Migrations are numbered, have one head, go up and down and up again, and end where the models stand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner

from moderation.cli import replydesk
from moderation.cli.migration import app_with_migrations
from moderation.cli.schema import revision
from moderation.db import db, mark_reading
from moderation.models import Base

ROOT = Path(__file__).parent.parent
VERSIONS = sorted((ROOT / "migrations" / "versions").glob("*.py"))


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated(request, tmp_path, monkeypatch):
    """An application on an empty database of each kind; PostgreSQL where `make test-postgresql` names one."""
    monkeypatch.setenv("REPLYDESK_DATA", str(tmp_path))
    monkeypatch.delenv("REPLYDESK_DATABASE_URL", raising=False)
    if request.param == "postgresql":
        url = os.environ.get("TEST_MIGRATIONS_URL")
        if not url:
            pytest.skip("no PostgreSQL is named by TEST_MIGRATIONS_URL")
        monkeypatch.setenv("REPLYDESK_DATABASE_URL", url)
    app = app_with_migrations()
    mark_reading(False)
    with app.app_context():
        command.upgrade(alembic(app), "head")
        yield app
        command.downgrade(alembic(app), "base")
        db.engine.dispose()


def alembic(app):
    return app.extensions["migrate"].migrate.get_config()


def triggers(engine):
    queries = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
        "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname",
    }
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(queries[engine.dialect.name]))]


def test_they_are_numbered_without_a_gap_and_named_by_their_revision():
    assert [path.name[:4] for path in VERSIONS] == [f"{n:04}" for n in range(1, len(VERSIONS) + 1)]
    assert [path.stem for path in VERSIONS if f"revision = '{path.stem}'" not in path.read_text()] == []


def test_they_never_import_the_models():
    assert [path.name for path in VERSIONS if "moderation" in path.read_text()] == []


def test_there_is_one_head_and_it_is_the_last_file(migrated):
    heads = ScriptDirectory.from_config(alembic(migrated)).get_heads()

    assert heads == [VERSIONS[-1].stem]
    assert migrated.extensions["schema_head"] == VERSIONS[-1].stem


def test_they_end_where_the_models_stand(migrated):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_they_make_the_triggers_that_the_models_make(migrated):
    from_migrations = triggers(db.engine)
    command.downgrade(alembic(migrated), "base")
    Base.metadata.create_all(db.engine)
    from_models = triggers(db.engine)
    Base.metadata.drop_all(db.engine)
    command.upgrade(alembic(migrated), "head")

    assert from_models == from_migrations
    assert len(from_models) >= 3


def test_they_go_down_and_up_again_and_leave_nothing_behind(migrated):
    command.downgrade(alembic(migrated), "base")
    left = set(sa.inspect(db.engine).get_table_names()) - {"alembic_version"}
    command.upgrade(alembic(migrated), "head")

    assert left == set()
    assert revision(migrated) == VERSIONS[-1].stem


def test_a_site_that_was_there_before_gets_a_key_for_its_tokens(migrated):
    scripts = ScriptDirectory.from_config(alembic(migrated))
    command.downgrade(alembic(migrated), scripts.get_revision("0005_token_keys").down_revision)
    site = "INSERT INTO site (id, name, time_zone, policy_version, settings, created_at)"
    with db.engine.begin() as connection:
        connection.execute(sa.text(f"{site} VALUES ('site_1', 'old', 'UTC', 0, '{{}}', '2026-01-01 00:00:00')"))
    command.upgrade(alembic(migrated), "head")

    answer = migrated.test_client().get("/v1/sites/old/jwks.json")
    # The fixture's context is still open, so nothing else ends this reading before the tables go.
    db.session.remove()

    assert [key["crv"] for key in answer.json["keys"]] == ["Ed25519"]


def test_a_migration_leaves_references_checked_again(migrated):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("SQLite's own switch")

    with db.engine.connect() as connection:
        on = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()

    assert on == 1


@pytest.mark.slow
def test_starts_at_the_same_moment_migrate_once(tmp_path):
    environ = {**os.environ, "REPLYDESK_DATA": str(tmp_path)}
    words = [sys.executable, "-m", "moderation.cli", "migrate"]

    started = [
        subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(3)
    ]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in started]

    assert [code for *_, code in ended] == [0, 0, 0], ended
    assert all("The database is" in out for out, *_ in ended)


def test_a_database_of_a_newer_version_stops_the_start_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLYDESK_DATA", str(tmp_path))
    app = app_with_migrations()
    with app.app_context():
        command.upgrade(alembic(app), "head")
        db.session.execute(sa.text("UPDATE alembic_version SET version_num = '9999_future'"))
        db.session.commit()
        db.engine.dispose()

    result = CliRunner().invoke(replydesk, ["migrate"])

    assert result.exit_code == 1
    assert "at 9999_future, which this version of Replydesk does not know" in result.stderr
