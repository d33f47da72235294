"""How a site's Coral is known here: its signing secrets, its API, and whose people decide."""

import re
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.addresses import fault_of_url
from moderation.coral import SECRET
from moderation.errors import Invalid, NotFound
from moderation.models import CoralAnswer, CoralComment, CoralLook, CoralSite, Site, utc_now
from moderation.services import audit

NAME = "coral"
BY_CORAL, BY_DESK = "coral", "desk"
MOST_SECRETS = 10
_TOKEN = re.compile(r"[\x21-\x7e]{8,4096}")
_UNSEEN = {"synchronize_session": False}


def find(session: Session, site_id: str) -> CoralSite | None:
    return session.get(CoralSite, site_id)


def of_site(session: Session, site: Site) -> CoralSite:
    account = find(session, site.id)
    if account is None:
        raise NotFound(f"Coral is not set up; first: replydesk integration set coral --site {site.name} --secret-stdin")
    return account


def set_secret(session: Session, site: Site, secret: str, *, add: bool, actor: str) -> CoralSite:
    """Believe what is signed with ``secret``; with ``add`` also what is signed with those before it."""
    if not SECRET.fullmatch(secret):
        raise Invalid.field("secret", "A signing secret of Coral has 8 to 255 characters, such as empsec_...")
    account = find(session, site.id)
    if account is None:
        account = CoralSite(site_id=site.id, secrets=[])
        session.add(account)
    others = [known for known in account.secrets if known != secret] if add else []
    account.secrets = [secret, *others][:MOST_SECRETS]
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="integration.set", subject=NAME,
                 secrets=len(account.secrets))  # fmt: skip
    return account


def set_api(session: Session, site: Site, *, url: str, token: str, private: bool, plain: bool, actor: str) -> CoralSite:
    """Say where Coral's API is and with which token it is called; what was given up is tried again."""
    account, url = of_site(session, site), url.rstrip("/")
    fault = fault_of_url(url, private=private, plain=plain)
    if fault:
        raise Invalid.field("url", fault)
    if not _TOKEN.fullmatch(token):
        raise Invalid.field("token", "Must be an access token of Coral, as coral-cli token:create prints it.")
    account.url, account.token = url, token
    retry(session, site.id, now=utc_now())
    audit.record(session, site_id=site.id, actor=actor, action="integration.set", subject=NAME, url=url)
    return account


def set_decides(session: Session, site: Site, decides: str, *, actor: str) -> CoralSite:
    """Say whose people decide on what is held: ``coral`` or ``desk``, which needs the API."""
    account = of_site(session, site)
    if decides == BY_DESK and not account.token:
        raise Invalid.field("decides", "The desk's decisions reach Coral through its API: set --url and --token-stdin.")
    account.decides = decides
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="integration.set", subject=NAME, decides=decides)
    return account


def remove(session: Session, site: Site, *, actor: str) -> None:
    """Forget secrets and token; comments that came through stay, and none of their decisions is sent any more."""
    account = of_site(session, site)
    for model in (CoralAnswer, CoralLook, CoralComment):
        session.execute(sa.delete(model).where(model.site_id == site.id), execution_options=_UNSEEN)
    session.delete(account)
    session.flush()
    audit.record(session, site_id=site.id, actor=actor, action="integration.removed", subject=NAME)


def retry(session: Session, site_id: str, *, now: datetime) -> int:
    """Let everything that was given up be tried again now; return how many that is."""
    tried = 0
    for model in (CoralLook, CoralComment):
        given_up = sa.update(model).where(model.site_id == site_id, model.due_at.is_(None))
        done: Any = session.execute(given_up.values(due_at=now, attempts=0), execution_options=_UNSEEN)
        tried += done.rowcount
    return tried


def retry_now(session: Session, site: Site) -> int:
    return retry(session, site.id, now=utc_now())


def describe(session: Session, site: Site) -> dict[str, Any]:
    """How it is set up, without secrets, and how the way back goes."""
    account = of_site(session, site)
    joined = sa.select(sa.func.count(), sa.func.count(CoralComment.coral_id)).where(CoralComment.site_id == site.id)
    through, known = session.execute(joined).one()
    failing, given_up, error = 0, 0, ""
    for model in (CoralLook, CoralComment):
        theirs = model.site_id == site.id
        failing += _count(session, theirs, model.error != "", model.due_at.is_not(None))
        given_up += _count(session, theirs, model.due_at.is_(None))
        last = sa.select(model.error).where(theirs, model.error != "").order_by(model.due_at.desc()).limit(1)
        error = session.scalar(last) or error
    waiting = _count(session, CoralLook.site_id == site.id, CoralLook.due_at.is_not(None))
    return {
        "site": site.name, "integration": NAME, "secrets": len(account.secrets), "url": account.url,
        "token": bool(account.token), "decides": account.decides, "comments": through, "joined": known,
        "waiting": waiting, "failing": failing, "given_up": given_up, "last_error": error,
    }  # fmt: skip


def _count(session: Session, *where: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count()).where(*where)) or 0
