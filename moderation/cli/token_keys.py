"""``replydesk token-key``: the keys that sign a site's entitlement tokens, and how one follows another."""

import json
from datetime import datetime

import click

from moderation.cli.database import ACTOR, open_session, the_site
from moderation.models import utc_now
from moderation.services import token_keys

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("token-key")
def token_key() -> None:
    """Keys of entitlement tokens: show, rotate, retire. The secret halves are never shown."""


@token_key.command()
@_site
@_json
def show(site_name: str | None, as_json: bool) -> None:
    """List the published keys: which signs, which follows, and which only verify until their tokens expire."""
    with open_session() as session:
        site, now = the_site(session, site_name), utc_now()
        found, name = token_keys.describe(token_keys.of_site(session, site.id), now=now), site.name
    items = [{of: _shown(value) for of, value in key.items()} for key in found]
    if as_json:
        click.echo(json.dumps({"site": name, "items": items}))
        return
    for key in items:
        until = f", published until {key['published_until']}" if key["published_until"] else ""
        click.echo(f"{key['kid']}  {key['state']:9}  signs from {key['signs_from']}{until}")
    if not items:
        click.echo("There is no key; make one with: replydesk token-key rotate")


@token_key.command()
@_site
@click.option("--now", "at_once", is_flag=True, help="For a stolen key: every other key goes at once.")
def rotate(site_name: str | None, at_once: bool) -> None:
    """Let a new key follow: published now, signing in eleven minutes, when every cache has it; no token is lost."""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        key = token_keys.rotate(session, site, at_once=at_once, actor=ACTOR)
        session.commit()
        click.echo(f"{key.id} signs from {_shown(key.signs_from)}.")


@token_key.command()
@click.argument("kid", metavar="KID")
@_site
def retire(kid: str, site_name: str | None) -> None:
    """Publish KID no longer: tokens that it signed end as soon as the verifiers' caches do."""
    with open_session(writes=True) as session:
        token_keys.retire(session, the_site(session, site_name), kid, actor=ACTOR)
        session.commit()
    click.echo(f"{kid} is retired.")


def _shown(value: datetime | str | None) -> str | None:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
