"""The commands of people and CI: ``replydesk ...``."""

import sys

import click

from moderation.errors import ReplydeskError


@click.group()
@click.version_option(package_name="replydesk")
def replydesk() -> None:
    """Replydesk: comment moderation and reader engagement."""


def main() -> None:
    """Run the command line; our own errors become one sentence and exit code 1."""
    try:
        replydesk(prog_name="replydesk")
    except ReplydeskError as error:
        click.echo(f"replydesk: {error.detail}", err=True)
        sys.exit(1)
