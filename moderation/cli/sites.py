"""``replydesk site`` and ``replydesk key``: tenants and the keys they call with."""

import json
import time
from collections.abc import Sequence

import click

from moderation import known_keys
from moderation.auth import SCOPES
from moderation.cli.database import ACTOR, open_session
from moderation.cli.thresholds import model_thresholds
from moderation.models import ApiKey, Site
from moderation.services import entitlements, lifecycle, sites, token_keys, unlocks

SITE_DEFAULTS = {
    "refund_hours": unlocks.REFUND_HOURS,
    "unlock_days": unlocks.UNLOCK_DAYS,
    "notice_days": lifecycle.NOTICE_DAYS,
    "token_seconds": entitlements.LIFETIME_SECONDS,
    "outage": token_keys.OUTAGE,
    "outage_grace_seconds": token_keys.OUTAGE_GRACE_SECONDS,
}
_TOKEN_SECONDS = click.IntRange(entitlements.LEAST_LIFETIME_SECONDS, entitlements.MOST_LIFETIME_SECONDS)
_GRACE_SECONDS = click.IntRange(0, token_keys.MOST_OUTAGE_GRACE_SECONDS)
_DOORS = ("api", "akismet")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


@click.group()
def site() -> None:
    """Sites: each has its own comments, readers, policy and keys."""


@site.command()
@click.argument("name")
def create(name: str) -> None:
    """Make a site with the default rules and the model's own thresholds."""
    with open_session(writes=True) as session:
        made = sites.create(session, name=name, thresholds=model_thresholds(), actor=ACTOR)
        session.commit()
        click.echo(f"Made the site {made.name}. Next: replydesk key create {made.name} --scope comments")


@site.command("set")
@click.argument("name")
@click.option("--time-zone", help="Where its months are counted, such as Europe/Berlin.")
@click.option("--refund-hours", type=click.IntRange(0, 8_760), help="How long an unlock can be given back.")
@click.option("--unlock-days", type=click.IntRange(0, 3_660), help="How long an unlock opens a post; 0: for good.")
@click.option("--notice-days", type=click.IntRange(0, 60), help="How long before its end a period is told; 0: never.")
@click.option("--token-seconds", type=_TOKEN_SECONDS, help="How long an entitlement token lives.")
@click.option("--outage", type=click.Choice(token_keys.OUTAGE_MODES),
              help="What the site's edge opens while Replydesk does not answer: docs/edge.md.")  # fmt: skip
@click.option("--outage-grace-seconds", type=_GRACE_SECONDS, help="With grace: how long an expired token counts then.")
def set_(name: str, time_zone: str | None, **named: int | str | None) -> None:
    """Change a site; what is not named stays."""
    with open_session(writes=True) as session:
        found = sites.by_name(session, name)
        sites.configure(session, found, time_zone=time_zone, settings=named, actor=ACTOR)
        session.commit()
        told = {of.replace("_", " "): found.settings.get(of, default) for of, default in SITE_DEFAULTS.items()}
        click.echo(f"{name}: time zone {found.time_zone}, {', '.join(f'{of} {value}' for of, value in told.items())}")


@click.group()
def key() -> None:
    """Site keys: create, rotate, revoke. A key is shown once and stored hashed."""


@key.command("create")
@click.argument("site_name", metavar="SITE")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it may do; repeatable.")
@click.option("--door", type=click.Choice(_DOORS), default="api", help="akismet: 12 hex digits for that door.")
@_json
def create_key(site_name: str, scopes: Sequence[str], door: str, as_json: bool) -> None:
    """Make a key for SITE."""
    if not scopes and door == "api":
        raise click.UsageError(f"Name at least one --scope: {', '.join(SCOPES)}.")
    with open_session(writes=True) as session:
        owner = sites.by_name(session, site_name)
        made, text = sites.create_key(session, owner, scopes=scopes or ("score",), door=door, actor=ACTOR)
        session.commit()
        _show(owner, made, text, as_json=as_json)


@key.command()
@click.argument("key_or_id", metavar="KEY")
@_json
def rotate(key_or_id: str, as_json: bool) -> None:
    """Make a successor of KEY (its text or id); the old one works for another 24 hours."""
    with open_session(writes=True) as session:
        made, text = sites.rotate_key(session, sites.find_key(session, key_or_id), actor=ACTOR)
        owner = session.get_one(Site, made.site_id)
        session.commit()
        _show(owner, made, text, as_json=as_json)


@key.command()
@click.argument("key_or_id", metavar="KEY")
def revoke(key_or_id: str) -> None:
    """End KEY (its text or id); when this command ends, no process takes it any more."""
    with open_session(writes=True) as session:
        found = sites.find_key(session, key_or_id)
        sites.revoke_key(session, found, actor=ACTOR)
        session.commit()
        # Then what this command says holds in every process.
        time.sleep(known_keys.SECONDS)
        click.echo(f"The key …{found.last4} is revoked.")


def _show(owner: Site, made: ApiKey, text: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(sites.describe_key(owner, made, text)))
        return
    click.echo(text)
    click.echo(f"The key of {owner.name} ({', '.join(made.scopes)}), shown this once.", err=True)
