"""Calls of other services' APIs that the site asked for: claimed, sent outside any transaction, recorded.

They run on a thread of their own beside the worker's loop, one after another, so that a service that does not
answer holds up nothing but itself.
"""

import logging
import time
from datetime import timedelta
from threading import Event as Flag
from threading import Thread

import sqlalchemy as sa
from flask import Flask

from moderation import webhook_client
from moderation.coral_graphql import PATH
from moderation.db import db, mark_reading, reading
from moderation.models import utc_now
from moderation.services.coral import way_back
from moderation.services.coral.way_back import Errand

log = logging.getLogger("replydesk.worker")
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0


def start(app: Flask, stop: Flag) -> Thread:
    """Run errands until ``stop`` is set; what is under way then is done again when its lease has ended."""
    thread = Thread(target=_run, args=(app, stop), name="errands", daemon=True)
    thread.start()
    return thread


def _run(app: Flask, stop: Flag) -> None:
    mark_reading(False)
    pause = PAUSE_SECONDS
    while not stop.is_set():
        try:
            while not stop.is_set() and do_next(app):
                pass
            pause = PAUSE_SECONDS
        except sa.exc.SQLAlchemyError as error:
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            log.warning("errands: the database cannot do this now: %s", type(error).__name__)
        except Exception:
            pause = LONGEST_PAUSE_SECONDS
            log.exception("fault in an errand")
        ends = time.monotonic() + pause
        while not stop.is_set() and time.monotonic() < ends:
            time.sleep(0.1)


def do_due(app: Flask) -> int:
    """Do all that is due now; return how many that were: for tests and scripts."""
    mark_reading(False)
    done = 0
    while do_next(app):
        done += 1
    return done


def do_next(app: Flask) -> bool:
    """Do one errand; return whether there was one."""
    seconds = app.config["WEBHOOK_TIMEOUT_SECONDS"]
    with reading(), app.app_context():
        if not way_back.any_due(db.session(), now=utc_now()):
            return False
    with app.app_context():
        errand = way_back.claim(db.session(), now=utc_now(), lease=timedelta(seconds=seconds * 2))
        db.session.commit()
    if errand is None:
        return False
    answer = _call(app, errand, seconds)
    with app.app_context():
        way_back.record(db.session(), errand, answer.status, answer.body, answer.error, now=utc_now())
        db.session.commit()
    return True


def _call(app: Flask, errand: Errand, seconds: float) -> webhook_client.Answer:
    return webhook_client.post(
        f"{errand.url}{PATH}",
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {errand.token}"},
        body=errand.body,
        allow_private=app.config["WEBHOOK_ALLOW_PRIVATE"],
        deadline_seconds=seconds,
    )
