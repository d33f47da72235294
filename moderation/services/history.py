"""What happened to a comment, and the statement that its author is owed."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import StateForbids
from moderation.models import Comment, Decision, Revision
from moderation.policy import Status

_GROUNDS = {
    "abuse": "It attacks or demeans somebody, which this site's rules do not allow.",
    "spam": "It advertises, which this site's rules do not allow.",
    "off_topic": "It does not belong to the article's subject.",
    "personal_data": "It shows personal data of somebody.",
    "illegal": "Its content is held to be illegal.",
    "other": "It breaks this site's rules.",
}


def of_comment(session: Session, comment: Comment) -> list[dict[str, Any]]:
    """Every verdict and decision, oldest first; an edit carries the text that it replaced."""
    rows = session.scalars(
        sa.select(Decision).where(Decision.comment_id == comment.id).order_by(Decision.comment_version)
    )
    texts = {
        revision.version + 1: revision.text
        for revision in session.scalars(sa.select(Revision).where(Revision.comment_id == comment.id))
    }
    return [_item(row, texts) for row in rows]


def _item(decision: Decision, texts: dict[int, str]) -> dict[str, Any]:
    item = {key: value for key, value in vars(decision).items() if not key.startswith("_")}
    if decision.comment_version in texts:
        item["text_before"] = texts[decision.comment_version]
    return item


def statement(session: Session, comment: Comment) -> dict[str, Any]:
    """The statement of reasons (EU Digital Services Act, article 17) of the decision in force."""
    if comment.status is not Status.REJECTED:
        raise StateForbids("Only a rejection has a statement of reasons.", state=comment.status)
    last = sa.select(Decision).where(Decision.comment_id == comment.id).order_by(Decision.comment_version.desc())
    decision = session.scalars(last.limit(1)).one()
    by_policy = decision.actor == "policy"
    sentences = [reason["detail"] for reason in decision.reasons or comment.reasons]
    return {
        "comment_id": comment.id,
        "decision_id": decision.id,
        "restriction": "The comment is not shown.",
        "ground": _GROUNDS[decision.reason] if decision.reason else "It breaks this site's rules for comments.",
        "facts": sentences + ([decision.note] if decision.note else []),
        "automated_detection": bool(comment.scores),
        "automated_decision": by_policy,
        "decided_at": decision.created_at,
        "redress": "You can appeal; a person who has not decided on it before will look at it.",
    }
