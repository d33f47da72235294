"""``replydesk ledger``: the proof of every balance of unlocks."""

import json
import sys

import click

from moderation.cli.database import open_session
from moderation.services import ledger_check


@click.group()
def ledger() -> None:
    """The ledger of unlocks: verify."""


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(as_json: bool) -> None:
    """Prove every balance: entries without a gap, sums that fit, grants that agree.

    A sentence for each fault on standard error, and exit code 1 if there is any.
    """
    with open_session() as session:
        faults = ledger_check.faults(session)
        allowances, entries = ledger_check.count(session)
    if as_json:
        click.echo(json.dumps({"allowances": allowances, "entries": entries, "faults": faults}))
    for fault in () if as_json else faults:
        click.echo(fault, err=True)
    if not as_json and not faults:
        click.echo(f"{allowances:,} allowances with {entries:,} entries: every balance is proved.")
    sys.exit(1 if faults else 0)
