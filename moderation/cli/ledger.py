"""``replydesk ledger``: the proof of every balance of unlocks."""

import json
import sys
import time

import click

from moderation.cli.database import on_terminal, open_session
from moderation.services import ledger_check


class _Progress:
    """How far it is: a line that is written over on a terminal, else a new one now and then."""

    EVERY_SECONDS = 5.0

    def __init__(self, total: int) -> None:
        self.total, self.terminal, self.told_at = total, on_terminal(), time.monotonic()

    def __call__(self, done: int) -> None:
        if done < self.total and time.monotonic() - self.told_at < (0.2 if self.terminal else self.EVERY_SECONDS):
            return
        self.told_at = time.monotonic()
        line = f"{done:,} of {self.total:,} allowances"
        if self.terminal:
            click.echo(f"\r{line}" if done < self.total else f"\r{' ' * len(line)}\r", err=True, nl=False)
        elif done < self.total:
            click.echo(line, err=True)


@click.group()
def ledger() -> None:
    """The ledger of unlocks: verify."""


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(as_json: bool) -> None:
    """Prove every balance: entries without a gap, sums that fit, grants that agree.

    A sentence for each fault on standard error, and exit code 1 if there is any. What takes longer than some
    seconds tells there how far it is.
    """
    with open_session() as session:
        allowances, entries = ledger_check.count(session)
        faults = ledger_check.faults(session, _Progress(allowances))
    if as_json:
        click.echo(json.dumps({"allowances": allowances, "entries": entries, "faults": faults}))
    for fault in () if as_json else faults:
        click.echo(fault, err=True)
    if not as_json and not faults:
        click.echo(f"{allowances:,} allowances with {entries:,} entries: every balance is proved.")
    sys.exit(1 if faults else 0)
