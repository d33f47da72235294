"""``replydesk alerts``: who is told in a chat when something needs a person, and by mail how the day was."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click
from flask import current_app

from moderation import courier
from moderation.cli import Sentence
from moderation.cli.database import ACTOR, open_session, the_site
from moderation.models import Site, utc_now
from moderation.services import alerts as service
from moderation.services import digests, notices
from moderation.services.alerts import DEFAULTS, DIGEST_HOUR, QUEUE_MINUTES
from moderation.services.notices import MAIL, MAIL_TO, SLACK, SLACK_URL, Errand
from moderation.worker import mailbox_of

_site = click.option("--site", "site_name", help="Name of the site; not needed while there is one only.")


@click.group()
def alerts() -> None:
    """Alerts to a chat and the daily digest: set, show, test, digest."""


@alerts.command("set")
@_site
@click.option("--slack-url-stdin", is_flag=True, help="Read the address of the incoming webhook from standard input.")
@click.option("--no-slack", is_flag=True, help="Send no more alerts.")
@click.option("--queue-minutes", type=click.IntRange(1, 10_080), help="How long a reply may wait; 30 at first.")
@click.option("--digest-to", multiple=True, help="Address that gets the daily digest; repeatable, replaces the others.")
@click.option("--digest-hour", type=click.IntRange(0, 23), help="From which hour of the site's day on; 7 at first.")
@click.option("--no-digest", is_flag=True, help="Send no more digests.")
def set_(
    site_name: str | None,
    slack_url_stdin: bool,
    no_slack: bool,
    queue_minutes: int | None,
    digest_to: Sequence[str],
    digest_hour: int | None,
    no_digest: bool,
) -> None:
    """Change who is told what; what is not named stays."""
    if (slack_url_stdin and no_slack) or (digest_to and no_digest):
        raise click.UsageError("Say either where to, or that nothing is sent.")
    url = sys.stdin.readline().strip() if slack_url_stdin else None
    if url == "":
        raise Sentence("There was no address on standard input; nothing changed.")
    with open_session(writes=True) as session:
        site, config = the_site(session, site_name), current_app.config
        service.configure(
            session, site, slack_url="" if no_slack else url, mail_to=[] if no_digest else (digest_to or None),
            figures={QUEUE_MINUTES: queue_minutes, DIGEST_HOUR: digest_hour}, actor=ACTOR,
            private=config["WEBHOOK_ALLOW_PRIVATE"], plain=config["ENV"] == "development",
        )  # fmt: skip
        session.commit()
        _say(site)
        if site.settings.get(MAIL_TO) and not config["SMTP_HOST"]:
            click.echo("No mail server is set, so no digest is sent: set REPLYDESK_SMTP_HOST.", err=True)


@alerts.command()
@_site
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(site_name: str | None, as_json: bool) -> None:
    """Tell who is told, which alerts stand, and how telling them went; the chat's address is not shown."""
    with open_session() as session:
        site = the_site(session, site_name)
        names = ("channel", "topic", "title", "state", "attempts", "last_error")
        found = [{name: getattr(row, name) for name in names} for row in notices.of_site(session, site.id)]
        if as_json:
            click.echo(json.dumps({"site": site.name, **_settings(site), "notices": found}))
            return
        _say(site)
    for row in found:
        click.echo(f"{row['topic']}  {row['state']}  {row['title']}  {row['last_error']}".rstrip())


@alerts.command()
@_site
def test(site_name: str | None) -> None:
    """Send a message and a mail now, and say what was answered; exit code 1 where one was not taken."""
    with open_session() as session:
        site, config = the_site(session, site_name), current_app.config
        failed, text = False, f"{site.name}: this is a test of Replydesk's alerts."
        url, to = site.settings.get(SLACK_URL, ""), site.settings.get(MAIL_TO, [])
        for channel, where in ((SLACK, url), (MAIL, to)):
            if not where or (channel == MAIL and not config["SMTP_HOST"]):
                click.echo(f"{channel}: not set")
                continue
            outcome = courier.carry(
                Errand(f"test-{utc_now():%Y%m%d%H%M%S}", "", 1, channel, text, "", url, to), mailbox_of(config),
                allow_private=config["WEBHOOK_ALLOW_PRIVATE"], deadline_seconds=config["WEBHOOK_TIMEOUT_SECONDS"],
            )  # fmt: skip
            failed = failed or not outcome.delivered
            click.echo(f"{channel}: {'taken' if outcome.delivered else outcome.sentence}")
    if failed:
        raise Sentence("Not everything was taken.")


@alerts.command()
@_site
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="A day of the site's time zone; yesterday by default.")
def digest(site_name: str | None, day: datetime | None) -> None:
    """Print a day's digest; nothing is sent."""
    with open_session() as session:
        site = the_site(session, site_name)
        of = day.date() if day else utc_now().astimezone(ZoneInfo(site.time_zone)).date() - timedelta(days=1)
        subject, text = digests.compose(session, site, of)
    click.echo(f"Subject: {subject}\n\n{text}", nl=False)


def _settings(site: Site) -> dict[str, object]:
    figures = {name: site.settings.get(name, default) for name, default in DEFAULTS.items()}
    return {"slack": bool(site.settings.get(SLACK_URL)), "digest_to": site.settings.get(MAIL_TO, []),
            "queue_minutes": figures[QUEUE_MINUTES], "digest_hour": figures[DIGEST_HOUR]}  # fmt: skip


def _say(site: Site) -> None:
    found = _settings(site)
    chat = f"a chat, when a reply waits for {found['queue_minutes']} minutes" if found["slack"] else "nobody"
    to = site.settings.get(MAIL_TO, [])
    click.echo(f"{site.name}: alerts to {chat}.")
    mail = f"to {', '.join(to)} from {found['digest_hour']}:00 on ({site.time_zone})" if to else "to nobody"
    click.echo(f"{site.name}: digest {mail}.")
