"""What the service does with comments. Callers own the transaction."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import ExternalIdReused, Invalid, NotFound
from moderation.ids import new_id
from moderation.models import Comment, Decision, Post, Reader, Revision, Site, insert_missing, utc_now
from moderation.policy import Policy, Reason, Status, Threshold, Verdict, decide
from moderation.services import audit, facts, outbox


_Row = TypeVar("_Row", Post, Reader)


@dataclass(frozen=True)
class Scored:
    """Probabilities by label and who gave them; ``scores`` is None where no model could answer."""

    scores: Mapping[str, float] | None
    model_version: str


def submit(
    session: Session, site: Site, policy: Policy, scored: Scored, data: Mapping[str, Any], *, actor: str
) -> tuple[Comment, bool]:
    """Store a new comment with its verdict; return it and whether it is new (``external_id`` repeats)."""
    fingerprint = _fingerprint(data)
    known = _known(session, site, data["external_id"], fingerprint)
    if known is not None:
        return known, False
    post = name_post(session, site, data["post"])
    reader = name_reader(session, site, data["reader"])
    parent = _parent(session, site, post, data["parent_id"])
    hashed = facts.text_hash(data["text"])
    gathered = facts.gather(
        session, text=data["text"], hashed=hashed, policy=policy, post=post, reader=reader, signals=data["signals"]
    )
    verdict = decide(scored.scores, policy, gathered)
    id, now = new_id("cmt"), utc_now()
    comment = Comment(
        id=id,
        site_id=site.id,
        external_id=data["external_id"],
        post_id=post.id,
        parent_id=parent.id if parent else None,
        root_id=parent.root_id if parent else id,
        depth=parent.depth + 1 if parent else 0,
        reader_id=reader.id if reader else None,
        reader_name=data["reader"].get("name") or (reader.name if reader else ""),
        text=data["text"],
        text_hash=hashed,
        fingerprint=fingerprint,
        status=verdict.status,
        signals=data["signals"],
        flag_count=0,
        decided_by="policy",
        version=1,
        created_at=data["created_at"] or now,
        updated_at=now,
    )
    _apply(comment, verdict, scored, policy)
    session.add(comment)
    session.flush()
    if verdict.status is Status.PUBLISHED:
        _touch_thread(session, comment)
    log(session, comment, kind="submitted", old_status=None, actor="policy", verdict=verdict)
    audit.record(session, site_id=site.id, actor=actor, action="comment.submitted", subject=id, status=comment.status)
    announce(session, comment)
    return comment, True


def edit(
    session: Session, site: Site, policy: Policy, scored: Scored, comment: Comment, text: str, *, actor: str
) -> Comment:
    """Replace the text, keep the old one in the history, and decide again.

    What a person rejected is never published by an edit alone: it goes back to people.
    """
    post = session.get_one(Post, (site.id, comment.post_id))
    reader = session.get(Reader, (site.id, comment.reader_id)) if comment.reader_id else None
    old_status, hashed = comment.status, facts.text_hash(text)
    gathered = facts.gather(
        session, text=text, hashed=hashed, policy=policy, post=post, reader=reader, signals=comment.signals,
        but_not=comment.id,
    )  # fmt: skip
    verdict = decide(scored.scores, policy, gathered)
    if old_status is Status.REJECTED and comment.decided_by != "policy" and verdict.status is Status.PUBLISHED:
        reason = Reason("edited_after_rejection", "A person rejected it before this edit, so a person looks again.")
        verdict = Verdict(Status.PENDING, [reason], verdict.policy_version)
    session.add(Revision(comment_id=comment.id, version=comment.version, text=comment.text))
    comment.text, comment.text_hash, comment.decided_by = text, hashed, "policy"
    _apply(comment, verdict, scored, policy)
    _turn(session, comment, verdict.status, touch_thread=True)
    log(session, comment, kind="edited", old_status=old_status, actor="policy", verdict=verdict)
    audit.record(session, site_id=site.id, actor=actor, action="comment.edited", subject=comment.id,
                 before=old_status, after=comment.status)  # fmt: skip
    announce(session, comment, "comment.edited")
    if comment.status is not old_status:
        announce(session, comment)
    return comment


def set_status(
    session: Session,
    comment: Comment,
    status: Status,
    *,
    actor: str,
    reason: str | None = None,
    note: str = "",
    kind: str = "decided",
    moderator_id: str | None = None,
    undoes_id: str | None = None,
) -> Decision:
    """A person's decision: new status, its Decision row, its audit row and its event, in one breath.

    The caller has compared ``comment.version`` with what the person saw. A decision that keeps the
    status is still recorded (it is a label) but announced to nobody.
    """
    old_status = comment.status
    comment.decided_by = "moderator"
    comment.claimed_by = comment.claimed_until = None
    _turn(session, comment, status, touch_thread=status is not old_status)
    decision = log(
        session, comment, kind=kind, old_status=old_status, actor=actor, reason=reason, note=note,
        moderator_id=moderator_id, undoes_id=undoes_id,
    )  # fmt: skip
    audit.record(session, site_id=comment.site_id, actor=actor, action=f"comment.{kind}", subject=comment.id,
                 before=old_status, after=status, reason=reason)  # fmt: skip
    if status is not old_status:
        announce(session, comment)
    return decision


def remove(session: Session, comment: Comment, *, actor: str) -> None:
    """Take a comment down: its text and earlier texts are erased, its place in the thread stays."""
    comment.text, comment.text_hash, comment.signals, comment.reader_name = "", "", {}, ""
    comment.deleted_at = utc_now()
    session.execute(sa.delete(Revision).where(Revision.comment_id == comment.id))
    _turn(session, comment, comment.status, touch_thread=True)
    log(session, comment, kind="deleted", old_status=comment.status, actor=actor)
    audit.record(session, site_id=comment.site_id, actor=actor, action="comment.deleted", subject=comment.id)
    data = {"id": comment.id, "external_id": comment.external_id, "version": comment.version}
    outbox.emit(session, site_id=comment.site_id, type="comment.deleted", data=data)


def get(session: Session, site_id: str, id: str) -> Comment:
    """Return the site's comment; another site's and a deleted one are as good as missing."""
    comment = session.get(Comment, id)
    if comment is None or comment.site_id != site_id or comment.deleted_at is not None:
        raise NotFound("There is no such comment.")
    return comment


def page(
    session: Session, site_id: str, *, after: str | None, limit: int, **equal: Any
) -> tuple[Sequence[Comment], str | None]:
    """Return comments newest first and the id to go on from; ``equal`` filters by column."""
    query = sa.select(Comment).where(Comment.site_id == site_id, Comment.deleted_at.is_(None))
    query = query.where(*(getattr(Comment, name) == value for name, value in equal.items()))
    if after is not None:
        query = query.where(Comment.id < after)
    found = session.scalars(query.order_by(Comment.id.desc()).limit(limit + 1)).all()
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def name_post(session: Session, site: Site, data: Mapping[str, Any]) -> Post:
    """Return the post, made where it is new; what the site says of it anew is taken over."""
    key = (site.id, data["id"])
    post = session.get(Post, key)
    if post is None:
        insert_missing(session, Post, {"site_id": site.id, **data})
        post = session.get_one(Post, key)
    return _take_over(post, data)


def name_reader(session: Session, site: Site, data: Mapping[str, Any]) -> Reader | None:
    """Return the reader, made where it is new; None for one who gave a name only."""
    if not data.get("id"):
        return None
    key = (site.id, data["id"])
    kept = {name: value for name, value in data.items() if name in ("id", "name", "email", "url", "roles")}
    reader = session.get(Reader, key)
    if reader is None:
        insert_missing(session, Reader, {"site_id": site.id, **kept})
        reader = session.get_one(Reader, key)
    return _take_over(reader, kept)


def _take_over(row: _Row, data: Mapping[str, Any]) -> _Row:
    for name, value in data.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    return row


def _known(session: Session, site: Site, external_id: str | None, fingerprint: str) -> Comment | None:
    if external_id is None:
        return None
    query = sa.select(Comment).where(Comment.site_id == site.id, Comment.external_id == external_id)
    comment = session.scalar(query)
    if comment is not None and comment.fingerprint != fingerprint:
        raise ExternalIdReused(f"The comment “{external_id}” came before with another content.", id=comment.id)
    return comment


def _fingerprint(data: Mapping[str, Any]) -> str:
    reader = data["reader"].get("id") or data["reader"].get("name")
    content = [data["text"], data["post"]["id"], data["parent_id"], reader]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _parent(session: Session, site: Site, post: Post, id: str | None) -> Comment | None:
    if id is None:
        return None
    parent = session.get(Comment, id)
    if parent is None or parent.site_id != site.id or parent.deleted_at is not None:
        raise Invalid.field("parent_id", "There is no such comment.")
    if parent.post_id != post.id:
        raise Invalid.field("parent_id", "That comment belongs to another post.")
    return parent


def _apply(comment: Comment, verdict: Verdict, scored: Scored, policy: Policy) -> None:
    comment.reasons = [reason.as_dict() for reason in verdict.reasons]
    comment.scores = {label: round(value, 4) for label, value in (scored.scores or {}).items()}
    comment.harm = expected_harm(comment.scores, policy.thresholds)
    comment.model_version, comment.policy_version = scored.model_version, policy.version


def expected_harm(scores: Mapping[str, float], thresholds: Mapping[str, Threshold]) -> float:
    """The largest share, 0..1, of the way from 0 to a label's reject line."""
    shares = [scores.get(label, 0.0) / max(lines.reject_above, 1e-6) for label, lines in thresholds.items()]
    return round(min(1.0, max(shares, default=0.0)), 4)


