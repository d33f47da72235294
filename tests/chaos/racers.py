"""Processes that race for a reader's unlocks through the services: ``python -m tests.chaos.racers`` forks them.

The job comes as JSON on standard input, what each process has done goes as JSON to standard output. The process
that forks has one thread and no connection, so that each racer has connections of its own.
"""

import json
import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta

import sqlalchemy as sa
import time_machine
from sqlalchemy.orm import Session

from moderation import db
from moderation.errors import NoUnlocksLeft
from moderation.models import Site, utc_now
from moderation.services import expiry, subscriptions, unlocks
from tests.chaos import mutants
from tests.engagement import READER

_fork = multiprocessing.get_context("fork")
WAIT_MS = 120_000
_shared = {}


def race(app, what, processes, **job):
    """Let ``processes`` do ``what`` at the same time on the database of ``app``; return what each reports."""
    with app.app_context():
        job |= {"url": db.db.engine.url.render_as_string(hide_password=False), "what": what, "processes": processes}
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.racers"], input=json.dumps(job), capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _engine(url):
    engine = sa.create_engine(url, **db.engine_options(url, wait_ms=WAIT_MS))
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", db._prepare)
        sa.event.listen(engine, "begin", db._begin)
    return engine


def _transaction(engine, work):
    """Do ``work`` as a view does: one session, one transaction, one commit at its end."""
    with Session(engine, expire_on_commit=False) as session:
        result = work(session, session.scalars(sa.select(Site)).one())
        session.commit()
        return result


def _unlock(engine, post_id, counted):
    """Try to open a post; note what became of it and return the unlock, or None."""
    try:
        opened, new = _transaction(engine, lambda *held: unlocks.unlock(*held, READER, post_id, actor="racer"))
    except NoUnlocksLeft as refused:
        counted["refused" if refused.extra == {"unlock_left": 0} else "refused wrongly"] += 1
        return None
    except sa.exc.IntegrityError:
        counted["violated"] += 1
        return None
    counted["granted" if new else "open already"] += 1
    return opened


def spend(engine, number, job):
    """Try so many posts as quickly as possible."""
    if job["mutant"]:
        mutants.plant(with_ledger=job["mutant"] == "with a ledger")
    counted = Counter()
    for turn in range(job["tries"]):
        _unlock(engine, f"post-{number}-{turn}", counted)
    return counted


def cross(engine, number, job):
    """Open posts before, at and after a moment; the clocks differ a little, as those of machines do."""
    moment, reached = datetime.fromisoformat(job["moment"]), Counter()
    lead = timedelta(seconds=job["seconds"])
    with time_machine.travel(moment - lead + timedelta(milliseconds=20 * number), tick=True):
        opened, paid = [], job["paid"]
        while utc_now() < moment + lead:
            if not paid and utc_now() >= moment:
                _transaction(engine, lambda *held: subscriptions.renew(*held, READER, reference="inv-2", actor="racer"))
                paid = True
            if number < 2:
                _transaction(engine, lambda session, _: expiry.expire_due(session, now=utc_now(), limit=50))
            done = _unlock(engine, f"post-{number}-{len(opened)}", reached)
            if done is not None:
                opened.append([done["post_id"], done["unlocked_at"].isoformat()])
    return {"opened": opened, "counted": reached}


def _begin_together(barrier, job):
    _shared.update(barrier=barrier, job=job)


def _work(number):
    job = _shared["job"]
    engine = _engine(job["url"])
    engine.connect().close()
    _shared["barrier"].wait(timeout=60)
    try:
        return {"spend": spend, "cross": cross}[job["what"]](engine, number, job)
    finally:
        engine.dispose()


def main():
    job = json.load(sys.stdin)
    processes = job["processes"]
    with _fork.Pool(processes, _begin_together, (_fork.Barrier(processes), job)) as pool:
        done = pool.map(_work, range(processes), chunksize=1)
    json.dump(done, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
