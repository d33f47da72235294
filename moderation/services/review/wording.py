"""What happened, in plain sentences: who did what to a comment, and how long ago."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Comment, Decision, Moderator, utc_now
from moderation.policy import Status

_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_DID = {Status.PUBLISHED: "published", Status.REJECTED: "rejected", Status.PENDING: "put back into the queue"}


def ago(moment: datetime, now: datetime | None = None) -> str:
    """``12 seconds ago``, ``1 hour ago``: in the largest unit that fits."""
    seconds = int(((now or utc_now()) - moment).total_seconds())
    for length, unit in _STEPS:
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def what_happened(session: Session, comment: Comment) -> str:
    """Tell a moderator who comes second what was done first, and that nothing else was."""
    last = sa.select(Decision).where(Decision.comment_id == comment.id).order_by(Decision.comment_version.desc())
    decision = session.scalars(last.limit(1)).one()
    when = ago(decision.created_at)
    if decision.kind == "deleted":
        return f"It was taken down {when}. Nothing was decided."
    if decision.kind == "edited":
        return f"Its author edited it {when}, so it was scored again. Nothing was decided; look at the new text."
    who = actor_name(session, decision)
    if decision.kind == "undone":
        return f"{who} took a decision on it back {when}. Nothing was decided; look at it again."
    if decision.kind == "decided":
        return f"{who} {_DID[decision.new_status]} it {when}. Yours was not needed; nothing changed."
    return f"It was scored again {when}. Nothing was decided; look at it again."


def actor_name(session: Session, decision: Decision) -> str:
    """Who decided, as colleagues know them."""
    if decision.moderator_id is not None:
        return session.get_one(Moderator, decision.moderator_id).name
    return "The policy" if decision.actor == "policy" else "The site"