def _turn(session: Session, comment: Comment, status: Status, *, touch_thread: bool) -> None:
    comment.status = status
    comment.version += 1
    comment.updated_at = utc_now()
    session.flush()
    if touch_thread:
        _touch_thread(session, comment)


def _touch_thread(session: Session, comment: Comment) -> None:
    # Counted by the database: two requests at once must both be seen.
    post = sa.and_(Post.site_id == comment.site_id, Post.id == comment.post_id)
    session.execute(sa.update(Post).where(post).values(thread_version=Post.thread_version + 1))


def log(
    session: Session, comment: Comment, *, kind: str, old_status: Status | None, actor: str,
    verdict: Verdict | None = None, **more: Any,
) -> Decision:  # fmt: skip
    """Write the Decision row of the comment's present version."""
    decision = Decision(
        id=new_id("dec"),
        site_id=comment.site_id,
        comment_id=comment.id,
        comment_version=comment.version,
        kind=kind,
        old_status=old_status,
        new_status=comment.status,
        reasons=[reason.as_dict() for reason in verdict.reasons] if verdict else [],
        scores=comment.scores,
        actor=actor,
        model_version=comment.model_version,
        policy_version=comment.policy_version,
        created_at=utc_now(),
        **more,
    )
    session.add(decision)
    session.flush()
    return decision


def announce(session: Session, comment: Comment, type: str | None = None) -> None:
    """Put the comment's state in the outbox; by default as ``comment.<status>``."""
    data = {
        "id": comment.id,
        "version": comment.version,
        "external_id": comment.external_id,
        "post_id": comment.post_id,
        "reader_id": comment.reader_id,
        "status": comment.status,
        "reasons": comment.reasons,
        "decided_by": comment.decided_by,
        "scores": comment.scores,
        "model_version": comment.model_version,
    }
    outbox.emit(session, site_id=comment.site_id, type=type or f"comment.{comment.status}", data=data)
