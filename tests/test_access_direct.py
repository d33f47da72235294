"""The access check on the driver's cursor and with a view that writes its own answer: the same as the long way."""

import json
import uuid

import pytest
import sqlalchemy as sa

from moderation.app import new_uuid
from moderation.db import db, mark_reading
from moderation.models import Base, Site
from moderation.schemas.readers import AccessOut
from moderation.services import access, sites
from moderation.services.direct import DirectSelect
from tests.engagement import access as asked
from tests.engagement import done, give, problem, sell, subscribe, unlock, url
from tests.factories import THRESHOLDS

POSTS = ("opened", "free", "plain", "never")
IDS = ("site_id", "reader_id", "post_id")


@pytest.fixture
def engaged(app):
    """A site and a reader who has everything, committed: what is read outside of a test's transaction."""
    with app.app_context():
        mark_reading(False)
        site = sites.create(db.session(), name="committed", thresholds=THRESHOLDS, actor="test")
        key = sites.create_key(db.session(), site, scopes=["readers", "comments", "admin"], actor="test")[1]
        db.session.commit()
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    done(client.put("/v1/posts/free", json={"free": True, "section": "city", "tags": ["bridges", "ü"]}))
    sell(client, opens={"tags": ["bridges"]})
    give(client, 2)
    unlock(client, "opened")
    subscribe(client)
    yield client
    with app.app_context():
        Base.metadata.drop_all(db.engine)
        Base.metadata.create_all(db.engine)


def rows(app, post_id, reader="u-77"):
    """What SQLAlchemy reads, and what the driver gives."""
    with app.app_context():
        names = {"site_id": db.session.query(Site.id).scalar(), "reader_id": reader, "post_id": post_id}
        db.session.rollback()
        with db.engine.connect() as connection:
            return tuple(connection.execute(access.STATEMENT, names).one()), access.DIRECT.one(db.engine, names)


def test_the_driver_gives_what_sqlalchemy_reads(app, engaged):
    for post_id, reader in [*((post_id, "u-77") for post_id in POSTS), ("free", "nobody"), ("never", "nobody")]:
        through_sqlalchemy, directly = rows(app, post_id, reader)

        assert directly == through_sqlalchemy
        assert [type(cell) for cell in directly] == [type(cell) for cell in through_sqlalchemy]


def test_the_driver_is_asked_and_no_session_is_made(app, engaged, monkeypatch):
    monkeypatch.setattr(access, "find", None)

    found = {post_id: asked(engaged, post_id)["because"] for post_id in POSTS}

    assert found == {"opened": "unlocked", "free": "free_post", "plain": "none", "never": "none"}


def test_what_the_driver_refuses_is_asked_again_through_sqlalchemy(app, engaged, monkeypatch):
    monkeypatch.setattr(access, "DIRECT", DirectSelect(sa.select(sa.literal_column("no_such_column"))))

    assert asked(engaged, "opened")["because"] == "unlocked"


def test_a_database_that_is_gone_is_told_as_on_every_route(app, engaged, monkeypatch):
    def gone(*_):
        raise app_dbapi(app).OperationalError("gone")

    asked(engaged, "opened")
    monkeypatch.setattr(sa.pool.QueuePool, "connect", gone)

    assert problem(engaged.get(url("/access?post_id=opened"))) == (503, "not_ready")


def app_dbapi(app):
    with app.app_context():
        return db.engine.dialect.loaded_dbapi


def test_sqlite_plans_the_statement_once_for_all_readers(app, engaged):
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("PostgreSQL's driver prepares by itself")
        with db.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
        prepared = access.DIRECT.prepared(db.engine.dialect)
        connection = db.engine.raw_connection()
    driver, planned = connection.driver_connection, []
    driver.set_authorizer(lambda *told: planned.append(told) or 0)
    ask = lambda *ids: driver.execute(prepared.text, prepared.given(dict(zip(IDS, ids, strict=True)))).fetchone()  # noqa: E731 -- told twice below
    ask("site", "reader", "post")
    first = len(planned)
    ask("other site", "other reader", "other post")
    driver.set_authorizer(None)
    connection.close()

    assert first
    assert len(planned) == first


def test_the_answer_has_the_headers_of_every_answer_and_the_order_of_the_document(engaged):
    answer, another = engaged.get(url("/access?post_id=opened")), engaged.get(url("/grants"))

    assert set(answer.headers.keys()) == set(another.headers.keys())
    assert list(json.loads(answer.data)) == list(AccessOut().fields)
    assert answer.mimetype == "application/json"


def test_an_id_outside_of_ascii_goes_through_the_schema(engaged):
    assert asked(engaged, "é" * 255)["because"] == "none"
    assert problem(engaged.get(url(f"/access?post_id={'é' * 256}"))) == (422, "validation_failed")


def test_a_requests_id_is_a_random_uuid():
    made = [uuid.UUID(new_uuid()) for _ in range(200)]

    assert {(one.version, one.variant) for one in made} == {(4, uuid.RFC_4122)}
    assert len(set(made)) == 200
