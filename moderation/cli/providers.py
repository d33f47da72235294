"""``replydesk provider``: the account at a payment provider, what its prices open, and what was not understood."""

import json
import sys
from collections.abc import Collection

import click

from moderation import stripe_api
from moderation.cli import Sentence
from moderation.cli.database import ACTOR, open_session, the_site
from moderation.models import Provider, utc_now
from moderation.services import provider_events, provider_fetches, providers

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def provider() -> None:
    """Payment providers: set, price, show, quarantine."""


@provider.command("set")
@click.argument("name", metavar="PROVIDER", type=click.Choice(providers.NAMES))
@_site
@click.option("--secret-stdin", is_flag=True, help="Read the signing secret from standard input.")
@click.option("--api-key-stdin", is_flag=True, help="Stripe: read a restricted key, to fetch lines of checkouts.")
@click.option("--no-api-key", is_flag=True, help="Stripe: forget that key, and fetch nothing.")
@click.option("--add", is_flag=True, help="Keep believing the secrets before it, while they are rolled over.")
@click.option("--live/--test", "livemode", default=None, help="Whose events count; live at first, then as it was.")
def set_(
    name: str, site_name: str | None, secret_stdin: bool, api_key_stdin: bool, no_api_key: bool, add: bool,
    livemode: bool | None,
) -> None:  # fmt: skip
    """Believe the events of PROVIDER that are signed with a secret; it is stored as it is and never shown.

    PROVIDER is stripe, or generic for any other one.
    """
    if sum([secret_stdin, api_key_stdin, no_api_key]) != 1:
        raise click.UsageError("Say one of --secret-stdin, --api-key-stdin and --no-api-key.")
    if name != providers.STRIPE and not (secret_stdin and livemode is None):
        raise click.UsageError("Modes and API keys are Stripe's.")
    given = "" if no_api_key else sys.stdin.readline().strip()
    with open_session(writes=True) as session:
        site = the_site(session, site_name)
        if secret_stdin:
            account = providers.set_secret(session, site, given, add=add, livemode=livemode, actor=ACTOR, name=name)
        else:
            account = providers.set_api_key(session, site, None if no_api_key else given, actor=ACTOR)
        session.commit()
        click.echo(f"{site.name}: {_sentence(account)}")
        click.echo(f"{_TITLES[name]} sends to: /v1/providers/{name}/{site.name}/events")


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
@click.argument("name", metavar="[PROVIDER]", type=click.Choice(providers.NAMES), default=providers.STRIPE)
@_site
@_json
def show(name: str, site_name: str | None, as_json: bool) -> None:
    """Tell how PROVIDER (stripe by default) is set up, without its secrets, and what became of its events."""
    with open_session() as session:
        site = the_site(session, site_name)
        account, counts = providers.of_site(session, site, name, hold=False), providers.counts(session, site.id, name)
        found = {
            "site": site.name, "provider": account.name, "secrets": len(account.secrets),
            "mode": "live" if account.livemode else "test", "fetches": account.api_key is not None,
            "prices": account.prices, "events": counts,
        }  # fmt: skip
        sentence, prices = _sentence(account), sorted(account.prices.items())
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{found['site']}: {sentence}")
    for price, opens in prices:
        click.echo(f"  {price}: {opens.get('plan') or str(opens.get('unlocks')) + ' unlocks'}")
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
        session.commit()
        names = {row.event_id for row in held}
    _fetch(site_name, names)
    with open_session() as session:
        rows = provider_events.in_quarantine(session, the_site(session, site_name).id)
        waiting = [f"{row.event_id}: {row.detail}" for row in rows if row.event_id in names]
    click.echo(f"{len(names) - len(waiting)} applied, {len(waiting)} still wait.")
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


def _fetch(site_name: str | None, names: Collection[str]) -> None:
    """Fetch at once what these events wait for, with no transaction open."""
    with open_session() as session:
        wanted = provider_fetches.of_events(session, the_site(session, site_name).id, names)
    answers = [(one, stripe_api.lines(one)) for one in wanted]
    if answers:
        with open_session(writes=True) as session:
            for one, answer in answers:
                provider_fetches.record(session, one, answer, now=utc_now())
            session.commit()


_TITLES = {providers.STRIPE: "Stripe", providers.GENERIC: "The provider"}


def _sentence(account: Provider) -> str:
    count = "one secret" if len(account.secrets) == 1 else f"{len(account.secrets)} secrets"
    if account.name != providers.STRIPE:
        return f"another provider, {count}."
    fetches = ", fetches lines of checkouts" if account.api_key else ""
    return f"Stripe, {'live' if account.livemode else 'test'} mode, {count}{fetches}."
