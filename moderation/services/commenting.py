"""Who may comment on a site, and whose comments people look at first: what plans say of comments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import SubscribersOnly
from moderation.models import Allowance, PlanVersion, Site, Subscription, table_of, utc_now
from moderation.services import audit, site_settings

SETTING = "commenting"
EVERYONE, SUBSCRIBERS = "everyone", "subscribers"
# The site's own people, by the roles that it sends with a reader, comment without a subscription.
STAFF = ("staff",)
_ALLOWANCE, _SUBSCRIPTION, _PLAN = table_of(Allowance), table_of(Subscription), table_of(PlanVersion)
# The version that was bought decides, and paid time (grace with it) alone gives rights: as for access.
_RIGHTS = (
    sa.select(_PLAN.c.may_comment, _PLAN.c.comments_first)
    .join_from(_ALLOWANCE, _SUBSCRIPTION, _SUBSCRIPTION.c.allowance_id == _ALLOWANCE.c.id)
    .join(
        _PLAN,
        sa.and_(
            _PLAN.c.site_id == _SUBSCRIPTION.c.site_id, _PLAN.c.name == _SUBSCRIPTION.c.plan,
            _PLAN.c.version == _SUBSCRIPTION.c.plan_version,
        ),
    )
    .where(_ALLOWANCE.c.site_id == sa.bindparam("site"), _ALLOWANCE.c.reader_id == sa.bindparam("reader"))
    .where(sa.or_(_SUBSCRIPTION.c.access_until.is_(None), _SUBSCRIPTION.c.access_until > sa.bindparam("now")))
)  # fmt: skip


class Rights(NamedTuple):
    may_comment: bool = False
    comments_first: bool = False


class Setting(NamedTuple):
    """``who`` is everyone or subscribers; readers with one of ``roles`` may always comment."""

    who: str = EVERYONE
    roles: Sequence[str] = STAFF


def of_site(site: Site) -> Setting:
    return Setting(**site.settings.get(SETTING, {}))


def configure(
    session: Session, site: Site, *, who: str | None = None, roles: Sequence[str] | None = None, actor: str
) -> Setting:
    """Change what is not None; return what holds from now on."""
    known = of_site(site)
    wanted = Setting(who or known.who, list(known.roles if roles is None else roles))
    site_settings.change(session, site.id, **{SETTING: wanted._asdict()})
    audit.record(
        session, site_id=site.id, actor=actor, action="site.configured", subject=site.id,
        comments_by=wanted.who, roles=wanted.roles,
    )  # fmt: skip
    return wanted


def rights(session: Session, site_id: str, reader_id: str | None, *, now: datetime) -> Rights:
    """What the reader's subscription gives at ``now``; nothing without one."""
    if reader_id is None:
        return Rights()
    asked: dict[str, Any] = {"site": site_id, "reader": reader_id, "now": now}
    rows = session.connection().execute(_RIGHTS, asked).all()
    return Rights(any(row.may_comment for row in rows), any(row.comments_first for row in rows))


def check(session: Session, site: Site, reader_id: str | None, roles: Sequence[str]) -> None:
    """Raise ``SubscribersOnly`` where comments are for subscribers and this reader is neither one nor staff."""
    setting = of_site(site)
    if setting.who == EVERYONE or set(roles) & set(setting.roles):
        return
    if not rights(session, site.id, reader_id, now=utc_now()).may_comment:
        raise SubscribersOnly("Comments are for subscribers on this site; nothing was stored.")


def priority(session: Session, site: Site, reader_id: str | None) -> int:
    """1 where the reader's plan puts their comments first in the queue, else 0."""
    return int(rights(session, site.id, reader_id, now=utc_now()).comments_first)
