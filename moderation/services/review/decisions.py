"""A person decides: approve, reject, keep, answer an appeal, and take it back."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import NotFound, StaleVersion, StateForbids
from moderation.models import Appeal, Comment, Decision, Flag, Moderator
from moderation.policy import DECISION_REASONS, Status
from moderation.services import comments
from moderation.services.review import wording

# How far back a moderator can undo.
UNDOABLE = 20


def find(session: Session, site_id: str, id: str) -> Comment:
    """The site's comment, for deciding; one that was taken down meanwhile is said to be so."""
    comment = session.get(Comment, id)
    if comment is None or comment.site_id != site_id:
        raise NotFound("There is no such reply here.")
    if comment.deleted_at is not None:
        raise StateForbids(wording.what_happened(session, comment))
    return comment


def decide(
    session: Session, comment: Comment, status: Status, *, version: int, moderator: Moderator,
    reason: str | None = None, note: str = "",
) -> Decision:  # fmt: skip
    """Publish or reject the version that the moderator saw; that handles its reports, too."""
    _check_version(session, comment, version)
    if open_appeal(session, comment) is not None:
        raise StateForbids("Its author has appealed meanwhile: answer the appeal. Nothing was decided.")
    decision = comments.set_status(
        session,
        comment,
        status,
        actor=f"moderator:{moderator.id}",
        reason=reason,
        note=note,
        moderator_id=moderator.id,
    )
    _handle_flags(session, decision)
    return decision


def already(
    session: Session, comment: Comment, status: Status, *, version: int, moderator: Moderator, reason: str | None
) -> Decision | None:
    """Return this very decision where this person has made it: a repeat after a lost answer decides nothing twice."""
    if comment.version == version:
        return None
    made = session.scalar(
        sa.select(Decision).where(
            Decision.comment_id == comment.id, Decision.comment_version == version + 1,
            Decision.moderator_id == moderator.id, Decision.kind == "decided", Decision.new_status == status,
        )
    )  # fmt: skip
    return made if made is not None and (reason is None or made.reason == reason) else None


def answer_appeal(
    session: Session, comment: Comment, *, overturn: bool, version: int, moderator: Moderator, note: str = ""
) -> Decision:
    """Decide an open appeal; whoever made the decision that is appealed leaves it to a colleague."""
    appeal = open_appeal(session, comment)
    if appeal is None:
        raise StateForbids(f"No appeal is open on it. {wording.what_happened(session, comment)}")
    _check_version(session, comment, version)
    standing = in_force(history_of(session, comment))
    if standing is not None and standing.moderator_id == moderator.id:
        raise StateForbids("You made the appealed decision, so a colleague looks at it. Nothing changed.")
    decision = comments.set_status(
        session,
        comment,
        Status.PUBLISHED if overturn else Status.REJECTED,
        actor=f"moderator:{moderator.id}",
        reason=None if overturn else reason_of(comment, standing),
        note=note,
        moderator_id=moderator.id,
    )
    appeal.state = "overturned" if overturn else "upheld"
    appeal.decided_at, appeal.outcome_id = decision.created_at, decision.id
    _handle_flags(session, decision)
    session.flush()
    return decision


def undo(session: Session, site_id: str, *, moderator: Moderator, decision_id: str | None = None) -> Comment:
    """Take back one of a moderator's last decisions (by default the last): the exact state before."""
    decision = _to_undo(session, site_id, moderator, decision_id)
    comment = find(session, site_id, decision.comment_id)
    if comment.version != decision.comment_version or decision.old_status is None:
        raise StaleVersion(f"{wording.what_happened(session, comment)} Your decision was not taken back.")
    before = in_force(history_of(session, comment), until=decision.comment_version)
    comments.set_status(
        session, comment, decision.old_status, actor=f"moderator:{moderator.id}", kind="undone",
        moderator_id=moderator.id, undoes_id=decision.id,
    )  # fmt: skip
    comment.decided_by = "policy" if before is None or before.actor == "policy" else "moderator"
    _reopen(session, decision)
    session.flush()
    return comment


def undoable(session: Session, site_id: str, moderator_id: str) -> Sequence[Decision]:
    """A moderator's last decisions that still stand, newest first."""
    undone = sa.select(Decision.undoes_id).where(Decision.undoes_id.is_not(None), Decision.moderator_id == moderator_id)
    mine = sa.select(Decision).where(
        Decision.site_id == site_id, Decision.moderator_id == moderator_id, Decision.kind == "decided"
    )
    last = session.scalars(mine.order_by(Decision.id.desc()).limit(UNDOABLE)).all()
    taken_back = set(session.scalars(undone.where(Decision.undoes_id.in_([row.id for row in last]))))
    return [row for row in last if row.id not in taken_back]


def _to_undo(session: Session, site_id: str, moderator: Moderator, decision_id: str | None) -> Decision:
    candidates = undoable(session, site_id, moderator.id)
    if decision_id is None and not candidates:
        raise StateForbids("You have no decision here that could be taken back.")
    for candidate in candidates:
        if decision_id in (None, candidate.id):
            return candidate
    raise StateForbids(f"Only your own last {UNDOABLE} decisions can be taken back, each once. Nothing changed.")


def in_force(history: Sequence[Decision], *, until: int | None = None) -> Decision | None:
    """The decision that stands after undos; with ``until``, that of the versions before it."""
    standing: list[Decision] = []
    for row in history:
        if until is not None and row.comment_version >= until:
            break
        if row.kind == "undone":
            standing = [kept for kept in standing if kept.id != row.undoes_id]
        elif row.kind != "deleted":
            standing.append(row)
    return standing[-1] if standing else None


def history_of(session: Session, comment: Comment) -> Sequence[Decision]:
    query = sa.select(Decision).where(Decision.comment_id == comment.id)
    return session.scalars(query.order_by(Decision.comment_version)).all()


def open_appeal(session: Session, comment: Comment) -> Appeal | None:
    if comment.status is not Status.REJECTED:
        return None
    return session.scalar(sa.select(Appeal).where(Appeal.comment_id == comment.id, Appeal.state == "open"))


def reason_of(comment: Comment, standing: Decision | None) -> str:
    """The reason, from the site's list, for which a comment stands rejected."""
    codes = [standing.reason if standing else None, *(reason.get("code") for reason in comment.reasons)]
    return next((code for code in codes if code in DECISION_REASONS), "other") or "other"


def _check_version(session: Session, comment: Comment, version: int) -> None:
    if comment.version != version:
        raise StaleVersion(wording.what_happened(session, comment))


def _handle_flags(session: Session, decision: Decision) -> None:
    # The decision's own time: undoing it finds the very reports that it handled.
    session.execute(
        sa.update(Flag)
        .where(Flag.comment_id == decision.comment_id, Flag.handled_at.is_(None))
        .values(handled_at=decision.created_at)
    )


def _reopen(session: Session, decision: Decision) -> None:
    session.execute(
        sa.update(Flag)
        .where(Flag.comment_id == decision.comment_id, Flag.handled_at == decision.created_at)
        .values(handled_at=None)
    )
    session.execute(
        sa.update(Appeal).where(Appeal.outcome_id == decision.id).values(state="open", decided_at=None, outcome_id=None)
    )
