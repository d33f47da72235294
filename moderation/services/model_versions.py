"""Which model versions there are and which one decides. The files themselves are not this floor's matter."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict, NotFound, StateForbids
from moderation.models import ModelVersion, Site, insert_missing, utc_now
from moderation.services import audit, outbox


def everything(session: Session) -> Sequence[ModelVersion]:
    """Every version that was ever registered here, oldest first."""
    return session.scalars(sa.select(ModelVersion).order_by(ModelVersion.created_at)).all()


def active(session: Session) -> ModelVersion | None:
    """The version that decides; None: the bundled model does."""
    return session.scalar(sa.select(ModelVersion).where(ModelVersion.state == "active"))


def get(session: Session, version: str) -> ModelVersion:
    found = session.get(ModelVersion, version)
    if found is None:
        raise NotFound(f"There is no model version “{version}” here; see: replydesk models list")
    return found


def register(session: Session, *, version: str, path: str, metrics: Mapping[str, Any]) -> ModelVersion:
    """Make a version known, as a candidate; one that is known already stays as it is.

    ``path`` is the model directory, relative to the data folder.
    """
    values = {"version": version, "path": path, "metrics": dict(metrics), "state": "candidate"}
    insert_missing(session, ModelVersion, values | {"created_at": utc_now()})
    return session.get_one(ModelVersion, version)


def promote(session: Session, version: str | None, *, bundled: str, actor: str) -> str:
    """Let a version decide from now on, None: the bundled one, named ``bundled``; return what it replaces."""
    before = _locked(session)
    if version == (before.version if before else None):
        raise StateForbids(f"The model {version or bundled} decides already.", state="active")
    target = None if version is None else get(session, version)
    if target is not None:
        target.replaced = before.version if before else None
    return _switch(session, before, target, "model.promoted", bundled=bundled, actor=actor)


def rollback(session: Session, *, bundled: str, actor: str) -> str:
    """Return to what decided before the active version was promoted; return that version."""
    before = _locked(session)
    if before is None:
        detail = f"The bundled model {bundled} decides; there is nothing to go back to."
        raise StateForbids(detail, state="bundled")
    target = None if before.replaced is None else get(session, before.replaced)
    _switch(session, before, target, "model.rolled_back", bundled=bundled, actor=actor)
    return target.version if target else bundled


def _locked(session: Session) -> ModelVersion | None:
    query = sa.select(ModelVersion).where(ModelVersion.state == "active")
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def _switch(
    session: Session, before: ModelVersion | None, target: ModelVersion | None, type: str, *,
    bundled: str, actor: str,
) -> str:  # fmt: skip
    if before is not None:
        before.state = "retired"
        session.flush()
    if target is not None:
        target.state, target.promoted_at = "active", utc_now()
        _flush_alone(session)
    names = {"before": before.version if before else bundled, "after": target.version if target else bundled}
    audit.record(session, site_id=None, actor=actor, action=type, subject=names["after"], **names)
    # An event belongs to a site; the model decides for all of them, so each is told.
    for site_id in session.scalars(sa.select(Site.id)):
        data = {"version": names["after"], "before": names["before"]}
        outbox.emit(session, site_id=site_id, type=type, data=data)
    return names["before"]


def _flush_alone(session: Session) -> None:
    try:
        session.flush()
    except sa.exc.IntegrityError:
        raise Conflict("Another model was promoted at this very moment; see: replydesk models list") from None
