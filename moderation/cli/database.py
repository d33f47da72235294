"""The database as commands use it: an application, a session, a site by name."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.app import create_app
from moderation.db import db, mark_reading, reading
from moderation.errors import NotReady
from moderation.models import Site
from moderation.services import sites

ACTOR = "cli"


@contextmanager
def open_session(*, writes: bool = False) -> Iterator[Session]:
    """Give a session inside an application context; the command commits, or nothing is kept."""
    app = create_app()
    with app.app_context():
        if not writes:
            with reading():
                yield from _session()
            return
        mark_reading(False)
        yield from _session()


def _session() -> Iterator[Session]:
    session = db.session()
    try:
        if not sa.inspect(db.engine).has_table("site"):
            raise NotReady("The database is not migrated; run: replydesk migrate")
        yield session
    except sa.exc.OperationalError as error:
        raise NotReady(f"The database cannot do this now: {error.orig}") from None
    finally:
        session.rollback()
        db.session.remove()
        db.engine.dispose()


def the_site(session: Session, name: str | None) -> Site:
    """The named site, or the only one; with several and no name the command is used wrongly."""
    if name is not None:
        return sites.by_name(session, name)
    found = session.scalars(sa.select(Site).order_by(Site.name)).all()
    if not found:
        raise NotReady("There is no site yet; make one with: replydesk site create NAME")
    if len(found) > 1:
        names = ", ".join(site.name for site in found)
        raise click.UsageError(f"Say which site, with --site NAME; there are: {names}.")
    return found[0]


def on_terminal() -> bool:
    """Whether a person watches standard error: then progress is drawn, else written in plain lines."""
    return sys.stderr.isatty()
