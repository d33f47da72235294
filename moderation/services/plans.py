"""Plans: every version is kept, because a reader keeps the one bought."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Invalid, NotFound
from moderation.models import Plan, PlanVersion, Site, insert_missing, utc_now
from moderation.services import audit

EVERYTHING: Mapping[str, Any] = {"all": True}
NOTHING: Mapping[str, Any] = {"sections": [], "tags": []}
MOST_NAME = 100
_DEFAULTS: Mapping[str, Any] = {
    "unlocks": 0, "rollover_cap": 0, "trial_days": 0, "grace_days": 0, "may_comment": True, "comments_first": False,
}  # fmt: skip


def get(session: Session, site_id: str, name: str) -> PlanVersion:
    """Return the version that is sold now; ``NotFound`` for a plan that never was or is no longer sold."""
    plan = session.get(Plan, (site_id, name))
    if plan is None or plan.retired_at is not None:
        raise NotFound(f"There is no plan “{name}”.")
    return session.get_one(PlanVersion, (site_id, name, plan.version))


def page(session: Session, site_id: str, *, after: str | None, limit: int) -> tuple[Sequence[PlanVersion], str | None]:
    """Return the plans that are sold, by name, and the name to go on from."""
    sold = sa.and_(
        Plan.site_id == PlanVersion.site_id, Plan.name == PlanVersion.name, Plan.version == PlanVersion.version
    )
    query = sa.select(PlanVersion).join(Plan, sold).where(Plan.site_id == site_id, Plan.retired_at.is_(None))
    if after is not None:
        query = query.where(Plan.name > after)
    found = session.scalars(query.order_by(Plan.name).limit(limit + 1)).all()
    return found[:limit], found[limit - 1].name if len(found) > limit else None


def save(session: Session, site: Site, name: str, data: Mapping[str, Any], *, actor: str) -> tuple[PlanVersion, bool]:
    """Sell the plan in this form from now on; return it and whether the plan is new. No change, no version."""
    if len(name) > MOST_NAME or data.get("name", name) != name:
        raise Invalid.field("name", f"Is another one than the address names, or longer than {MOST_NAME} characters.")
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
        _record(session, site, known, actor)
        return known, True
    plan.version += 1
    version = PlanVersion(site_id=site.id, name=name, version=plan.version, **wanted)
    new, plan.retired_at = new or plan.retired_at is not None, None
    session.add(version)
    _record(session, site, version, actor)
    return version, new


def _record(session: Session, site: Site, version: PlanVersion, actor: str) -> None:
    session.flush()
    audit.record(
        session, site_id=site.id, actor=actor, action="plan.saved", subject=version.name, version=version.version
    )


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
