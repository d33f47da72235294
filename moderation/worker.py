"""Time in: the loop for what happens later: tell events, end what has expired, throw old things away.

One item, one transaction; nothing is sent inside one. A fault in one item is logged and the loop goes on;
a database that is away is asked again, ever less often. Any number of workers may run at once.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Event as Flag
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from moderation import errands, stripe_api
from moderation.chores import CHORES, Chore
from moderation.db import db, mark_reading, reading
from moderation.mailer import Mailbox
from moderation.models import utc_now
from moderation.senders import Job, Senders
from moderation.services import (
    deliveries,
    drift,
    events,
    notices,
    period_notices,
    provider_fetches,
    subscriptions,
)
from moderation.services.deliveries import Attempt, Outcome

log = logging.getLogger("replydesk.worker")
SENDERS = 8
EVENTS_A_TURN = 20
# Readers that are settled in one transaction: this many at first, then what fits into the time. On SQLite nobody
# else writes meanwhile, so it is short, and a pause after it lets others write.
READERS_A_TURN = 50
MOST_READERS_A_TURN = 1_000
TURN_SECONDS = 0.04
PAUSE_SECONDS = 0.008
# How long a stopping worker waits for answers; what is under way after that is given back.
STOP_SECONDS = 1.5
LONGEST_WAIT_SECONDS = 0.5
CHORES_EVERY_SECONDS = 15.0
LONGEST_BACKOFF_SECONDS = 30.0
AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


class Pace:
    """How many readers are settled in one transaction, by how long the last took."""

    def __init__(self, readers: int) -> None:
        self.readers = readers

    def note(self, count: int, seconds: float) -> None:
        """Take at most twice as many next time, or fewer."""
        if count == self.readers:
            fitting = int(count * TURN_SECONDS / max(seconds, 1e-6))
            self.readers = max(1, min(fitting, count * 2, MOST_READERS_A_TURN))


pace = Pace(READERS_A_TURN)


def run(app: Flask, stop: Flag) -> None:
    """Work until ``stop`` is set, then finish or give back what is under way, within two seconds."""
    mark_reading(False)
    worker, backoff = Worker(app), 0.0
    errands.start(app, stop)
    log.info("worker started")
    while not stop.is_set():
        try:
            worker.turn()
            backoff = 0.0
        except AWAY as error:
            backoff = min(max(0.5, backoff * 2), LONGEST_BACKOFF_SECONDS)
            log.warning("the database is away, asking again in %g s: %s", backoff, type(error).__name__)
            _sleep(backoff, stop)
    worker.close()
    log.info("worker stopped")


def drain(app: Flask) -> None:
    """Send everything that is due now and wait for the answers: for tests and scripts."""
    mark_reading(False)
    worker = Worker(app)
    while worker.work() or worker.senders.under_way:
        worker.collect(wait_seconds=LONGEST_WAIT_SECONDS)
    worker.close()


def do_chores(app: Flask) -> None:
    """Do all timed work that is due now."""
    for name, chore in CHORES.items():
        with _one_item(f"chore: {name}"):
            while _do(app, chore):
                pass
    with _one_item("chore: fetches"):
        _fetch_due(app)
    with _one_item("chore: drift"):
        _measure_drift(app)
    with _one_item("chore: expiries"):
        while _expire(app):
            pass
    # After what time has ended, so that nobody is told of an end that has come.
    with _one_item("chore: notices"):
        while _do(app, lambda session, now, _: period_notices.tell_due(session, READERS_A_TURN, now=now)):
            pass


def _do(app: Flask, chore: Chore) -> int:
    with _transaction(app) as session:
        return chore(session, utc_now(), app.config)


def _fetch_due(app: Flask) -> None:
    """Fetch what payment providers' events leave out: called with no transaction open, written in one of its own."""
    with reading(), app.app_context():
        wanted = provider_fetches.due(db.session(), now=utc_now())
    for one in wanted:
        answer = stripe_api.lines(one)
        with _transaction(app) as session:
            provider_fetches.record(session, one, answer, now=utc_now())
        if answer.fault:
            # The next one would most likely wait in vain, too.
            break


def _measure_drift(app: Flask) -> None:
    """Measure what is due: read without holding the lock of writers, written in a transaction of its own."""
    with reading(), app.app_context():
        known = db.session()
        found = [(site_id, drift.measure(known, site_id, week)) for site_id, week in drift.due(known, now=utc_now())]
    for site_id, figures in found:
        with _transaction(app) as session:
            drift.record(session, site_id, figures, now=utc_now())


def _expire(app: Flask) -> int:
    began, asked = time.monotonic(), pace.readers
    with _transaction(app) as session:
        count = subscriptions.expire_due(session, asked, now=utc_now())
    pace.note(count, time.monotonic() - began)
    if count == asked:
        time.sleep(PAUSE_SECONDS)
    return count


