"""The commands of people and CI: ``replydesk ...``.

Each command stands in its own module, imported only when it is asked for: training needs scikit-learn and
serving must not pay for it, and ``replydesk --help`` answers at once.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from moderation.errors import ReplydeskError

# name -> (module of this package, its attribute, one line for the overview)
COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "run": ("run", "run", "Migrate, then serve with gunicorn and the worker (the main job)."),
    "serve": ("run", "serve", "Serve with gunicorn alone."),
    "worker": ("run", "worker", "Deliver events and do timed work."),
    "migrate": ("migration", "migrate", "Bring the database to this version's schema."),
    "site": ("sites", "site", "Sites: create, set."),
    "key": ("sites", "key", "Site keys: create, rotate, revoke."),
    "moderator": ("moderators", "moderator", "People who review: add, role, password."),
    "score": ("score", "score", "Score texts from a file or standard input."),
    "train": ("train", "train", "Train a model from labelled files and from decisions."),
    "evaluate": ("train", "evaluate", "Measure a model on labelled rows, beside another one."),
    "models": ("models", "models", "Model versions: list, show, promote, roll back."),
    "labels": ("labels", "labels", "People's decisions as training rows."),
    "policy": ("policy", "policy", "Thresholds and rules: show, set, simulate."),
    "hook": ("hook", "hook", "The site's own rule: set, rotate, show, test, remove."),
    "meter": ("meter", "meter", "Free posts for readers without a plan: set, show, remove."),
    "commenting": ("commenting", "commenting", "Who may comment: set, show."),
    "alerts": ("alerts", "alerts", "Alerts to a chat and the daily digest: set, show, test, digest."),
    "backup": ("care", "backup", "Copy the database while the service runs."),
    "restore": ("care", "restore", "Put a backup in the database's place."),
    "doctor": ("care", "doctor", "Look for what is broken, in plain findings."),
    "ledger": ("ledger", "ledger", "The ledger of unlocks: verify."),
    "reader": ("readers", "reader", "One reader: export, erase."),
    "import": ("moving", "bring", "Move in: comments of Disqus, WordPress, Coral and others."),
    "export": ("moving", "export", "Move out: a site's comments as JSON Lines or CSV."),
    "provider": ("providers", "provider", "Payment providers: set, price, show, quarantine."),
    "token-key": ("token_keys", "token_key", "Keys of entitlement tokens: show, rotate, retire."),
    "integration": ("integrations", "integration", "Other services that this one works with: set, show, retry."),
    "rescore": ("rescore", "rescore", "Score stored comments again under the active model."),
}


class Sentence(click.ClickException):
    """One of our own errors, as one sentence on standard error and exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"replydesk: {self.message}", err=True, file=file)


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"moderation.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ReplydeskError as error:
            fields = [item["detail"] for item in error.extra.get("errors", ())]
            raise Sentence(" ".join(fields) or error.detail) from None


@click.group(cls=LazyGroup)
@click.version_option(package_name="replydesk")
def replydesk() -> None:
    """Replydesk: comment moderation and reader engagement."""


def main() -> None:
    """Run the command line."""
    replydesk(prog_name="replydesk")
