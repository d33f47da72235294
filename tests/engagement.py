"""Readers, plans and time, as the tests of engagement speak of them."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import time_machine

from moderation import worker
from moderation.db import db
from moderation.models import Audit, Event, Grant, LedgerEntry, Site, Unlock

READER = "u-77"
# A month end in winter, later than everything that the fixtures make.
START = datetime(2031, 1, 31, 10, 0, tzinfo=UTC)


def travel(moment=START):
    return time_machine.travel(moment, tick=False)


def at(*, days=0, hours=0):
    return travel(START + timedelta(days=days, hours=hours))


def url(rest="", reader=READER):
    return f"/v1/readers/{quote(reader, safe='')}{rest}"


def give(client, unlocks=5, reader=READER, **changes):
    body = {"unlocks": unlocks, "kind": "bundle", "reference": None, "expires_at": None} | changes
    return done(client.post(url("/grants", reader), json=body))


def unlock(client, post_id="2041", reader=READER):
    return done(client.post(url("/unlocks", reader), json={"post_id": post_id}))


def sell(client, name="monthly", **changes):
    """A plan; by default a month that opens everything."""
    return done(client.put(f"/v1/plans/{name}", json={"period": "month"} | changes))


def subscribe(client, plan="monthly", reader=READER):
    return done(client.put(url("/subscription", reader), json={"plan": plan}))


def turn(client, what, reader=READER, **body):
    """Something that happens to the subscription by a POST."""
    return done(client.post(url(f"/subscription/{what}", reader), json=body))


def done(response):
    assert response.status_code in (200, 201), response.json
    return response.json


def overview(client, reader=READER):
    return done(client.get(url("", reader)))


def left(client, reader=READER):
    return overview(client, reader)["unlock_left"]


def subscription(client, reader=READER):
    return done(client.get(url("/subscription", reader)))


def history(client, reader=READER):
    return done(client.get(url("/subscription/history", reader)))["items"]


def ledger(client, reader=READER):
    return done(client.get(url("/ledger?limit=200", reader)))["items"]


def access(client, post_id="2041", reader=READER):
    return done(client.get(url(f"/access?post_id={quote(post_id, safe='')}", reader)))


def tag(client):
    return client.get(url()).headers["ETag"]


def dry(client, method, rest, **body):
    response = client.open(url(f"{rest}?dry_run=true"), method=method, json=body)
    assert response.status_code in (200, 201), response.json
    return response


def until(day):
    return START.replace(month=day[0], day=day[1]).isoformat().replace("+00:00", "Z")


def problem(response):
    return response.status_code, response.json["code"]


def configure(app, *, time_zone=None, **settings):
    """Change the site `demo` as an operator would."""
    with app.app_context():
        site = db.session.query(Site).filter_by(name="demo").one()
        site.settings = site.settings | settings
        site.time_zone = time_zone or site.time_zone
        db.session.commit()


def the_worker_comes(app):
    worker.do_chores(app)


def rows(app):
    """How many grants, entries, unlocks, acts and events there are."""
    with app.app_context():
        return [db.session.query(model).count() for model in (Grant, LedgerEntry, Unlock, Audit, Event)]


def events(app, type):
    with app.app_context():
        told = [json.loads(event.body)["data"] for event in db.session.query(Event).filter_by(type=type)]
    return sorted(told, key=lambda data: data["sequence"])
