"""A key that was looked up a moment ago is not looked up again, and a change of it still counts."""

import pytest
import sqlalchemy as sa

from moderation import known_keys
from moderation.db import db
from moderation.known_keys import KnownKeys
from moderation.models import ApiKey, Site
from moderation.services import sites
from tests.engagement import access, at, configure, give, problem, travel, unlock, url


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test turns: seconds in ``now[0]``."""
    now = [100.0]
    monkeypatch.setattr(known_keys.time, "monotonic", lambda: now[0])
    return now


def asked(app, client):
    """How many statements one access check needs that name the table of keys."""
    told = []
    with app.app_context():
        bind = db.session.get_bind()
    listen = lambda *arguments: told.append(arguments[2])  # noqa: E731 -- removed below by its name
    sa.event.listen(bind, "before_cursor_execute", listen)
    access(client)
    sa.event.remove(bind, "before_cursor_execute", listen)
    return len([statement for statement in told if "api_key" in statement])


def test_a_key_is_looked_up_once_a_second(app, client, clock):
    looked_up = [asked(app, client), asked(app, client)]
    clock[0] += known_keys.SECONDS
    looked_up += [asked(app, client), asked(app, client)]

    assert looked_up == [1, 0, 1, 0]


def test_a_clock_that_was_put_back_proves_nothing(app, client, clock):
    access(client)
    clock[0] -= 10

    assert asked(app, client) == 1


def test_a_key_that_this_process_revokes_opens_nothing_more(app, client, clock, site_key):
    access(client)
    with app.app_context():
        sites.revoke_key(db.session(), sites.find_key(db.session(), site_key["demo"]), actor="test")
        db.session.commit()

    assert problem(client.get(url("/access?post_id=1"))) == (401, "unauthenticated")


def test_a_key_that_another_process_revokes_opens_nothing_a_second_later(app, client, clock):
    access(client)
    with app.app_context():
        # Behind the session's back, as another process would.
        db.session.connection().execute(sa.update(ApiKey).values(revoked_at=sa.func.current_timestamp()))
        db.session.commit()
    clock[0] += known_keys.SECONDS

    assert problem(client.get(url("/access?post_id=1"))) == (401, "unauthenticated")


def test_a_key_that_expires_is_refused_though_it_is_remembered(app, client, clock, site_key):
    with travel():
        access(client)
        with app.app_context():
            sites.rotate_key(db.session(), sites.find_key(db.session(), site_key["demo"]), actor="test")
            db.session.commit()
        access(client)
    with at(hours=25):
        assert problem(client.get(url("/access?post_id=1"))) == (401, "unauthenticated")


def test_a_setting_of_the_site_counts_at_once(app, client, clock):
    give(client, 2)
    forever = unlock(client, "1")
    configure(app, unlock_days=7)

    assert (forever["expires_at"], unlock(client, "2")["expires_at"] is None) == (None, False)


def test_what_was_read_before_a_change_is_not_kept_after_it():
    keys, name = KnownKeys(), ("digest", "api")

    def read(_):
        KnownKeys.changes += 1  # another thread commits a change while this one reads
        return ("old", "site")

    keys.find(name, read)

    assert keys.find(name, lambda _: ("new", "site")) == ("new", "site")


def test_keys_that_are_not_there_take_no_room(app):
    keys = KnownKeys()

    assert keys.find(("nobody", "api"), lambda _: None) is None
    assert keys._kept == {}


def test_a_bulk_change_of_sites_is_noticed(app, client):
    before = KnownKeys.changes
    with app.app_context():
        db.session.execute(sa.update(Site).values(policy_version=Site.policy_version))
        db.session.rollback()

    assert KnownKeys.changes > before


def test_access_is_asked_for_without_a_transaction_where_none_has_begun(installation):
    give(installation.client, 1)

    before = access(installation.client)
    unlock(installation.client)

    assert (before["because"], access(installation.client)["because"]) == ("none", "unlocked")
