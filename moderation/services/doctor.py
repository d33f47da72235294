"""Is what is stored whole? Plain findings, each a sentence that says what is wrong and what to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import (
    Allowance,
    Comment,
    CoralComment,
    CoralLook,
    Decision,
    Delivery,
    Event,
    Post,
    ProviderEvent,
    Site,
    SiteHook,
    TokenKey,
)
from moderation.policy import SITE_HOOK
from moderation.services import ledger_check, policies, site_hooks


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, and what is wrong with it (empty where nothing is)."""

    check: str
    faults: Sequence[str]


def examine(session: Session) -> Iterator[Finding]:
    """Run every check of the database, one after the other."""
    yield Finding("integrity", _integrity(session))
    yield Finding("references", _references(session))
    yield Finding("comments", _comments(session))
    yield Finding("threads", _threads(session))
    yield Finding("outbox", _outbox(session))
    yield Finding("payments", _payments(session))
    yield Finding("coral", _coral(session))
    yield Finding("policies", _policies(session))
    yield Finding("hooks", _hooks(session))
    yield Finding("token keys", _token_keys(session))
    yield Finding("ledger", ledger_check.faults(session))
    yield Finding("settlement", _set_aside(session))


def _set_aside(session: Session) -> list[str]:
    waiting = sa.select(Allowance.id, Allowance.due_at).where(Allowance.set_aside_until.is_not(None)).limit(20)
    return [
        f"Allowance {row.id}: what was due at {row.due_at:%Y-%m-%d %H:%M} UTC could not be written; the log says why."
        for row in session.execute(waiting)
    ]


def _integrity(session: Session) -> list[str]:
    if session.get_bind().dialect.name != "sqlite":
        return []
    rows = session.scalars(sa.text("PRAGMA integrity_check(20)")).all()
    return [f"The database file is damaged: {row}. Restore a backup." for row in rows if row != "ok"]


def _references(session: Session) -> list[str]:
    if session.get_bind().dialect.name != "sqlite":
        return []
    rows = session.execute(sa.text("PRAGMA foreign_key_check")).all()
    return [f"Row {row[1]} of {row[0]} points to a {row[2]} that is gone." for row in rows[:20]]


def _comments(session: Session) -> list[str]:
    """The last decision on a comment is the state that it is in."""
    last = (
        sa.select(Decision.comment_id, sa.func.max(Decision.comment_version).label("version"))
        .group_by(Decision.comment_id)
        .subquery()
    )
    wrong = (
        sa.select(Comment.id)
        .outerjoin(last, last.c.comment_id == Comment.id)
        .outerjoin(Decision, sa.and_(Decision.comment_id == Comment.id, Decision.comment_version == last.c.version))
        .where(
            sa.or_(
                Decision.id.is_(None),
                Decision.comment_version != Comment.version,
                Decision.new_status != Comment.status,
            )
        )
        .limit(20)
    )
    return [f"Comment {id} is not in the state of its last decision." for id in session.scalars(wrong)]


def _threads(session: Session) -> list[str]:
    parent = sa.orm.aliased(Comment)
    wrong = (
        sa.select(Comment.id)
        .join(parent, parent.id == Comment.parent_id)
        .where(
            sa.or_(
                parent.post_id != Comment.post_id,
                parent.site_id != Comment.site_id,
                parent.root_id != Comment.root_id,
            )
        )
        .limit(20)
    )
    lost = sa.select(Comment.id).outerjoin(Post, sa.and_(Post.site_id == Comment.site_id, Post.id == Comment.post_id))
    return [f"Comment {id} hangs in another thread than its parent." for id in session.scalars(wrong)] + [
        f"Comment {id} belongs to a post that is gone."
        for id in session.scalars(lost.where(Post.id.is_(None)).limit(20))
    ]


def _outbox(session: Session) -> list[str]:
    dead = session.scalar(sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state == "dead"))
    orphans = session.scalar(
        sa.select(sa.func.count())
        .select_from(Delivery)
        .outerjoin(Event, Event.id == Delivery.event_id)
        .where(Event.id.is_(None))
    )
    told = f"{dead} deliveries were given up; replay their events when the endpoint works again."
    lost = f"{orphans} deliveries belong to events that are gone."
    return [sentence for count, sentence in ((dead, told), (orphans, lost)) if count]


def _payments(session: Session) -> list[str]:
    held = sa.select(Site.name, sa.func.count()).join(ProviderEvent, ProviderEvent.site_id == Site.id)
    counted = session.execute(held.where(ProviderEvent.state == "quarantined").group_by(Site.name))
    return [
        f"{count} events of a payment provider wait; see: replydesk provider quarantine list --site {name}"
        for name, count in counted
    ]


def _coral(session: Session) -> list[str]:
    faults = []
    for model, what in ((CoralLook, "looks at comments"), (CoralComment, "decisions")):
        given_up = sa.select(Site.name, sa.func.count()).join(model, model.site_id == Site.id)
        faults += [
            f"{count} {what} of {name} did not reach Coral and were given up; see: replydesk integration show"
            f" --site {name}, and then: replydesk integration retry --site {name}"
            for name, count in session.execute(given_up.where(model.due_at.is_(None)).group_by(Site.name))
        ]
    return faults


def _policies(session: Session) -> list[str]:
    names = session.scalars(sa.select(Site.name).where(Site.policy_version == 0))
    return [f"The site {name} has no policy in force." for name in names]


def _hooks(session: Session) -> list[str]:
    faults = []
    for site in session.scalars(sa.select(Site).where(Site.policy_version > 0).order_by(Site.name)):
        rules = policies.in_force(session, site).rules
        row = session.get(SiteHook, site.id)
        if row is None and any(rule.rule == SITE_HOOK and rule.enabled for rule in rules):
            faults.append(f"The site {site.name} asks a hook that is not set: replydesk hook set --site {site.name}")
        if row is not None and site_hooks.as_hook(row).is_failing:
            faults.append(f"The hook of the site {site.name} gives no answers: {row.last_error}")
    return faults


def _token_keys(session: Session) -> list[str]:
    names = session.scalars(sa.select(Site.name).outerjoin(TokenKey).where(TokenKey.id.is_(None)))
    return [f"The site {name} cannot sign tokens; run: replydesk token-key rotate --site {name}" for name in names]
