"""What a newcomer finds: the site “demo” with its paper, a key for it and a first moderator, made once."""

import secrets
from pathlib import Path

import click
from flask import Flask
from sqlalchemy.orm import Session

from moderation import passwords
from moderation.auth import SCOPES
from moderation.cli.database import ACTOR
from moderation.cli.thresholds import model_thresholds
from moderation.db import db, mark_reading
from moderation.errors import NotFound
from moderation.models import Site
from moderation.services import moderators, sites
from moderation.views.demo import seed
from moderation.views.demo.client import KEY_FILE

SITE = "demo"
EMAIL = "editor@example.org"


def make_demo(app: Flask) -> None:
    """Make what is missing and print what is shown only once."""
    mark_reading(False)
    with app.app_context():
        session = db.session()
        site = _site(session)
        key = _key(session, site, Path(app.config["DATA"]) / KEY_FILE)
        password = _moderator(session, site)
        session.commit()
        db.session.remove()
    seed.sow(app)
    with app.app_context():
        # Nothing of this connection may be carried into the workers that are forked next.
        db.engine.dispose()
    if password:
        click.echo("Made for you; the password is shown this once:")
        click.echo(f"  Moderator  {EMAIL}")
        click.echo(f"  Password   {password}")
    if key:
        click.echo(f"  Site key   {key}  (kept in {Path(app.config['DATA']) / KEY_FILE})")


def _site(session: Session) -> Site:
    try:
        return sites.by_name(session, SITE)
    except NotFound:
        return sites.create(session, name=SITE, thresholds=model_thresholds(), actor=ACTOR)


def _key(session: Session, site: Site, path: Path) -> str | None:
    """A key that works lies in ``path`` afterwards; returned where it is new."""
    if path.exists():
        try:
            if sites.find_key(session, path.read_text().strip()).revoked_at is None:
                return None
        except NotFound:
            pass  # the database was made anew beside an old file
    _, text = sites.create_key(session, site, scopes=SCOPES, actor=ACTOR)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{text}\n")
    return text


def _moderator(session: Session, site: Site) -> str | None:
    try:
        moderators.by_email(session, EMAIL)
    except NotFound:
        password = secrets.token_urlsafe(12)
        moderators.create(
            session, site, email=EMAIL, name="Editor", role="admin",
            password_hash=passwords.hash_of(password), actor=ACTOR,
        )  # fmt: skip
        return password
    return None
