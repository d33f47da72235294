"""``replydesk reader``: what a reader may ask for: a copy of everything, and to be forgotten."""

import json

import click

from moderation.cli.database import ACTOR, open_session, the_site
from moderation.services import erasure
from moderation.services import export as exports

_site = click.option("--site", "site_name", help="Whose reader; needed where there are several sites.")


@click.group()
def reader() -> None:
    """One reader, by the site's own id: export, erase."""


@reader.command()
@click.argument("reader_id", metavar="READER")
@_site
def export(reader_id: str, site_name: str | None) -> None:
    """Print everything that is held on READER, as JSON."""
    with open_session() as session:
        held = exports.of_reader(session, the_site(session, site_name).id, reader_id)
    click.echo(json.dumps(held, ensure_ascii=False, indent=2))


@reader.command()
@click.argument("reader_id", metavar="READER")
@_site
@click.option("--yes", is_flag=True, help="Do not ask first.")
def erase(reader_id: str, site_name: str | None, yes: bool) -> None:
    """Erase READER for good: texts, names, reports, unlocks; the ledger stays without the person."""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        if not yes:
            click.confirm(f"Erase the reader {reader_id} of {site.name} for good?", abort=True, err=True)
        erasure.erase(session, site, reader_id, actor=ACTOR)
        session.commit()
    click.echo(f"Erased {reader_id}. Backups still hold what was there; see docs/engagement.md.")
