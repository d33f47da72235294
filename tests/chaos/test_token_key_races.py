"""Rotations at the same moment: one key follows, and every token that is made meanwhile can be verified."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from moderation.cli.database import ACTOR
from moderation.db import db, mark_reading
from moderation.errors import StateForbids
from moderation.models import Site, TokenKey, utc_now
from moderation.services import token_keys
from tests.edge import edge, key_set, token_of

THREADS = 8


def at_once(work):
    begin = Barrier(THREADS)

    def begin_together(number):
        begin.wait(timeout=10)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin_together, range(THREADS)))


def rotate(app, *, now=False):
    with app.app_context():
        mark_reading(False)
        session = db.session()
        try:
            token_keys.rotate(session, session.query(Site).one(), at_once=now, actor=ACTOR)
            session.commit()
        except StateForbids:
            return "waits"
        return "made"


def test_of_rotations_at_once_one_makes_a_key(installation):
    became = at_once(lambda _: rotate(installation.app))

    assert sorted(became) == ["made"] + ["waits"] * (THREADS - 1)
    with installation.app.app_context():
        assert db.session.query(TokenKey).count() == 2


def test_after_thefts_reported_at_once_one_key_is_left_and_it_signs(installation):
    became = at_once(lambda _: rotate(installation.app, now=True))

    assert became == ["made"] * THREADS
    [key] = json.loads(key_set(installation.client).text)["keys"]
    assert edge(installation.client).check(token_of(installation.client), "1").because == "not_named"
    assert key["kid"].startswith("tky_")


def test_two_workers_that_clean_at_once_delete_a_key_once(installation):
    rotate(installation.app)
    later = utc_now() + token_keys.PUBLISHED_BEFORE + token_keys.PUBLISHED_AFTER

    def clean(_):
        with installation.app.app_context():
            mark_reading(False)
            gone = token_keys.purge(db.session(), now=later)
            db.session.commit()
            return gone

    assert sum(at_once(clean)) == 1
