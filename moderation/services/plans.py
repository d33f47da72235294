"""Plans: every version is kept, because a reader keeps the one bought."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from moderation.errors import NotFound
from moderation.models import Plan, PlanVersion, Site, insert_missing, utc_now
from moderation.services import audit

EVERYTHING: Mapping[str, Any] = {"all": True}
NOTHING: Mapping[str, Any] = {"sections": [], "tags": []}
_DEFAULTS: Mapping[str, Any] = {"unlocks": 0, "rollover_cap": 0, "trial_days": 0, "grace_days": 0}


def get(session: Session, site_id: str, name: str) -> PlanVersion:
    """Return the version that is sold now; ``NotFound`` for a plan that never was or is no longer sold."""
    plan = session.get(Plan, (site_id, name))
    if plan is None or plan.retired_at is not None:
        raise NotFound(f"There is no plan “{name}”.")
    return session.get_one(PlanVersion, (site_id, name, plan.version))


def save(
    session: Session, site: Site, name: str, data: Mapping[str, Any], *, actor: str
) -> tuple[PlanVersion, bool]:
    """Sell the plan in this form from now on; return it and whether the plan is new. No change, no version."""
    wanted = _complete(data)
    plan = session.get(Plan, (site.id, name), with_for_update=True)
    new = plan is None
    if plan is None:
        values = {"site_id": site.id, "name": name, "version": 0, "created_at": utc_now()}
        insert_missing(session, Plan, values)
        plan = session.get_one(Plan, (site.id, name), with_for_update=True)
    known = session.get(PlanVersion, (site.id, name, plan.version))
    if known is not None and all(getattr(known, key) == value for key, value in wanted.items()):
        if plan.retired_at is None:
            return known, False
        plan.retired_at = None
        return known, True
    plan.version += 1
    version = PlanVersion(site_id=site.id, name=name, version=plan.version, **wanted)
    new, plan.retired_at = new or plan.retired_at is not None, None
    session.add(version)
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="plan.saved", subject=name, version=plan.version)
    return version, new


def retire(session: Session, site: Site, name: str, *, actor: str) -> None:
    """Sell it no longer. Readers who bought it keep it, and renew it."""
    version = get(session, site.id, name)
    plan = session.get_one(Plan, (site.id, name))
    plan.retired_at = utc_now()
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="plan.retired", subject=name, version=version.version)


def opens(version_opens: Mapping[str, Any], section: str, tags: list[str]) -> bool:
    """Whether a plan with this ``opens`` opens a post of this section with these tags."""
    if version_opens.get("all"):
        return True
    return section in version_opens.get("sections", ()) or bool(set(tags) & set(version_opens.get("tags", ())))


def _complete(data: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: data.get(name, default) for name, default in _DEFAULTS.items()}
    period = data["period"]
    opened = data.get("opens")
    if opened is None:
        opened = NOTHING if values["unlocks"] else EVERYTHING
    elif opened.get("all"):
        opened = EVERYTHING
    else:
        opened = {key: list(opened.get(key, ())) for key in ("sections", "tags")}
    days = period if isinstance(period, int) else None
    return values | {"monthly": period == "month", "period_days": days, "opens": dict(opened)}
