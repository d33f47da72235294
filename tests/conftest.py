import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from moderation import db as database
from moderation.app import create_app
from moderation.db import db
from moderation.models import Base
from moderation.services import sites
from tests.desk import Desk, signed_in
from tests.factories import THRESHOLDS, FakeScoring
from tests.installation import Installation
from tests.newspaper import Browser, open_paper
from tests.receiver import Receiver
from tests.site_hook import a_site_that_is_asked

SCOPES = ["comments", "score", "readers", "review", "admin"]


def _database() -> dict[str, str]:
    """SQLite in the data folder, or what ``make test-postgresql`` names (a database that is made empty)."""
    url, worker = os.environ.get("TEST_DATABASE_URL"), os.environ.get("PYTEST_XDIST_WORKER", "main")
    return {"DATABASE_URL": url.replace("http_main", f"http_{worker}")} if url else {}


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("data")
    app = create_app({"DATA": str(folder), "ENV": "development", "SECRET_KEY": "test", **_database()})
    app.extensions["scoring"] = FakeScoring()
    with app.app_context():
        Base.metadata.drop_all(db.engine)
        Base.metadata.create_all(db.engine)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def transaction(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the test inside one outer transaction and roll it back: commits become savepoints."""
    with app.app_context():
        engines = db.engines
    database.mark_reading(False)
    with engines[None].connect() as connection:
        outer = connection.begin()
        monkeypatch.setitem(engines, None, connection)
        db.session.session_factory.configure(join_transaction_mode="create_savepoint")
        yield
        outer.rollback()


@pytest.fixture
def site_key(app: Flask, transaction: None) -> dict[str, str]:
    """The keys of two sites by site name."""
    keys = {}
    with app.app_context():
        for name in ("demo", "other"):
            site = sites.create(db.session(), name=name, thresholds=THRESHOLDS, actor="test")
            keys[name] = sites.create_key(db.session(), site, scopes=SCOPES, actor="test")[1]
        db.session.commit()
    return keys


@pytest.fixture
def client(app: Flask, site_key: dict[str, str]) -> FlaskClient:
    """A client of the site `demo` whose key has every scope."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {site_key['demo']}"
    return client


@pytest.fixture
def other(app: Flask, site_key: dict[str, str]) -> FlaskClient:
    """A client of another site."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {site_key['other']}"
    return client


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A database file, a running application with the bundled model, and the commands."""
    for name, value in Installation.environment(tmp_path / "data").items():
        monkeypatch.setenv(name, value)
    made = Installation.make(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def jo(app: Flask, site_key: dict[str, str]) -> Desk:
    """A signed-in admin of the site `demo`; her colleagues below may less."""
    return signed_in(app, "Jo", "admin")


@pytest.fixture
def sam(app: Flask, site_key: dict[str, str]) -> Desk:
    return signed_in(app, "Sam", "moderator")


@pytest.fixture
def vi(app: Flask, site_key: dict[str, str]) -> Desk:
    return signed_in(app, "Vi", "viewer")


@pytest.fixture
def ana(app: Flask, client: FlaskClient, site_key: dict[str, str]) -> Browser:
    """A reader of the demo news site; `bo` below is another, in another browser."""
    open_paper(app, client, site_key["demo"])
    return Browser(app)


@pytest.fixture
def bo(app: Flask, ana: Browser) -> Browser:
    return Browser(app)


@pytest.fixture
def hook(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The hook of the site `demo`, whose policy asks it last."""
    with a_site_that_is_asked(app, client, monkeypatch) as receiver:
        yield receiver
