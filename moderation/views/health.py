"""/healthz, /readyz and /metrics: for the machine's own questions."""

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from moderation import scoring
from moderation.db import db, mark_reading

bp = Blueprint("health", __name__)
bp.before_request(lambda: mark_reading(True))


@bp.get("/healthz")
def alive() -> dict[str, str]:
    return {"status": "ok"}


@bp.get("/readyz")
def ready() -> Any:
    """200 only when a comment posted now would be scored and stored; else 503 and why, by name."""
    database = _database_fault()
    checks = {
        "database": database,
        "migrations": database or _migrations_fault(),
        "model": database or _model_fault(),
    }
    body = {
        name: {"ok": fault is None, **({"reason": fault} if fault else {})} for name, fault in checks.items()
    }
    status = 503 if any(checks.values()) else 200
    headers = {"Retry-After": "2"} if status == 503 else {}  # noqa: PLR2004 -- the status itself
    return {"status": "not ready" if any(checks.values()) else "ready", "checks": body}, status, headers


@bp.get("/metrics")
def metrics() -> Response:
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _database_fault() -> str | None:
    try:
        db.session.execute(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError:
        return "The database does not answer."
    return None


def _migrations_fault() -> str | None:
    wanted = current_app.extensions["schema_head"]
    if not sa.inspect(db.engine).has_table("alembic_version"):
        return "The database is not migrated; run: replydesk migrate"
    found = db.session.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return (
        None
        if found == wanted
        else f"The database is at {found}, the code at {wanted}; run: replydesk migrate"
    )


def _model_fault() -> str | None:
    held = scoring.current()
    return None if held.classifier() is not None else f"No model is loaded: {held.fault}"
