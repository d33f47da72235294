"""At which revision the database is, asked without Alembic, which a start does not pay for."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from flask import Flask

from moderation.db import db, mark_reading
from moderation.errors import NotReady


def revision(app: Flask) -> str | None:
    """The database's revision, None where it is empty; raise ``NotReady`` where it cannot be read."""
    with usable_database(app), db.engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return found


@contextmanager
def usable_database(app: Flask) -> Iterator[None]:
    """An application context in which the database's complaints become one sentence (``NotReady``)."""
    mark_reading(False)
    with app.app_context():
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise NotReady(_sentence(error)) from None
        finally:
            db.session.remove()
            # Nothing of these connections may be carried into processes that are started next.
            db.engine.dispose()


def _sentence(error: sa.exc.DBAPIError) -> str:
    words = str(error.orig).strip().splitlines()[0].rstrip(".")
    place = db.engine.url.render_as_string(hide_password=True)
    advice = ""
    if "not a database" in words or "malformed" in words:
        advice = " It is damaged: put a backup in its place with: replydesk restore FILE --force"
    elif "readonly" in words or "unable to open" in words:
        advice = " Make its folder and files writable for this user, or set REPLYDESK_DATA to another folder."
    return f"The database {place} cannot be used: {words}.{advice}"
