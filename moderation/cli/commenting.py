"""``replydesk commenting``: who may comment on a site."""

import json
from collections.abc import Sequence

import click

from moderation.cli.database import ACTOR, open_session, the_site
from moderation.services import commenting as rights

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
_WHO = click.Choice((rights.EVERYONE, rights.SUBSCRIBERS))


@click.group()
def commenting() -> None:
    """Who may comment: set, show."""


@commenting.command("set")
@_site
@click.option("--who", type=_WHO, help="subscribers: those whose plan lets them comment.")
@click.option("--role", "roles", multiple=True, help="A role that may always comment; repeatable; staff at first.")
def set_(site_name: str | None, who: str | None, roles: Sequence[str]) -> None:
    """Say who may comment; what is not named stays."""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        setting = rights.configure(session, site, who=who, roles=roles or None, actor=ACTOR)
        session.commit()
    click.echo(json.dumps(setting._asdict(), ensure_ascii=False))


@commenting.command()
@_site
def show(site_name: str | None) -> None:
    """Print who may comment, as JSON."""
    with open_session() as session:
        setting = rights.of_site(the_site(session, site_name))
    click.echo(json.dumps(setting._asdict(), ensure_ascii=False))
