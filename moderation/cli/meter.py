"""``replydesk meter``: how many free posts a site gives to readers without a plan."""

import json
from collections.abc import Sequence
from typing import Any

import click
from marshmallow import ValidationError

from moderation.cli.database import ACTOR, open_session, the_site
from moderation.errors import Invalid
from moderation.http_errors import flatten
from moderation.schemas.metering import MeterIn
from moderation.services import meter_rules

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")


@click.group()
def meter() -> None:
    """The meter of free posts: set, show, remove."""


@meter.command("set")
@_site
@click.option("--window", required=True, help="month, or a number of days.")
@click.option("--posts", type=int, help="How many posts a window gives, for sections without a number of their own.")
@click.option("--section", "sections", multiple=True, metavar="NAME=POSTS", help="A number of its own; repeatable.")
def set_(site_name: str | None, window: str, posts: int | None, sections: Sequence[str]) -> None:
    """Give free posts a window, by these rules from now on."""
    data = _checked(window, posts, dict(map(_section, sections)))
    with open_session(writes=True) as session:
        saved, _ = meter_rules.save(session, the_site(session, site_name), data, actor=ACTOR)
        session.commit()
    click.echo(json.dumps(saved._asdict(), ensure_ascii=False))


@meter.command()
@_site
def show(site_name: str | None) -> None:
    """Print the meter as JSON; null without one."""
    with open_session() as session:
        found = meter_rules.of_site(the_site(session, site_name))
    click.echo(json.dumps(found and found._asdict(), ensure_ascii=False))


@meter.command()
@_site
def remove(site_name: str | None) -> None:
    """Give no free posts any more."""
    with open_session(writes=True) as session:
        found = the_site(session, site_name)
        meter_rules.remove(session, found, actor=ACTOR)
        session.commit()
        click.echo(f"{found.name} has no meter any more.")


def _section(text: str) -> tuple[str, int]:
    name, _, number = text.rpartition("=")
    if not name or not number.isdecimal():
        raise click.UsageError(f"“{text}” is no NAME=POSTS, as in --section sport=2.")
    return name, int(number)


def _checked(window: str, posts: int | None, sections: dict[str, int]) -> dict[str, Any]:
    raw = {"window": int(window) if window.isdecimal() else window, "posts": posts, "sections": sections}
    try:
        data: dict[str, Any] = MeterIn().load(raw)
    except ValidationError as error:
        raise Invalid(flatten(error.messages)) from None
    return data
