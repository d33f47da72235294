"""``replydesk moderator``: the people who review."""

import sys

import click

from moderation import passwords
from moderation.cli.database import ACTOR, open_session, the_site
from moderation.errors import Invalid
from moderation.services import moderators

_role = click.option("--role", type=click.Choice(moderators.ROLES), required=True, help="What this person may do.")
_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def moderator() -> None:
    """People who review: add them, give them roles, set passwords."""


@moderator.command()
@click.argument("email")
@_site
@_role
@click.option("--name", default="", help="How colleagues see this person; by default the part before the @.")
@_stdin
def add(email: str, site_name: str | None, role: str, name: str, password_stdin: bool) -> None:
    """Add a moderator to a site."""
    password_hash = _hash(from_stdin=password_stdin)
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        made = moderators.create(
            session, site, email=email, name=name, role=role, password_hash=password_hash, actor=ACTOR
        )
        session.commit()
        click.echo(f"{made.email} is {role} of {site.name}.")


@moderator.command("role")
@click.argument("email")
@_site
@_role
def set_role(email: str, site_name: str | None, role: str) -> None:
    """Give or change a moderator's role on a site."""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        found = moderators.by_email(session, email)
        moderators.set_role(session, site, found, role=role, actor=ACTOR)
        session.commit()
        click.echo(f"{found.email} is {role} of {site.name}.")


@moderator.command("password")
@click.argument("email")
@_stdin
def set_password(email: str, password_stdin: bool) -> None:
    """Set a new password; every session of this person ends."""
    password_hash = _hash(from_stdin=password_stdin)
    with open_session(writes=True) as session:
        found = moderators.by_email(session, email)
        moderators.set_password(session, found, password_hash=password_hash, actor=ACTOR)
        session.commit()
        click.echo(f"{found.email} has a new password; all sessions of it have ended.")


def _hash(*, from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        return passwords.hash_of(password)
    except Invalid as error:
        raise click.UsageError(error.extra["errors"][0]["detail"]) from None
