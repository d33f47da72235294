"""The way back: what Coral's people decided becomes labels here, and what our desk decided reaches Coral.

A request of the phase has no comment id. So a webhook only says at which comment to look; the look, through
Coral's API, gives id, revision, author, story and text together, and joins by author, story and the letters of
the text. Without an access token nothing can be joined, and nothing is guessed.

What is to be done stands in the database as a state, not as a list of tasks: a comment whose status at Coral is
not yet what a person here decided is due until it is. Each errand is claimed with a lease, run outside any
transaction, and recorded; done twice it has the effect of once, since it sets a status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation import coral, coral_graphql
from moderation.coral_graphql import STATUS_AFTER, Found, Unanswered
from moderation.models import Comment, CoralComment, CoralLook, CoralSite, Decision, Site, insert_missing
from moderation.policy import LABELS, Status
from moderation.services import comments, feedback
from moderation.services.coral.accounts import BY_DESK
from moderation.services.coral.phase import EXTERNAL_ID
from moderation.services.moving.html_text import plain
from moderation.services.moving.record import MOST_CHARACTERS, Refusal

SOURCE = "coral"
# Before each further attempt; after the last one it is given up, and `integration retry` begins anew.
WAITS_SECONDS = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600)
_MOST_ERROR = 500
_STATUS = {"APPROVED": Status.PUBLISHED, "REJECTED": Status.REJECTED}
_UNSEEN = {"synchronize_session": False}


@dataclass(frozen=True)
class Errand:
    """One call of Coral's API, claimed: all that is needed, so that nothing is asked of the database meanwhile.

    ``comment_id`` is our comment whose decision is sent; empty for a look at ``coral_id``.
    """

    site_id: str
    url: str
    token: str
    body: bytes
    coral_id: str
    seen_at: datetime
    comment_id: str = ""
    wanted: str = ""


def note(session: Session, account: Any, event: Mapping[str, Any], *, now: datetime) -> bool:
    """Take down that a comment at Coral is worth a look; return whether it is. The same one twice is one look."""
    coral_id = coral.comment_of_event(event)
    # Where Coral's people decide only their decisions matter; a desk must know every comment.
    matters = account.decides == BY_DESK or event.get("type") == coral.LEFT_QUEUE
    if not (coral_id and account.token and matters):
        return False
    key = {"site_id": account.site_id, "coral_id": coral_id}
    insert_missing(session, CoralLook, key | {"asked_at": now, "due_at": now, "attempts": 0, "error": ""})
    again = sa.update(CoralLook).filter_by(**key).values(asked_at=now, due_at=now, attempts=0)
    session.execute(again, execution_options=_UNSEEN)
    return True


def any_due(session: Session, *, now: datetime) -> bool:
    """Whether there may be an errand; nothing is locked."""
    looks = sa.select(CoralLook.coral_id).where(CoralLook.due_at <= now).limit(1)
    sends = (
        sa.select(CoralComment.comment_id)
        .join(Comment, Comment.id == CoralComment.comment_id)
        .where(CoralComment.due_at <= now, _differs())
        .limit(1)
    )
    return session.scalar(looks) is not None or session.scalar(sends) is not None


def claim(session: Session, *, now: datetime, lease: timedelta) -> Errand | None:
    """Take the next errand that is due and hold it for ``lease``; None where there is none."""
    return _claim_look(session, now, lease) or _claim_decision(session, now, lease)


def _claim_look(session: Session, now: datetime, lease: timedelta) -> Errand | None:
    query = (
        sa.select(CoralLook, CoralSite)
        .join(CoralSite, CoralSite.site_id == CoralLook.site_id)
        .where(CoralLook.due_at <= now, CoralSite.token != "")
        .order_by(CoralLook.due_at)
    )
    row = session.execute(query.limit(1)).first()
    if row is None:
        return None
    look, account = row
    here = sa.and_(CoralLook.site_id == look.site_id, CoralLook.coral_id == look.coral_id)
    if not _held(session, CoralLook, sa.and_(here, CoralLook.due_at == look.due_at), now + lease):
        return None
    return Errand(
        look.site_id, account.url, account.token, coral_graphql.look(look.coral_id), look.coral_id, look.asked_at
    )


def _claim_decision(session: Session, now: datetime, lease: timedelta) -> Errand | None:
    query = (
        sa.select(CoralComment, CoralSite, Comment)
        .join(CoralSite, CoralSite.site_id == CoralComment.site_id)
        .join(Comment, Comment.id == CoralComment.comment_id)
        .where(CoralComment.due_at <= now, CoralSite.decides == BY_DESK, _differs())
        .order_by(CoralComment.due_at)
    )
    row = session.execute(query.limit(1)).first()
    if row is None:
        return None
    link, account, comment = row
    if not _held(session, CoralComment, sa.and_(_is(link), CoralComment.due_at == link.due_at), now + lease):
        return None
    body = coral_graphql.decide(
        str(link.coral_id), link.revision_id, comment.status, code=coral.rejection_code(_reason(session, comment)),
        mutation_id=f"{comment.id}-{comment.version}",
    )  # fmt: skip
    wanted = STATUS_AFTER[comment.status]
    return Errand(link.site_id, account.url, account.token, body, str(link.coral_id), now, comment.id, wanted)


def _differs() -> sa.ColumnElement[bool]:
    """Whether a person here decided what Coral does not have yet."""
    ways = [
        sa.and_(Comment.status == ours, CoralComment.coral_status != theirs) for ours, theirs in STATUS_AFTER.items()
    ]
    by_people = sa.and_(Comment.decided_by == "moderator", Comment.deleted_at.is_(None))
    return sa.and_(CoralComment.coral_id.is_not(None), by_people, sa.or_(*ways))


def _held(session: Session, model: Any, here: sa.ColumnElement[bool], until: datetime) -> bool:
    done: Any = session.execute(sa.update(model).where(here).values(due_at=until), execution_options=_UNSEEN)
    return bool(done.rowcount == 1)


def _is(link: CoralComment) -> sa.ColumnElement[bool]:
    return CoralComment.comment_id == link.comment_id


def _reason(session: Session, comment: Comment) -> str | None:
    query = sa.select(Decision.reason).where(Decision.comment_id == comment.id)
    return session.scalar(query.where(Decision.comment_version == comment.version))


def record(session: Session, errand: Errand, status: int | None, raw: bytes, error: str, *, now: datetime) -> None:
    """Take in what came of an errand; a failure is told and tried again later, ever more seldom."""
    row = _row_of(session, errand)
    if row is None:
        return
    try:
        if errand.comment_id:
            _sent(session, row, errand, coral_graphql.status_after(status, raw, error), now)
            return
        found = coral_graphql.found(status, raw, error)
    except Unanswered as fault:
        _failed(row, str(fault), now)
    else:
        _looked(session, errand, row, found)
    session.flush()


def _row_of(session: Session, errand: Errand) -> Any:
    if errand.comment_id:
        return session.get(CoralComment, errand.comment_id)
    return session.get(CoralLook, (errand.site_id, errand.coral_id))


def _failed(row: CoralLook | CoralComment, why: str, now: datetime) -> None:
    given_up = row.attempts >= len(WAITS_SECONDS)
    row.due_at = None if given_up else now + timedelta(seconds=WAITS_SECONDS[row.attempts])
    row.attempts += 1
    row.error = why[:_MOST_ERROR]


def _sent(session: Session, link: CoralComment, errand: Errand, told: str, now: datetime) -> None:
    if told == errand.wanted:
        link.coral_status, link.attempts, link.error, link.due_at = told, 0, "", now
        return
    # It was edited there meanwhile, so the revision that was named is not its last one.
    _failed(link, f"Coral left it {told or 'as it was'}: it was edited there meanwhile.", now)
    key = {"site_id": link.site_id, "coral_id": errand.coral_id}
    insert_missing(session, CoralLook, key | {"asked_at": now, "due_at": now, "attempts": 0, "error": ""})


def _looked(session: Session, errand: Errand, look: CoralLook, found: Found | None) -> None:
    account = session.get_one(CoralSite, errand.site_id)
    site = session.get_one(Site, errand.site_id)
    if found is not None and found.id == errand.coral_id and not found.deleted:
        link = _join(session, account, found)
        if link is not None:
            _follow(session, link, found)
        elif found.moderator:
            _learn(session, site, account, found)
    # What was told since this look began asks for another one.
    done = sa.delete(CoralLook).where(
        CoralLook.site_id == look.site_id, CoralLook.coral_id == look.coral_id, CoralLook.asked_at == errand.seen_at
    )
    session.execute(done, execution_options=_UNSEEN)


def _join(session: Session, account: CoralSite, found: Found) -> CoralComment | None:
    """Our comment that is this one at Coral; after an edit there it is another one of ours, and the old one goes."""
    theirs = CoralComment.site_id == account.site_id
    linked = session.scalar(sa.select(CoralComment).where(theirs, CoralComment.coral_id == found.id))
    letters = coral.sum_of(found.body)
    if linked is None or letters not in (linked.html_sum, linked.text_sum):
        newer = _unjoined(session, account.site_id, found, letters)
        if newer is not None and linked is not None:
            _replace(session, linked)
        linked = newer or linked
    if linked is None:
        return None
    linked.coral_id, linked.revision_id = found.id, found.revision_id
    linked.coral_status = found.status
    _name(session, linked)
    session.flush()
    return linked


def _unjoined(session: Session, site_id: str, found: Found, letters: str) -> CoralComment | None:
    query = sa.select(CoralComment).where(
        CoralComment.site_id == site_id, CoralComment.coral_id.is_(None),
        CoralComment.story_id == found.story_id, CoralComment.author_id == found.author_id,
        sa.or_(CoralComment.html_sum == letters, CoralComment.text_sum == letters),
    )  # fmt: skip
    return session.scalars(query.order_by(CoralComment.comment_id)).first()


def _replace(session: Session, link: CoralComment) -> None:
    old = session.get_one(Comment, link.comment_id)
    link.coral_id = old.external_id = None
    session.flush()
    if old.deleted_at is None:
        comments.remove(session, old, actor=SOURCE)


def _name(session: Session, link: CoralComment) -> None:
    """Give our comment the name that an import from Coral would give it, unless that is taken."""
    comment, name = session.get_one(Comment, link.comment_id), f"{EXTERNAL_ID}{link.coral_id}"
    taken = sa.select(Comment.id).where(Comment.site_id == link.site_id, Comment.external_id == name)
    if comment.external_id is None and session.scalar(taken) is None and len(name) <= coral.MOST_ID:
        comment.external_id = name


def _follow(session: Session, link: CoralComment, found: Found) -> None:
    """Take over what a person at Coral decided, unless one here has decided already: then that is on its way."""
    comment, status = session.get_one(Comment, link.comment_id), _STATUS.get(found.status)
    if status is None or not found.moderator or comment.status is status or comment.deleted_at is not None:
        return
    if comment.decided_by == "moderator" and comment.status in STATUS_AFTER:
        return
    reason = (coral.reason_of(found.code, found.flags) or "other") if status is Status.REJECTED else None
    comments.set_status(session, comment, status, actor=f"{SOURCE}:{found.moderator[:100]}", reason=reason)


def _learn(session: Session, site: Site, account: CoralSite, found: Found) -> None:
    """Keep a decision of Coral's people on a comment that is not stored here, where it says anything of labels."""
    labels = _labels(found)
    text = _text(found.body)
    if labels and text:
        feedback.record(
            session, site, source=SOURCE, names=[account.url, found.id], text=text, labels=labels,
            actor=f"{SOURCE}:{found.moderator[:100]}",
        )  # fmt: skip


def _labels(found: Found) -> dict[str, float]:
    if found.status == "APPROVED":
        return dict.fromkeys(LABELS, 0.0)
    reason = coral.reason_of(found.code, found.flags) if found.status == "REJECTED" else None
    named = {"spam": ["spam"], "abuse": ["toxicity"]}.get(reason or "", [])
    return dict.fromkeys(named + (["identity_attack"] if found.code == "HATE_SPEECH" else []), 1.0)


def _text(body: str) -> str:
    try:
        return plain(body)[:MOST_CHARACTERS]
    except Refusal:
        return ""
