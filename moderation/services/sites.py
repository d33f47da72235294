"""Sites and their keys."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict, Invalid, NotFound
from moderation.models import ApiKey, Site, utc_now
from moderation.services import audit, policies, token_keys

KEY_PREFIX = "rdk_"
ROTATION_OVERLAP = timedelta(hours=24)


def create(session: Session, *, name: str, thresholds: Mapping[str, Mapping[str, float]], actor: str) -> Site:
    """Make a site with the default rules and the model's own thresholds."""
    if session.scalar(sa.select(Site).where(Site.name == name)) is not None:
        raise Conflict(f"The site “{name}” exists already.")
    site = Site(name=name)
    session.add(site)
    session.flush()
    policies.save(
        session,
        site,
        thresholds=thresholds,
        rules=policies.default_rules(),
        note="The default policy.",
        actor=actor,
    )
    session.refresh(site)
    audit.record(session, site_id=site.id, actor=actor, action="site.created", subject=site.id, name=name)
    token_keys.create(session, site.id, signs_from=utc_now(), actor=actor)
    return site


def by_name(session: Session, name: str) -> Site:
    site = session.scalar(sa.select(Site).where(Site.name == name))
    if site is None:
        raise NotFound(f"There is no site “{name}”; make it with: replydesk site create {name}")
    return site


def configure(
    session: Session, site: Site, *, time_zone: str | None, settings: Mapping[str, int | str | None], actor: str
) -> None:
    """Change what is not None: the time zone in which months are counted, and the site's settings."""
    if time_zone is not None and time_zone not in available_timezones():
        raise Invalid.field("time_zone", f"“{time_zone}” is no time zone; write one such as Europe/Berlin.")
    said = {name: value for name, value in settings.items() if value is not None}
    site.time_zone = time_zone or site.time_zone
    # A new object: the old one's own change would go unnoticed.
    site.settings = {**site.settings, **said}
    session.flush()
    told = said | ({"time_zone": time_zone} if time_zone else {})
    audit.record(session, site_id=site.id, actor=actor, action="site.configured", subject=site.id, **told)


def create_key(
    session: Session, site: Site, *, scopes: Sequence[str], actor: str, door: str = "api"
) -> tuple[ApiKey, str]:
    """Return the stored key and its text, which is shown this once."""
    # Akismet clients refuse keys that are not 12 lower-case hex digits (protocols.md 2.2).
    text = secrets.token_hex(6) if door == "akismet" else KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        site_id=site.id, sha256=hashlib.sha256(text.encode()).hexdigest(), last4=text[-4:], door=door,
        scopes=sorted(set(scopes)),
    )  # fmt: skip
    session.add(key)
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="key.created", subject=key.id, scopes=key.scopes)
    return key, text


def find_key(session: Session, text_or_id: str) -> ApiKey:
    digest = hashlib.sha256(text_or_id.encode()).hexdigest()
    key = session.scalar(sa.select(ApiKey).where(sa.or_(ApiKey.id == text_or_id, ApiKey.sha256 == digest)))
    if key is None:
        raise NotFound("There is no such key.")
    return key


def revoke_key(session: Session, key: ApiKey, *, actor: str) -> None:
    key.revoked_at = utc_now()
    audit.record(session, site_id=key.site_id, actor=actor, action="key.revoked", subject=key.id)


def rotate_key(session: Session, key: ApiKey, *, actor: str) -> tuple[ApiKey, str]:
    """Make a successor with the same scopes; the old key works for another day."""
    site = session.get_one(Site, key.site_id)
    key.expires_at = utc_now() + ROTATION_OVERLAP
    return create_key(session, site, scopes=key.scopes, actor=actor, door=key.door)


def describe_key(site: Site, key: ApiKey, text: str) -> dict[str, Any]:
    return {"site": site.name, "key": text, "scopes": key.scopes}
