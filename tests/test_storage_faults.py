"""A database that is locked, full or away: 503 with Retry-After, nothing half done, well again by itself."""

import pytest
import sqlalchemy as sa
from pysqlite3 import dbapi2 as sqlite

from moderation.app import create_app
from moderation.db import db
from moderation.models import Base
from moderation.services import sites
from tests.factories import THRESHOLDS, FakeScoring, comment


@pytest.fixture
def served(tmp_path):
    """A client of an app on its own database file that waits 100 ms for a lock."""
    app = create_app({"DATA": str(tmp_path), "SECRET_KEY": "test", "DATABASE_WAIT_MS": 100})
    app.extensions["scoring"] = FakeScoring()
    client = app.test_client()
    with app.app_context():
        Base.metadata.create_all(db.engine)
        site = sites.create(db.session(), name="demo", thresholds=THRESHOLDS, actor="test")
        key = sites.create_key(db.session(), site, scopes=["comments", "score"], actor="test")[1]
        db.session.commit()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    yield client
    with app.app_context():
        db.engine.dispose()


def rows(client, statement):
    """Ask the one pooled connection that the requests of this thread use as well."""
    with client.application.app_context():
        return [row[0] for row in db.session.execute(sa.text(statement))]


def assert_not_now(response):
    assert (response.status_code, response.json["code"]) == (503, "not_ready")
    assert response.headers["Retry-After"] == "2"
    assert "sqlite" not in response.text.lower()


def test_while_the_database_is_locked_a_comment_is_refused_and_reading_goes_on(served):
    client = served
    path = f"{client.application.config['DATA']}/replydesk.db"
    blocker = sqlite.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")

    refused = client.post("/v1/comments", json=comment())
    read = client.get("/v1/comments")
    scored = client.post("/v1/score", json={"texts": ["Good news."]})
    blocker.execute("ROLLBACK")
    blocker.close()

    assert_not_now(refused)
    assert (read.status_code, scored.status_code) == (200, 200)
    assert client.post("/v1/comments", json=comment()).status_code == 201


def test_on_a_full_disk_nothing_is_half_stored(served):
    client = served
    [pages] = rows(client, "PRAGMA page_count")
    rows(client, f"PRAGMA max_page_count = {pages}")

    answers = [client.post("/v1/comments", json=comment("Long words. " * 800, external_id=str(n))) for n in range(20)]
    refused = [n for n, answer in enumerate(answers) if answer.status_code != 201]
    rows(client, "PRAGMA max_page_count = 1000000")
    stored = set(rows(client, "SELECT external_id FROM comment"))

    assert refused
    for n in refused:
        assert_not_now(answers[n])
    assert stored == {str(n) for n in range(20)} - {str(n) for n in refused}
    assert client.post("/v1/comments", json=comment("Room again.")).status_code == 201
