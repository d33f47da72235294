"""``replydesk hook``: where a site's own rule is asked, and whether it answers."""

import json
from collections.abc import Sequence

import click
from flask import current_app

from moderation import hook_calls
from moderation.cli import Sentence
from moderation.cli.database import ACTOR, open_session, the_site
from moderation.models import SiteHook, utc_now
from moderation.services import site_hooks

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_TEST_SECONDS = 1.0


@click.group()
def hook() -> None:
    """The site's own rule: set, rotate, show, test, remove."""


@hook.command("set")
@_site
@click.option("--url", required=True, help="Where comments are asked about.")
@click.option("--send", multiple=True, type=click.Choice(site_hooks.SENDABLE),
              help="What of a reader is sent beside id, name, url and roles; repeatable.")  # fmt: skip
def set_(site_name: str | None, url: str, send: Sequence[str]) -> None:
    """Set the address; a new hook's secret is printed, this once. Another address keeps the secret."""
    with open_session(writes=True) as session:
        config = current_app.config
        private, plain = config["WEBHOOK_ALLOW_PRIVATE"], config["ENV"] == "development"
        site = the_site(session, site_name)
        row, new = site_hooks.put(session, site.id, url=url, send=send, private=private, plain=plain, actor=ACTOR)
        session.commit()
        click.echo(row.secret if new else f"{site.name}: {row.url}")
        if new:
            click.echo("The secret, shown this once. Next: enable the rule site_hook in the policy.", err=True)


@hook.command()
@_site
def rotate(site_name: str | None) -> None:
    """Make a new secret and print it, this once; for another 24 hours the one before it signs too."""
    with open_session(writes=True) as session:
        row = site_hooks.rotate(session, the_site(session, site_name).id, actor=ACTOR)
        session.commit()
        click.echo(row.secret)


@hook.command()
@_site
@_json
def show(site_name: str | None, as_json: bool) -> None:
    """Tell where the hook is and how it goes, without its secret."""
    with open_session() as session:
        row = site_hooks.find(session, the_site(session, site_name).id)
        hook = site_hooks.as_hook(row)
        state = f"gives no answers: {row.last_error}" if hook.is_failing else "no failure is known"
        found = {"url": row.url, "send": row.send, "failing": hook.is_failing, "last_error": row.last_error}
    click.echo(json.dumps(found) if as_json else f"{row.url}: {state}")


@hook.command()
@_site
def test(site_name: str | None) -> None:
    """Ask the hook about a made-up comment; exit code 1 where no valid answer comes within a second."""
    with open_session() as session:
        row: SiteHook = site_hooks.find(session, the_site(session, site_name).id)
        question = site_hooks.Question(site_hooks.as_hook(row), _SAMPLE | {"timestamp": utc_now()}, _TEST_SECONDS, True)
        private = current_app.config["WEBHOOK_ALLOW_PRIVATE"]
    asked = hook_calls.ask(question, allow_private=private)
    if asked is None or asked.answer.error:
        raise Sentence(asked.answer.error if asked else "It was not asked.")
    click.echo(json.dumps(asked.as_dict()))


@hook.command()
@_site
def remove(site_name: str | None) -> None:
    """Forget the hook; while the rule is enabled, what it would see waits for people."""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        site_hooks.remove(session, site.id, actor=ACTOR)
        session.commit()
        click.echo(f"{site.name} has no hook any more.")


_SAMPLE = {
    "type": "comment.check",
    "data": {
        "comment": {
            "external_id": None, "post": {"id": "test"}, "parent_id": None, "created_at": None, "signals": {},
            "reader": {"id": "test", "name": "Test", "url": None, "roles": None},
            "text": "Good news for everyone who commutes.",
        },
        "scores": {}, "model_version": "",
        "policy": {"version": 0, "status": "published", "reasons": []},
        "dry_run": True,
    },
}  # fmt: skip
