"""Comments that Akismet's clients ask about: checked like any reply, and reported on later as spam or ham."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.akismet import Submission
from moderation.ids import new_id
from moderation.models import Comment, table_of
from moderation.policy import Facts, Policy, Status, decide, without_hook
from moderation.services import comments, facts, feedback
from moderation.services.comments import Scored

SOURCE = "akismet"
# Far above any reject line: no person need ever see it.
DISCARD_ABOVE = 0.99
_MOST_ID = 255
_COMMENTS = table_of(Comment).c
# Core, as all of intake: it is asked before every check, and mostly in vain.
_KNOWN = sa.select(_COMMENTS.id).where(
    _COMMENTS.site_id == sa.bindparam("site"),
    _COMMENTS.external_id == sa.bindparam("external_id"),
)


@dataclass(frozen=True)
class Answer:
    """What Akismet's words are made of; ``guid`` is the comment's id where it is stored."""

    status: Status
    is_blatant: bool = False
    # Rejected, and for nothing but abuse: Akismet's clients have no word for it.
    is_abuse: bool = False
    guid: str = field(default_factory=lambda: new_id("chk"))


def merged(plain: Scored, with_author: Scored) -> Scored:
    """The text's scores, with the higher score for spam of the text alone and the text with its author."""
    if plain.scores is None or with_author.scores is None:
        return Scored(None, plain.model_version)
    spam = max(plain.scores["spam"], with_author.scores["spam"])
    return Scored({**plain.scores, "spam": spam}, plain.model_version)


def known(session: Session, site: Any, submission: Submission, secret: str) -> Comment | None:
    """The comment that was checked before under the same content, author, e-mail and address, taken down or not."""
    asked = {"site": site.id, "external_id": _name(submission, secret)}
    id = session.connection().execute(_KNOWN, asked).scalar_one_or_none()
    return session.get_one(Comment, id) if id else None


def judge(submission: Submission, policy: Policy, scored: Scored) -> Answer:
    """Say what would be decided by the text alone, and keep nothing: for tests."""
    gathered = Facts(**facts.of_text(submission.text, policy), honeypot_filled=submission.honeypot_filled)
    verdict = decide(scored.scores, without_hook(policy), gathered)
    return _answer(verdict.status, [reason.as_dict() for reason in verdict.reasons])


def as_reply(submission: Submission, secret: str) -> dict[str, Any]:
    """The submission in the words of our own API."""
    return {
        "external_id": _name(submission, secret),
        "post": _post(submission),
        "parent_id": None,
        "reader": _reader(submission),
        "text": submission.text,
        "created_at": submission.created_at,
        "signals": {"honeypot_filled": submission.honeypot_filled, "type": submission["comment_type"][:50]},
    }


def answer_for(comment: Comment) -> Answer:
    """What is said of a stored comment: what a person has decided since then is said as it is."""
    said = _answer(comment.status, comment.reasons if comment.decided_by == "policy" else ())
    return replace(said, guid=comment.id)


def report(session: Session, site: Any, submission: Submission, *, is_spam: bool, secret: str, actor: str) -> None:
    """Missed spam or a false alarm: a decision on the checked comment, or a label of its own where none is known.

    Saying the same twice is saying it once.
    """
    comment = known(session, site, submission, secret)
    if comment is None:
        name, labels = [_name(submission, secret)], {"spam": float(is_spam)}
        feedback.record(session, site, source=SOURCE, names=name, text=submission.text, labels=labels, actor=actor)
        return
    status = Status.REJECTED if is_spam else Status.PUBLISHED
    if comment.deleted_at is not None:
        # Its text was erased on somebody's wish: it does not come back as a label.
        return
    if comment.decided_by != "moderator" or comment.status is not status:
        reason = "spam" if is_spam else None
        comments.set_status(session, comment, status, actor=f"{SOURCE}:{actor}", reason=reason)


def _answer(status: Status, reasons: Sequence[Mapping[str, Any]]) -> Answer:
    rejected = status is Status.REJECTED
    spam = [reason.get("value") or 0.0 for reason in reasons if reason["code"] == "spam"]
    codes = {reason["code"] for reason in reasons}
    return Answer(
        status,
        is_blatant=rejected and max(spam, default=0.0) >= DISCARD_ABOVE,
        is_abuse=rejected and codes == {"abuse"},
    )


def _name(submission: Submission, secret: str) -> str:
    # Keyed: without the secret nobody can try out which address wrote it.
    told = json.dumps(submission.identity).encode("utf-8", "surrogatepass")
    return f"{SOURCE}-{hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()}"


def _post(submission: Submission) -> dict[str, Any]:
    url = submission["permalink"][:2_000]
    id = submission["comment_post_ID"] or url or submission["blog"]
    # A longer address is named by its hash: cut off, two posts might become one.
    short = id if len(id) <= _MOST_ID else hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()
    return {"id": short, **({"url": url} if url else {})}


def _reader(submission: Submission) -> dict[str, Any]:
    """The reader: under the site's own id, else under the e-mail, else by name alone, which is not kept as a reader."""
    email = submission["comment_author_email"][:254]
    number = submission["user_ID"] if submission["user_ID"] != "0" else ""
    told = {
        "id": (number or email.lower())[:_MOST_ID],
        "name": submission["comment_author"][:100],
        "email": email,
        "url": submission["comment_author_url"][:2_000],
        "roles": [role.strip()[:50] for role in submission["user_role"].split(",")[:20] if role.strip()],
    }
    return {name: value for name, value in told.items() if value}
