"""A site's own rule: where it is asked, what it is told of a comment, and how its answers went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.addresses import fault_of_url
from moderation.errors import Invalid, NotFound
from moderation.models import Comment, Post, Reader, Site, SiteHook, utc_now
from moderation.policy import SITE_HOOK, Policy, decide, hook_to_ask, without_hook
from moderation.services import audit, facts
from moderation.services.comments import Scored
from moderation.signing import new_secret

# What of a reader is sent only where the site asks for it.
SENDABLE = ("email", "ip")
OVERLAP = timedelta(hours=24)
NOTED_EVERY = timedelta(minutes=1)
_TOLD_OF_READER = ("id", "name", "url", "roles")


@dataclass(frozen=True)
class Hook:
    """An address and what signs for it, free of the database; ``secrets`` are two during a rotation."""

    site_id: str
    url: str
    secrets: Sequence[str]
    failed_at: datetime | None = None
    recovered_at: datetime | None = None

    @property
    def is_failing(self) -> bool:
        return self.failed_at is not None and (self.recovered_at is None or self.recovered_at < self.failed_at)


@dataclass(frozen=True)
class Question:
    """One comment to ask the site about; ``hook`` is None where the rule stands and no hook is set."""

    hook: Hook | None
    body: Mapping[str, Any]
    timeout_seconds: float
    dry_run: bool


def find(session: Session, site_id: str) -> SiteHook:
    """Return the site's hook; ``NotFound`` where it has none."""
    row = session.get(SiteHook, site_id)
    if row is None:
        raise NotFound("This site has no hook.")
    return row


def put(
    session: Session, site_id: str, *, url: str, send: Sequence[str], private: bool, plain: bool, actor: str
) -> tuple[SiteHook, bool]:
    """Set the address, with a new secret where there was no hook; return the hook and whether it is new.

    ``private`` and ``plain`` as in ``addresses.fault_of_url``.
    """
    fault = fault_of_url(url, private=private, plain=plain)
    if fault is not None:
        raise Invalid.field("url", fault)
    row = session.get(SiteHook, site_id)
    new = row is None
    if row is None:
        row = SiteHook(site_id=site_id, secret=new_secret(), last_error="")
        session.add(row)
    row.url, row.send, row.updated_at = url, sorted(set(send)), utc_now()
    row.failed_at, row.recovered_at, row.last_error = None, None, ""
    session.flush()
    audit.record(session, site_id=site_id, actor=actor, action="hook.set", subject=site_id, send=row.send)
    return row, new


def rotate(session: Session, site_id: str, *, actor: str) -> SiteHook:
    """Give the hook a new secret; for another 24 hours the one before it signs too."""
    row, now = find(session, site_id), utc_now()
    row.old_secret, row.old_secret_until = row.secret, now + OVERLAP
    row.secret, row.updated_at = new_secret(), now
    session.flush()
    audit.record(session, site_id=site_id, actor=actor, action="hook.rotated", subject=site_id)
    return row


def remove(session: Session, site_id: str, *, actor: str) -> None:
    """Forget address and secrets; while the rule stays enabled every comment that it would see waits."""
    session.delete(find(session, site_id))
    audit.record(session, site_id=site_id, actor=actor, action="hook.removed", subject=site_id)
    session.flush()


def note(session: Session, hook: Hook, error: str) -> None:
    """Keep in the hook's row that it fails, or (``error`` empty) that it answers again; at most once a minute."""
    now = utc_now()
    is_news = hook.failed_at is None or not hook.is_failing or now - hook.failed_at > NOTED_EVERY
    if (error and is_news) or (not error and hook.is_failing):
        change = {"failed_at": now, "last_error": error} if error else {"recovered_at": now}
        session.execute(sa.update(SiteHook).where(SiteHook.site_id == hook.site_id).values(change))


def as_hook(row: SiteHook) -> Hook:
    rotating = row.old_secret_until is not None and row.old_secret_until > utc_now()
    signing = [row.secret, row.old_secret] if rotating and row.old_secret else [row.secret]
    return Hook(row.site_id, row.url, signing, row.failed_at, row.recovered_at)


def question(session: Session, site: Site, policy: Policy, scored: Scored, data: Mapping[str, Any]) -> Question | None:
    """What to ask the site about a submission; None where its policy does not ask, or an earlier rule decides."""
    if not _asks(policy) or _is_known(session, site, data["external_id"]):
        return None
    post = session.get(Post, (site.id, data["post"]["id"])) or Post(site_id=site.id, comments="open", **data["post"])
    id = data["reader"].get("id")
    reader = session.get(Reader, (site.id, id)) if id else None
    known_roles = reader.roles if reader is not None else []
    # A new reader, or one whose roles come with this comment.
    said = Reader(
        site_id=site.id, id=id or "", roles=data["reader"].get("roles", known_roles),
        premoderated=reader is not None and reader.premoderated,
        banned_until=reader.banned_until if reader is not None else None,
    )  # fmt: skip
    return _question(session, policy, scored, data, post, said if id else None)


def question_of_edit(
    session: Session, site: Site, policy: Policy, scored: Scored, comment: Comment, text: str
) -> Question | None:
    """As ``question``, for the new text of a stored comment."""
    if not _asks(policy):
        return None
    post = session.get_one(Post, (site.id, comment.post_id))
    reader = session.get(Reader, (site.id, comment.reader_id)) if comment.reader_id else None
    told = {name: getattr(reader, name) for name in (*_TOLD_OF_READER, "email")} if reader else {}
    data = {
        "id": comment.id, "external_id": comment.external_id, "parent_id": comment.parent_id,
        "post": {"id": post.id, "url": post.url, "title": post.title}, "reader": {"name": comment.reader_name} | told,
        "text": text, "created_at": comment.created_at, "signals": comment.signals,
    }  # fmt: skip
    return _question(session, policy, scored, data, post, reader)


def _asks(policy: Policy) -> bool:
    return any(rule.rule == SITE_HOOK and rule.enabled for rule in policy.rules)


def _is_known(session: Session, site: Site, external_id: str | None) -> bool:
    """Whether the submission is a repeat, which is answered by what is stored."""
    stored = sa.select(Comment.id).where(Comment.site_id == site.id, Comment.external_id == external_id)
    return external_id is not None and session.scalar(stored) is not None


def _question(
    session: Session, policy: Policy, scored: Scored, data: Mapping[str, Any], post: Post, reader: Reader | None
) -> Question | None:
    gathered = facts.gather(
        session, text=data["text"], hashed=facts.text_hash(data["text"]), policy=policy, post=post, reader=reader,
        signals=data["signals"], but_not=data.get("id"),
    )  # fmt: skip
    rule = hook_to_ask(policy, gathered, scored.scores)
    if rule is None:
        return None
    row = session.get(SiteHook, post.site_id)
    sent = (*_TOLD_OF_READER, *(row.send if row else ()))
    verdict = decide(scored.scores, without_hook(policy), gathered)
    body = {
        "type": "comment.check",
        "timestamp": utc_now(),
        "data": {
            "comment": {**data, "reader": {name: data["reader"].get(name) for name in sent}},
            "scores": scored.scores and {label: round(value, 4) for label, value in scored.scores.items()},
            "model_version": scored.model_version,
            "policy": {
                "version": policy.version,
                "status": verdict.status,
                "reasons": [reason.as_dict() for reason in verdict.reasons],
            },
            "dry_run": rule.params["dry_run"],
        },
    }
    return Question(as_hook(row) if row else None, body, rule.params["timeout_ms"] / 1_000, rule.params["dry_run"])
