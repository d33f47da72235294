"""A whole installation on disk: database file, running application, the bundled model and the commands."""

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient

from moderation.app import create_app
from moderation.cli import replydesk
from moderation.cli.model_files import bundled_or, manifest_of
from moderation.db import db
from moderation.models import Base
from moderation.services import sites
from tests.factories import comment

SCOPES = ["comments", "score", "readers", "review", "admin"]


@dataclass
class Installation:
    """``client`` talks to the running application; ``run`` calls a command as a shell would."""

    data: Path
    app: Flask
    client: FlaskClient

    @classmethod
    def make(cls, data: Path) -> "Installation":
        """Set it up in ``data``; the caller has put ``environment(data)`` in place."""
        app = create_app()
        app.testing = False  # errors must become answers, as in production
        with app.app_context():
            Base.metadata.create_all(db.engine)
            db.session.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
            head = {"head": app.extensions["schema_head"]}
            db.session.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), head)
            db.session.commit()
        made = cls(data, app, app.test_client())
        made.add_site("demo")
        return made

    @staticmethod
    def environment(data: Path) -> dict[str, str]:
        return {"REPLYDESK_DATA": str(data), "REPLYDESK_SECRET_KEY": "test"}

    def add_site(self, name: str, client: FlaskClient | None = None) -> None:
        """Make a site and let ``client``, or this installation's own, speak for it."""
        thresholds = manifest_of(bundled_or(None))["thresholds"]
        with self.app.app_context():
            site = sites.create(db.session(), name=name, thresholds=thresholds, actor="test")
            key = sites.create_key(db.session(), site, scopes=SCOPES, actor="test")[1]
            db.session.commit()
        (client or self.client).environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"

    def run(self, *words: str | os.PathLike[str], input: str | bytes | None = None) -> Result:
        return CliRunner().invoke(replydesk, [str(word) for word in words], input=input, prog_name="replydesk")

    def submit(self, text: str, **changes):
        response = self.client.post("/v1/comments", json=comment(text, **changes))
        assert response.status_code == 201, response.json
        return response.json

    def decide(self, id: str, status: str, reason: str | None = None):
        """Decide as a moderator's tool does: on the version that it sees."""
        url = f"/v1/comments/{id}"
        seen = {"If-Match": self.client.get(url).headers["ETag"]}
        response = self.client.post(f"{url}/decisions", json={"status": status, "reason": reason}, headers=seen)
        assert response.status_code == 201, response.json
        return response.json

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
