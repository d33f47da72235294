"""What the service does with comments. Callers own the transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound, StaleVersion
from moderation.ids import new_id
from moderation.models import Comment, Decision, Post, Reader, Revision, Site, table_of, utc_now
from moderation.policy import HookAnswer, Policy, Reason, Status, Threshold, Verdict, decide
from moderation.services import audit, commenting, facts, outbox

_LOG = sa.insert(table_of(Decision))
_DECISION_COLUMNS = tuple(table_of(Decision).columns.keys())
_TOUCH = (
    sa.update(table_of(Post))
    .where(table_of(Post).c.site_id == sa.bindparam("of_site"), table_of(Post).c.id == sa.bindparam("of_post"))
    .values(thread_version=table_of(Post).c.thread_version + 1)
)

_NEXT_VERSION = (
    sa.update(table_of(Comment))
    .where(table_of(Comment).c.id == sa.bindparam("of_comment"), table_of(Comment).c.version == sa.bindparam("seen"))
    .values(version=table_of(Comment).c.version + 1)
)

# Counted by the database under the row's lock: events are numbered in the order in which they are committed.
_NEXT_SEQUENCE = (
    sa.update(table_of(Comment))
    .where(table_of(Comment).c.id == sa.bindparam("of_comment"))
    .values(event_sequence=table_of(Comment).c.event_sequence + 1)
    .returning(table_of(Comment).c.event_sequence)
)


@dataclass(frozen=True)
class Scored:
    """Probabilities by label and who gave them; ``scores`` is None where no model could answer."""

    scores: Mapping[str, float] | None
    model_version: str


@dataclass(frozen=True)
class Asked:
    """What the site's own rule answered, and how long that took; kept beside the verdict."""

    answer: HookAnswer
    dry_run: bool
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        said = {name: value for name, value in vars(self.answer).items() if value}
        return {"action": self.answer.action, **said, "dry_run": self.dry_run, "ms": round(self.seconds * 1_000)}


def edit(
    session: Session, site: Site, policy: Policy, scored: Scored, comment: Comment, text: str, *, actor: str,
    asked: Asked | None = None,
) -> Comment:  # fmt: skip
    """Replace the text, keep the old one in the history, and decide again.

    What a person rejected is never published by an edit alone: it goes back to people. Raises
    ``SubscribersOnly`` where its author may not comment any more.
    """
    post = session.get_one(Post, (site.id, comment.post_id))
    reader = session.get(Reader, (site.id, comment.reader_id)) if comment.reader_id else None
    commenting.check(session, site, comment.reader_id, reader.roles if reader else ())
    old_status, hashed = comment.status, facts.text_hash(text)
    gathered = facts.gather(
        session, text=text, hashed=hashed, policy=policy, post=post, reader=reader, signals=comment.signals,
        but_not=comment.id, hook=asked.answer if asked else None,
    )  # fmt: skip
    verdict = decide(scored.scores, policy, gathered)
    if old_status is Status.REJECTED and comment.decided_by != "policy" and verdict.status is Status.PUBLISHED:
        reason = Reason("edited_after_rejection", "A person rejected it before this edit, so a person looks again.")
        verdict = Verdict(Status.PENDING, [reason], verdict.policy_version)
    session.add(Revision(comment_id=comment.id, version=comment.version, text=comment.text))
    comment.text, comment.text_hash, comment.decided_by = text, hashed, "policy"
    apply(comment, verdict, scored, policy)
    if verdict.status is Status.PENDING:
        comment.priority = commenting.priority(session, site, comment.reader_id)
    _turn(session, comment, verdict.status, shown=True)
    log(session, comment, kind="edited", old_status=old_status, actor="policy", verdict=verdict,
        hook=asked.as_dict() if asked else None)  # fmt: skip
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
    _turn(session, comment, status, shown=status is not old_status)
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
    _turn(session, comment, comment.status, shown=True)
    log(session, comment, kind="deleted", old_status=comment.status, actor=actor)
    audit.record(session, site_id=comment.site_id, actor=actor, action="comment.deleted", subject=comment.id)
    data = {
        "id": comment.id, "version": comment.version, "sequence": next_sequence(session, comment),
        "external_id": comment.external_id,
    }  # fmt: skip
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


def apply(comment: Comment, verdict: Verdict, scored: Scored, policy: Policy) -> None:
    comment.reasons = [reason.as_dict() for reason in verdict.reasons]
    comment.scores = {label: round(value, 4) for label, value in (scored.scores or {}).items()}
    comment.harm = expected_harm(comment.scores, policy.thresholds)
    comment.model_version, comment.policy_version = scored.model_version, policy.version


def expected_harm(scores: Mapping[str, float], thresholds: Mapping[str, Threshold]) -> float:
    """The largest share, 0..1, of the way from 0 to a label's reject line."""
    shares = [scores.get(label, 0.0) / max(lines.reject_above, 1e-6) for label, lines in thresholds.items()]
    return round(min(1.0, max(shares, default=0.0)), 4)


def _turn(session: Session, comment: Comment, status: Status, *, shown: bool) -> None:
    # Two people may hold the same version: the database lets one of them on, whatever each has read.
    took = session.connection().execute(_NEXT_VERSION, {"of_comment": comment.id, "seen": comment.version})
    if took.rowcount != 1:
        raise StaleVersion("Somebody changed it at the same moment; nothing was done.")
    comment.status = status
    comment.version += 1
    comment.updated_at = utc_now()
    session.flush()
    if shown:
        touch_thread(session, comment)


def touch_thread(session: Session, comment: Comment) -> None:
    """Count a change of what the public thread shows."""
    # Counted by the database: two requests at once must both be seen.
    session.connection().execute(_TOUCH, {"of_site": comment.site_id, "of_post": comment.post_id})


def log(
    session: Session, comment: Comment, *, kind: str, old_status: Status | None, actor: str,
    verdict: Verdict | None = None, **more: Any,
) -> Decision:  # fmt: skip
    """Write the Decision row of the comment's present version; the returned object is not attached."""
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
        **({"note": ""} | more),
    )
    # Core, not the unit of work: one row whose every value is known, on the path of every comment.
    session.connection().execute(_LOG, {name: getattr(decision, name) for name in _DECISION_COLUMNS})
    return decision


def next_sequence(session: Session, comment: Comment) -> int:
    """Return the number of the comment's next event: 1, 2, 3 ... without gaps, whatever the event tells."""
    return int(session.connection().execute(_NEXT_SEQUENCE, {"of_comment": comment.id}).scalar_one())


def announce(session: Session, comment: Comment, type: str | None = None, *, sequence: int | None = None) -> None:
    """Put the comment's state in the outbox; by default as ``comment.<status>``, with the next number.

    The text is not in it: a body of 50,000 characters would not fit, and an erasure could not call it back.
    """
    data = {
        "id": comment.id,
        "version": comment.version,
        "sequence": sequence or next_sequence(session, comment),
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
