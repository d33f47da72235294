"""Readers are stored by the same statements on every database, beside a site that goes on writing."""

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.models import Site, State
from moderation.services import ledger_check
from moderation.services.moving import engagement_store
from moderation.services.moving.engagement_books import Plans
from moderation.services.moving.engagement_record import Holding, Lot, Opened, instant
from moderation.services.moving.engagement_store import Source
from tests.engagement import access, give, left, overview, sell, unlock

LATER = instant("later", "2100-01-01T00:00:00Z")
SOURCE = Source("readers", Plans(own_names=True))


def holdings():
    posts = [Opened(f"p{number}") for number in range(20)]
    lots = [Lot(3), Lot(4, LATER)]
    return [
        Holding("line 1", "u-1", "u-1", lots=lots, posts=posts),
        Holding("line 2", "u-2", "u-2", plan="monthly", paid_until=LATER, customer="cus_1", subscription="sub_1"),
        Holding("line 3", "u-3", "u-3", posts=posts[:1], plan="monthly", paid_until=LATER, state=State.CANCELING),
        Holding("line 4", "u-4", "u-4", lots=[Lot(1)]),
    ]


@pytest.fixture
def store(app, client):
    sell(client)

    def run():
        with app.app_context():
            site = db.session.scalars(sa.select(Site).where(Site.name == "demo")).one()
            done = engagement_store.store(db.session(), site, SOURCE, holdings(), first=True)
            db.session.commit()
        return done

    return run


def test_a_batch_is_stored_once_and_proved(app, client, store):
    give(client, 2, "u-4")
    unlock(client, "p0", "u-4")

    first, second = store(), store()

    with app.app_context():
        assert ledger_check.faults(db.session()) == []
    assert (first.stored, first.there, second.stored, second.there) == (4, 0, 0, 4)
    assert first.in_ledger == second.in_ledger == {"units": 8, "posts": 21, "subscriptions": 2}
    assert [left(client, f"u-{number}") for number in range(1, 5)] == [7, 0, 0, 2]
    assert access(client, "p19", "u-1")["allowed"]
    assert overview(client, "u-3")["subscription"]["state"] == "canceling"


def test_a_post_whose_time_was_over_here_is_opened_anew(app, client, store):
    give(client, 2, "u-3")
    unlock(client, "p0", "u-3")
    with app.app_context():
        db.session.execute(sa.text("UPDATE unlock SET expires_at = unlocked_at WHERE post_id = 'p0'"))
        db.session.commit()

    store()

    assert access(client, "p0", "u-3")["because"] == "subscription"
    with app.app_context():
        ends = db.session.execute(sa.text("SELECT expires_at FROM unlock WHERE post_id = 'p0'")).scalars().all()
        assert set(ends) == {None}
        assert ledger_check.faults(db.session()) == []
