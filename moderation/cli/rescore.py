"""``replydesk rescore``: stored comments get the scores of the model that decides now."""

from pathlib import Path

import click
import sqlalchemy as sa

from classifiers.artifact import load
from moderation.cli.database import ACTOR, on_terminal, open_session, the_site
from moderation.models import Comment
from moderation.scoring import current
from moderation.services import audit, policies
from moderation.services.comments import Scored, expected_harm

BATCH = 500


@click.command()
@click.option("--site", "name", help="The site; the only one by default.")
@click.option(
    "--model",
    "path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model directory instead of the active one.",
)
def rescore(name: str | None, path: Path | None) -> None:
    """Score stored comments again; statuses and decisions stay as they are.

    A batch is one transaction, and a comment that has this version's scores is passed over: after a
    kill the next run goes on where it stopped, and nothing is scored twice.
    """
    with open_session(writes=True) as session:
        site = the_site(session, name)
        policy = policies.in_force(session, site)
        classifier = load(path) if path else current().classifier()
        if classifier is None:
            raise click.ClickException(f"No model is loaded: {current().fault}")
        todo = sa.and_(
            Comment.site_id == site.id,
            Comment.deleted_at.is_(None),
            Comment.model_version != classifier.version,
        )
        total = session.scalar(sa.select(sa.func.count()).where(todo)) or 0
        done, last = 0, ""
        while True:
            rows = session.scalars(
                sa.select(Comment).where(todo, Comment.id > last).order_by(Comment.id).limit(BATCH)
            ).all()
            if not rows:
                break
            table = classifier.predict_proba([row.text for row in rows])
            for row, values in zip(rows, table, strict=True):
                scored = Scored(dict(zip(classifier.labels, map(float, values), strict=True)), classifier.version)
                row.scores = {label: round(value, 4) for label, value in (scored.scores or {}).items()}
                row.harm = expected_harm(row.scores, policy.thresholds)
                row.model_version = scored.model_version
            audit.record(session, site_id=site.id, actor=ACTOR, action="comments.rescored", subject=site.id,
                         version=classifier.version, count=len(rows))  # fmt: skip
            session.commit()
            session.expunge_all()
            done, last = done + len(rows), rows[-1].id
            end = "\r" if on_terminal() else "\n"
            click.echo(f"{done} of {total} scored{end}", nl=False, err=True)
        click.echo(f"{done} comments have the scores of {classifier.version}.")
