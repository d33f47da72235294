"""However many readers there are, the proof of the ledger holds a page of them, and says how far it is."""

import os
import re
import subprocess
import sys
from pathlib import Path

from bench import ledger_rows
from moderation.app import create_app
from moderation.cli import ledger as ledger_command
from moderation.db import db, mark_reading
from moderation.models import Base
from moderation.services import ledger_check, plans, sites
from tests.engagement import give
from tests.factories import THRESHOLDS

ROOT = Path(__file__).parent.parent
FEW, TIMES, EACH = 3_000, 10, 10
MOST_MORE_MB = 10
PROOF = """
from pathlib import Path
from moderation.app import create_app
from moderation.db import db, reading
from moderation.services import ledger_check
with create_app().app_context(), reading():
    faults = ledger_check.faults(db.session())
    # Not getrusage: its figure begins with that of the process that this one came from.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(len(faults), ledger_check.count(db.session())[1], int(peak.split()[1]) // 1024)
"""


def proved(folder, readers):
    """How many faults, entries and megabytes the proof of so many readers comes to, in a process of its own."""
    folder.mkdir()
    app = create_app({"DATA": str(folder), "SECRET_KEY": "test", "DATABASE_URL": f"sqlite:///{folder}/replydesk.db"})
    mark_reading(False)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        site = sites.create(db.session(), name="demo", thresholds=THRESHOLDS, actor="test")
        plans.save(db.session(), site, "monthly", {"period": "month"}, actor="test")
        plans.save(db.session(), site, "five", {"period": "month", "unlocks": 5}, actor="test")
        db.session.commit()
        site_id = site.id
        db.session.remove()
        ledger_rows.fill(db.engine, site_id, readers=readers, entries=readers * EACH, seed=1)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("REPLYDESK_")}
    environ |= {"REPLYDESK_DATA": str(folder), "REPLYDESK_SECRET_KEY": "test", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROOF], env=environ, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [int(word) for word in done.stdout.split()]


def test_ten_times_the_readers_take_no_more_memory(tmp_path):
    few, many = [proved(tmp_path / str(readers), readers) for readers in (FEW, FEW * TIMES)]

    assert [few[:2], many[:2]] == [[0, FEW * EACH], [0, FEW * TIMES * EACH]]
    assert many[2] < few[2] + MOST_MORE_MB


def test_a_long_proof_says_how_far_it_is(installation, monkeypatch):
    monkeypatch.setattr(ledger_check, "PAGE", 1)
    monkeypatch.setattr(ledger_command._Progress, "EVERY_SECONDS", 0.0)
    for reader in ("u-1", "u-2", "u-3"):
        give(installation.client, 1, reader)

    ended = installation.run("ledger", "verify")

    assert ended.exit_code == 0
    assert re.findall(r"(\d) of 3 allowances", ended.stderr) == ["1", "2"]
    assert ended.stdout == "3 allowances with 3 entries: every balance is proved.\n"
