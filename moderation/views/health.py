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
    migrations = database or _migrations_fault()
    scores, remark = (False, migrations) if migrations else scoring.current().readiness()
    checks = {"database": (not database, database), "migrations": (not migrations, migrations)}
    checks["model"] = (scores, remark)
    body = {name: {"ok": ok, **({"reason": reason} if reason else {})} for name, (ok, reason) in checks.items()}
    fine = all(ok for ok, _ in checks.values())
    status = 200 if fine else 503
    headers = {} if fine else {"Retry-After": "2"}
    return {"status": "ready" if fine else "not ready", "checks": body}, status, headers


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
    return None if found == wanted else f"The database is at {found}, the code at {wanted}; run: replydesk migrate"