class Worker:
    """One worker: what it has under way, and when it looks for what."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        deadline = app.config["WEBHOOK_TIMEOUT_SECONDS"]
        self.lease = timedelta(seconds=deadline * 2)
        self.senders = Senders(SENDERS, app.config["WEBHOOK_ALLOW_PRIVATE"], deadline, mailbox_of(app.config))
        self.senders.start()
        self._unrecorded: list[tuple[Job, Outcome]] = []
        self._looks_at = self._chores_at = time.monotonic()

    def turn(self) -> None:
        """Do what is due, or wait a little for it."""
        busy = time.monotonic() >= self._looks_at and self.work()
        if not busy and time.monotonic() >= self._looks_at:
            self._looks_at = time.monotonic() + self.app.config["WORKER_POLL_MS"] / 1000
        wait = min(self._looks_at - time.monotonic(), LONGEST_WAIT_SECONDS)
        if self.collect(wait_seconds=0.0 if busy else wait):
            self._looks_at = time.monotonic()
        if time.monotonic() >= self._chores_at:
            self._chores_at = time.monotonic() + CHORES_EVERY_SECONDS
            do_chores(self.app)

    def work(self) -> bool:
        """Fan waiting events out and begin due deliveries; return whether there were any."""
        with reading(), self.app.app_context():
            waiting = events.waiting(db.session(), limit=EVENTS_A_TURN)
            due = bool(waiting) or (self.senders.has_room and deliveries.any_due(db.session(), now=utc_now()))
            notice_due = self.senders.has_room and notices.any_due(db.session(), now=utc_now())
        self._fan_out(waiting)
        told = self._begin_notice() if notice_due else False
        return (self._begin() if due else False) or bool(waiting) or told

    def collect(self, *, wait_seconds: float) -> bool:
        """Record the answers that have come; return whether there were any."""
        self._unrecorded += self.senders.finished(wait_seconds=wait_seconds)
        found = bool(self._unrecorded)
        while self._unrecorded:
            job, outcome = self._unrecorded[0]
            with _one_item(f"record {job.lease}"), _transaction(self.app) as session:
                if isinstance(job, Attempt):
                    deliveries.record(session, job, outcome, now=utc_now())
                else:
                    notices.record(session, job, outcome, now=utc_now())
            del self._unrecorded[0]
        return found

    def close(self) -> None:
        """Wait a moment for answers, then give the rest back."""
        ends = time.monotonic() + STOP_SECONDS
        try:
            while self.senders.under_way and time.monotonic() < ends:
                self.collect(wait_seconds=ends - time.monotonic())
            self.collect(wait_seconds=0)
            for job in self.senders.under_way.values():
                with _transaction(self.app) as session:
                    if isinstance(job, Attempt):
                        deliveries.release(session, job, now=utc_now())
                    else:
                        notices.release(session, job, now=utc_now())
        except AWAY:
            log.warning("the database is away; what is under way is sent again when its lease has ended")
        self.senders.close()

    def _fan_out(self, event_ids: Sequence[str]) -> None:
        for event_id in event_ids:
            with _one_item(f"fan out {event_id}"), _transaction(self.app) as session:
                events.fan_out(session, event_id)

    def _begin(self) -> bool:
        begun = 0
        while self.senders.has_room:
            with _transaction(self.app) as session:
                attempt = deliveries.claim(session, now=utc_now(), lease=self.lease)
            if attempt is None:
                break
            # Sent after the commit: a lease that nobody can see protects nobody.
            self.senders.send(attempt)
            begun += 1
        return begun > 0

    def _begin_notice(self) -> bool:
        with _transaction(self.app) as session:
            errand = notices.claim(session, now=utc_now())
        if errand is not None:
            self.senders.send(errand)
        return errand is not None


def mailbox_of(settings: Mapping[str, Any]) -> Mailbox:
    """The mail server as it is set."""
    names = ("HOST", "PORT", "TLS", "USER", "PASSWORD", "FROM")
    return Mailbox(*(settings[f"SMTP_{name}"] for name in names))


@contextmanager
def _transaction(app: Flask) -> Iterator[Session]:
    """A session that is committed at the end; what is raised inside leaves nothing behind."""
    with app.app_context():
        session = db.session()
        yield session
        session.commit()


@contextmanager
def _one_item(name: str) -> Iterator[None]:
    """A fault inside is logged and ends there; a database that is away is everybody's fault."""
    try:
        yield
    except AWAY:
        raise
    except Exception:
        log.exception("fault in %s", name)


def _sleep(seconds: float, stop: Flag) -> None:
    # In slices, not by stop.wait(): a signal handler that sets it must not meet its lock held.
    ends = time.monotonic() + seconds
    while not stop.is_set() and time.monotonic() < ends:
        time.sleep(min(0.1, seconds))
