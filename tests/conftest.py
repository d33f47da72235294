from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from moderation import db as database
from moderation.app import create_app
from moderation.db import db
from moderation.models import Base
from moderation.services import sites
from tests.factories import THRESHOLDS, FakeScoring

SCOPES = ["comments", "score", "readers", "review", "admin"]


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("data")
    app = create_app({"TESTING": True, "DATA": str(folder), "ENV": "development", "SECRET_KEY": "test"})
    app.testing = False  # errors must become answers, as in production
    app.extensions["scoring"] = FakeScoring()
    with app.app_context():
        Base.metadata.create_all(db.engine)
    return app


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
