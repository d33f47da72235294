"""The people who review: who they are and what each may do on which site."""

import re
import secrets
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict, Invalid, NotFound
from moderation.models import Membership, Moderator, Site
from moderation.services import audit

# Each may do what those before it may.
ROLES = ("viewer", "moderator", "senior", "admin")
EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")
MOST_NAME_CHARACTERS = 100


def create(
    session: Session, site: Site, *, email: str, name: str, role: str, password_hash: str, actor: str
) -> Moderator:
    """Make a moderator with a role on one site; an address that is known already is a ``Conflict``."""
    if not EMAIL.fullmatch(email):
        raise Invalid.field("email", f"“{email}” is not an e-mail address.")
    _check_role(role)
    if session.scalar(_with_email(email)) is not None:
        raise Conflict(
            f"{email} exists already; give a role on another site with: "
            f"replydesk moderator role {email} --site {site.name} --role {role}"
        )
    moderator = Moderator(
        email=email.lower(), name=(name.strip() or email.split("@", maxsplit=1)[0])[:MOST_NAME_CHARACTERS],
        password_hash=password_hash, session_salt=secrets.token_hex(8),
    )  # fmt: skip
    session.add(moderator)
    session.flush()
    session.add(Membership(moderator_id=moderator.id, site_id=site.id, role=role))
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="moderator.created", subject=moderator.id, role=role)
    return moderator


def by_email(session: Session, email: str) -> Moderator:
    moderator = session.scalar(_with_email(email))
    if moderator is None:
        raise NotFound(f"There is no moderator {email}; make one with: replydesk moderator add {email}")
    return moderator


def find(session: Session, email: str) -> Moderator | None:
    """The moderator who may sign in under this address, if any."""
    return session.scalar(_with_email(email).where(Moderator.disabled_at.is_(None)))


def _with_email(email: str) -> sa.Select[Moderator]:
    return sa.select(Moderator).where(Moderator.email == email.lower())


def set_role(session: Session, site: Site, moderator: Moderator, *, role: str, actor: str) -> None:
    """Give or change the role on one site."""
    _check_role(role)
    membership = session.get(Membership, (moderator.id, site.id))
    before = membership.role if membership else None
    if membership is None:
        session.add(Membership(moderator_id=moderator.id, site_id=site.id, role=role))
    else:
        membership.role = role
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="moderator.role", subject=moderator.id,
                 before=before, after=role)  # fmt: skip


def set_password(session: Session, moderator: Moderator, *, password_hash: str, actor: str) -> None:
    """Replace the password; every session of this person ends."""
    moderator.password_hash, moderator.session_salt = password_hash, secrets.token_hex(8)
    session.flush()
    audit.record(session, site_id=None, actor=actor, action="moderator.password", subject=moderator.id)


def roles_of(session: Session, moderator: Moderator) -> Mapping[str, str]:
    """Site name -> role, by name of the site."""
    query = (
        sa.select(Site.name, Membership.role)
        .join(Site, Site.id == Membership.site_id)
        .where(Membership.moderator_id == moderator.id)
        .order_by(Site.name)
    )
    return {row.name: row.role for row in session.execute(query)}


def at_least(role: str, needed: str) -> bool:
    """Whether ``role`` may do what ``needed`` may."""
    return ROLES.index(role) >= ROLES.index(needed)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid.field("role", f"A role is one of: {', '.join(ROLES)}.")
