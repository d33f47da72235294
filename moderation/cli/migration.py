"""``replydesk migrate``: bring the database to the schema of this code; two at once wait for each other."""

import logging

import click
from alembic import command
from alembic.util.exc import CommandError
from flask import Flask
from flask_migrate import Migrate

from moderation.app import MIGRATIONS, create_app
from moderation.cli.schema import revision, usable_database
from moderation.db import db
from moderation.errors import NotReady


def app_with_migrations() -> Flask:
    """The application with Flask-Migrate's ``flask db`` commands: those are for developers."""
    app = create_app()
    Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=True)
    return app


@click.command()
def migrate() -> None:
    """Bring the database to this version's schema; does nothing where it is there already."""
    # Alembic tells each step at INFO; a start is not the place.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = app_with_migrations()
    head = app.extensions["schema_head"]
    found = revision(app)
    if found == head:
        click.echo(f"The database is at {head} already.")
        return
    with usable_database(app):
        try:
            command.upgrade(app.extensions["migrate"].migrate.get_config(), "head")
        except CommandError:
            raise NotReady(
                f"The database is at {found}, which this version of Replydesk does not know;"
                " install the version that made it, or restore a backup."
            ) from None
    click.echo(f"The database is now at {head}.")
