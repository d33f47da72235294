"""``replydesk integration``: other services that this one works with, so far Coral."""

import json
import sys

import click
from flask import current_app

from moderation.cli.database import ACTOR, open_session, the_site
from moderation.services.coral import accounts

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def integration() -> None:
    """Other services that this one works with: set, show, retry, remove."""


@integration.command("set")
@click.argument("name", metavar="INTEGRATION", type=click.Choice([accounts.NAME]))
@_site
@click.option("--secret-stdin", is_flag=True, help="Read a signing secret from standard input.")
@click.option("--add", is_flag=True, help="Keep believing the secrets before it: a phase and a webhook have one each.")
@click.option("--url", help="Origin of Coral, as https://coral.example; its API is called there.")
@click.option("--token-stdin", is_flag=True, help="Read an access token of Coral's API from standard input.")
@click.option("--decides", type=click.Choice([accounts.BY_CORAL, accounts.BY_DESK]), help="Where people decide.")
def set_(
    name: str, site_name: str | None, secret_stdin: bool, add: bool, url: str | None, token_stdin: bool,
    decides: str | None,
) -> None:  # fmt: skip
    """Believe what INTEGRATION signs, and say how its API is reached; secrets are never shown again."""
    if not (secret_stdin or token_stdin or decides):
        raise click.UsageError("Say one or more of --secret-stdin, --token-stdin with --url, and --decides.")
    if token_stdin is not (url is not None):
        raise click.UsageError("--url and --token-stdin go together.")
    secret = sys.stdin.readline().strip() if secret_stdin else ""
    token = sys.stdin.readline().strip() if token_stdin else ""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        if secret_stdin:
            accounts.set_secret(session, site, secret, add=add, actor=ACTOR)
        if url is not None:
            private, plain = current_app.config["WEBHOOK_ALLOW_PRIVATE"], current_app.config["ENV"] == "development"
            accounts.set_api(session, site, url=url, token=token, private=private, plain=plain, actor=ACTOR)
        if decides:
            accounts.set_decides(session, site, decides, actor=ACTOR)
        found = accounts.describe(session, site)
        session.commit()
    click.echo(f"{found['site']}: {_sentence(found)}")
    click.echo(f"The moderation phase asks: /integrations/{name}/{found['site']}")
    click.echo(f"Webhooks go to: /integrations/{name}/{found['site']}/events")


@integration.command()
@_site
@_json
def show(site_name: str | None, as_json: bool) -> None:
    """Tell how it is set up, without its secrets, and how the way back goes."""
    with open_session() as session:
        found = accounts.describe(session, the_site(session, site_name))
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{found['site']}: {_sentence(found)}")
    click.echo(f"{found['comments']} comments came through, {found['joined']} are known by their id at Coral.")
    click.echo(f"{found['waiting']} looks wait, {found['failing']} calls fail, {found['given_up']} were given up.")
    if found["last_error"]:
        click.echo(f"Last error: {found['last_error']}")


@integration.command()
@_site
def retry(site_name: str | None) -> None:
    """Try again now what was given up."""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        accounts.of_site(session, site)
        tried = accounts.retry_now(session, site)
        session.commit()
    click.echo(f"{tried} are tried again.")


@integration.command()
@click.argument("name", metavar="INTEGRATION", type=click.Choice([accounts.NAME]))
@_site
def remove(name: str, site_name: str | None) -> None:  # noqa: ARG001 -- the one integration
    """Forget INTEGRATION with its secrets; comments that came through it stay."""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        accounts.remove(session, site, actor=ACTOR)
        session.commit()
        click.echo(f"{site.name}: Coral is removed.")


def _sentence(found: dict[str, object]) -> str:
    count = "one secret" if found["secrets"] == 1 else f"{found['secrets']} secrets"
    api = f"API at {found['url']}" if found["token"] else "no API token"
    whose = "our desk decides" if found["decides"] == accounts.BY_DESK else "Coral's people decide"
    return f"Coral, {count}, {api}, {whose}."
