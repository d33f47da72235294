"""People's decisions, and feedback from outside, as training rows, each with where it comes from.

What counts is the last decision of a person on a comment that was not taken back, on the text that the
person saw. The mapping to labels says no more than the decision did: what it leaves open stays unknown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Comment, Decision, Revision, Site
from moderation.policy import LABELS, Status
from moderation.services import facts, feedback, policies

ABUSE_LABELS = tuple(label for label in LABELS if label != "spam")
# Decisions made by people (moderators and site keys), and the taking back of one.
_PERSONAL = ("decided", "undone")
# What one actor's rows may weigh together however few there are of others: a small site has one moderator
# who does nearly everything.
FREE_WEIGHT = 200.0
# What came through a door of another protocol was seen by nobody here: it counts half, and never against a decision.
OUTSIDE_WEIGHT = 0.5


@dataclass(frozen=True)
class LabelledRow:
    """A text with what a person's decision says of it; a label that is absent is unknown.

    ``labels`` holds 0.0 or 1.0; ``weight`` is at most 1. Feedback from outside has no comment, its own id
    in the place of a decision's, and the door in ``source``.
    """

    comment_id: str
    decision_id: str
    site: str
    actor: str
    decided_at: datetime
    text: str
    labels: Mapping[str, float]
    weight: float = 1.0
    source: str = "decision"


def from_decisions(session: Session, *, site: Site | None = None, since: datetime | None = None) -> list[LabelledRow]:
    """Return the training rows of one site or of all: feedback from outside, then decisions, each oldest first.

    The same text decided several times on a site counts once, as it was decided last, and a decision counts
    before feedback. Where several people decided, none of them outweighs all others together, beyond
    ``FREE_WEIGHT``.
    """
    rows: dict[tuple[str, str], LabelledRow] = {}
    decided = sorted(_rows(session, site, since), key=lambda row: row.decided_at)
    for row in (*_from_outside(session, site, since), *decided):
        key = (row.site, facts.text_hash(row.text))
        rows.pop(key, None)
        rows[key] = row
    return balanced(list(rows.values()))


def balanced(rows: Sequence[LabelledRow]) -> list[LabelledRow]:
    """Let one actor's rows weigh no more together than everybody else's, or than ``FREE_WEIGHT``."""
    own: dict[str, float] = {}
    for row in rows:
        own[row.actor] = own.get(row.actor, 0.0) + row.weight
    everybody = sum(own.values())
    several = len(own) > 1
    most = {actor: max(everybody - total, FREE_WEIGHT) if several else total for actor, total in own.items()}
    share = {actor: min(1.0, most[actor] / total) for actor, total in own.items()}
    return [replace(row, weight=round(row.weight * share[row.actor], 6)) for row in rows]


def labels_of(decision: Decision, publish_lines: Mapping[str, float]) -> dict[str, float]:
    """What a decision says: approved is neither abuse nor spam; rejected as abuse is toxic.

    Of the kinds of abuse those count whose score was over the site's publish line: the person saw them
    named and confirmed. The other reasons (off_topic, personal_data, illegal, other) say nothing of labels.
    """
    if decision.new_status is Status.PUBLISHED:
        return dict.fromkeys(LABELS, 0.0)
    if decision.reason == "abuse":
        lines = {name: line for name, line in publish_lines.items() if name in ABUSE_LABELS}
        over = [name for name, line in lines.items() if decision.scores.get(name, 0.0) >= line]
        return dict.fromkeys(["toxicity", *over], 1.0)
    return {"spam": 1.0} if decision.reason == "spam" else {}


def _rows(session: Session, site: Site | None, since: datetime | None) -> Iterator[LabelledRow]:
    query = (
        sa.select(Decision, Comment, Site)
        .join(Comment, Comment.id == Decision.comment_id)
        .join(Site, Site.id == Decision.site_id)
        .where(Decision.kind.in_(_PERSONAL), Comment.deleted_at.is_(None))
        .order_by(Decision.comment_id, Decision.comment_version)
        .execution_options(yield_per=1_000)
    )
    if site is not None:
        query = query.where(Decision.site_id == site.id)
    for _, found in groupby(session.execute(query), key=lambda row: row.Decision.comment_id):
        row = _of_comment(session, list(found))
        if row is not None and (since is None or row.decided_at >= since):
            yield row


def _from_outside(session: Session, site: Site | None, since: datetime | None) -> Iterator[LabelledRow]:
    for said, name in feedback.rows(session, site, since):
        if said.text.strip():
            yield LabelledRow(
                "", said.id, name, f"{said.source}:{said.actor}", said.updated_at, said.text, said.labels,
                OUTSIDE_WEIGHT, said.source,
            )  # fmt: skip


def _of_comment(session: Session, found: Sequence[Any]) -> LabelledRow | None:
    decision = standing(row.Decision for row in found)
    if decision is None:
        return None
    comment, site = found[0].Comment, found[0].Site
    labels = labels_of(decision, _publish_lines(session, site, decision.policy_version))
    text = _text_seen(session, comment, decision)
    if not labels or not text.strip():
        return None
    return LabelledRow(comment.id, decision.id, site.name, decision.actor, decision.created_at, text, labels)


def _publish_lines(session: Session, site: Site, policy_version: int) -> dict[str, float]:
    # What was imported was decided under no policy of ours.
    if policy_version == 0:
        return {}
    policy = policies.at_version(session, site, policy_version)
    return {name: lines.publish_below for name, lines in policy.thresholds.items()}


def standing(decisions: Iterable[Decision]) -> Decision | None:
    """The last decision that was not taken back, of one comment's rows in order."""
    rows = list(decisions)
    taken_back = {row.undoes_id for row in rows if row.kind == "undone"}
    kept = [row for row in rows if row.kind == "decided" and row.id not in taken_back]
    return kept[-1] if kept else None


def _text_seen(session: Session, comment: Comment, decision: Decision) -> str:
    """The text as it was decided on: a later edit is another text."""
    if comment.version == decision.comment_version:
        return comment.text
    seen = sa.select(Revision.text).where(
        Revision.comment_id == comment.id, Revision.version >= decision.comment_version
    )
    earlier = session.scalar(seen.order_by(Revision.version).limit(1))
    return comment.text if earlier is None else earlier
