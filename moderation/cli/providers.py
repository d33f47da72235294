"""``replydesk provider``: the account at a payment provider, what its prices open, and what was not understood."""

import json
import sys

import click

from moderation.cli import Sentence
from moderation.cli.database import ACTOR, open_session, the_site
from moderation.services import provider_events, providers

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def provider() -> None:
    """Payment providers: set, price, show, quarantine."""


@provider.command("set")
@click.argument("name", metavar="PROVIDER", type=click.Choice([providers.STRIPE]))
@_site
@click.option("--secret-stdin", is_flag=True, required=True, help="Read the signing secret from standard input.")
@click.option("--add", is_flag=True, help="Keep believing the secrets before it, while Stripe rolls them over.")
@click.option("--live/--test", "livemode", default=None, help="Whose events count; live at first, then as it was.")
def set_(name: str, site_name: str | None, secret_stdin: bool, add: bool, livemode: bool | None) -> None:  # noqa: ARG001 -- the one provider; the secret has no other way in
    """Believe the events of PROVIDER that are signed with a secret; it is stored as it is and never shown."""
    secret = sys.stdin.readline().strip()
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        account = providers.set_secret(session, site, secret, add=add, livemode=livemode, actor=ACTOR)
        session.commit()
        click.echo(f"{site.name}: {_sentence(account.secrets, account.livemode)}")
        click.echo(f"Stripe sends to: /v1/providers/stripe/{site.name}/events")


@provider.command()
@click.argument("price", metavar="PRICE")
@_site
@click.option("--plan", help="The plan that a subscription at this price opens.")
@click.option("--unlocks", type=click.IntRange(1, providers.MOST_UNLOCKS), help="What a payment of it gives.")
@click.option("--remove", is_flag=True, help="Let it open nothing any more.")
def price(price: str, site_name: str | None, plan: str | None, unlocks: int | None, remove: bool) -> None:
    """Say what PRICE (the id of a price or a product) opens."""
    if sum([plan is not None, unlocks is not None, remove]) != 1:
        raise click.UsageError("Say one of --plan NAME, --unlocks NUMBER and --remove.")
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        providers.set_price(session, site, price, plan=plan, unlocks=unlocks, actor=ACTOR)
        session.commit()
        held = sum(row.reason == "unlisted_price" for row in provider_events.in_quarantine(session, site.id))
    click.echo(f"{price}: {'nothing' if remove else plan or f'{unlocks} unlocks'}.")
    if held and not remove:
        click.echo(f"{held} events wait for prices: replydesk provider quarantine apply --all", err=True)


@provider.command()
@_site
@_json
def show(site_name: str | None, as_json: bool) -> None:
    """Tell how the provider is set up, without its secrets, and what became of its events."""
    with open_session() as session:
        site = the_site(session, site_name)
        account, counts = providers.of_site(session, site, hold=False), providers.counts(session, site.id)
        found = {
            "site": site.name, "provider": account.name, "secrets": len(account.secrets),
            "mode": "live" if account.livemode else "test", "prices": account.prices, "events": counts,
        }  # fmt: skip
        sentence, prices = _sentence(account.secrets, account.livemode), sorted(account.prices.items())
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{found['site']}: {sentence}")
    for name, opens in prices:
        click.echo(f"  {name}: {opens.get('plan') or str(opens.get('unlocks')) + ' unlocks'}")
    click.echo("Events: " + (", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"))


@provider.group()
def quarantine() -> None:
    """Events that were not applied: list, apply, dismiss."""


@quarantine.command("list")
@_site
@_json
def list_(site_name: str | None, as_json: bool) -> None:
    """List what waits, oldest first, with the reason; exit code 0 also where something waits."""
    with open_session() as session:
        found = provider_events.in_quarantine(session, the_site(session, site_name).id)
        told = [provider_events.describe(row) for row in found]
    if as_json:
        click.echo(json.dumps({"items": told}))
        return
    for row in told:
        whom = row["reader_id"] or row["customer"] or "-"
        click.echo(f"{row['told_at']}  {row['event_id']}  {row['type']}  {whom}  {row['reason']}: {row['detail']}")
    if not told:
        click.echo("Nothing waits.")


@quarantine.command()
@click.argument("event", metavar="[EVENT]", required=False)
@_site
@click.option("--all", "every", is_flag=True, help="Every one that waits.")
def apply(event: str | None, site_name: str | None, every: bool) -> None:
    """Try EVENT again, after the price, the reader or the mode was set right; exit code 1 where one still waits."""
    if (event is None) is not every:
        raise click.UsageError("Name one event, or say --all.")
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        if event is None:
            held = list(provider_events.in_quarantine(session, site.id))
        else:
            held = [provider_events.held_event(session, site.id, event)]
        for row in held:
            # One may have gone along with another that was tried before it.
            if row.state == provider_events.QUARANTINED:
                provider_events.retry(session, site, row, actor=ACTOR)
        waiting = [f"{row.event_id}: {row.detail}" for row in held if row.state == provider_events.QUARANTINED]
        session.commit()
    click.echo(f"{len(held) - len(waiting)} applied, {len(waiting)} still wait.")
    if waiting:
        raise Sentence("\n".join(waiting))


@quarantine.command()
@click.argument("event", metavar="EVENT")
@_site
def dismiss(event: str, site_name: str | None) -> None:
    """Take EVENT out without doing anything; it stays stored, so it cannot come again."""
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        provider_events.dismiss(session, site, provider_events.held_event(session, site.id, event), actor=ACTOR)
        session.commit()
    click.echo(f"{event} is dismissed.")


def _sentence(secrets: list[str], livemode: bool) -> str:
    count = "one secret" if len(secrets) == 1 else f"{len(secrets)} secrets"
    return f"Stripe, {'live' if livemode else 'test'} mode, {count}."
