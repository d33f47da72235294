"""Coral's external moderation phase and webhooks on the wire: signatures, what is asked, and Coral's words.

Read leniently: whatever Coral cannot make sense of here it answers by publishing the comment unmoderated, so
nothing but the text is required. Source: coralproject/talk, ``docs/docs/external-moderation-phases.md``,
``docs/docs/webhooks.md``, ``server/src/core/server/services/comments/pipeline/phases/external.ts`` (July 2026).
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from moderation.errors import Invalid, Malformed
from moderation.policy import Status

SECRET = re.compile(r"[\x21-\x7e]{8,255}")
MOST_CHARACTERS = 50_000
MOST_ID, _MOST_ROLE, _MOST_URL = 255, 50, 2_000
# Events of Coral's webhooks after which a comment there is worth looking at.
LEFT_QUEUE = "COMMENT_LEFT_MODERATION_QUEUE"
ABOUT_COMMENTS = (
    LEFT_QUEUE, "COMMENT_ENTERED_MODERATION_QUEUE", "COMMENT_CREATED", "COMMENT_REPLY_CREATED",
)  # fmt: skip
_MAC = re.compile(r"[0-9a-f]{64}")
_MOST_PARTS = 20
_HOSTILE = re.compile("[\x00\ud800-\udfff]")
_TAG = re.compile(r"<[^<>]{0,4000}>")
_FLAGS = {"abuse": "COMMENT_DETECTED_TOXIC", "spam": "COMMENT_DETECTED_SPAM"}
_ABUSE_CODES = {"identity_attack": "HATE_SPEECH", "obscene": "OFFENSIVE"}
# REJECTION_REASON_CODE of Coral -> a reason of ours, where a person there rejected.
_REASONS = {
    "SPAM": "spam", "AD": "spam", "OFFENSIVE": "abuse", "ABUSIVE": "abuse", "HARASSMENT_BULLYING": "abuse",
    "HATE_SPEECH": "abuse", "ILLEGAL_CONTENT": "illegal", "IRRELEVANT_CONTENT": "off_topic",
}  # fmt: skip
_CODES = {"spam": "SPAM", "abuse": "ABUSIVE", "illegal": "ILLEGAL_CONTENT", "off_topic": "IRRELEVANT_CONTENT"}


def is_signed(header: str, body: bytes, secrets: Sequence[str]) -> bool:
    """Whether ``X-Coral-Signature`` proves this body under one of the secrets; Coral signs no time."""
    pairs = [part.strip().partition("=") for part in header.split(",")[:_MOST_PARTS]]
    given = [value for name, _, value in pairs if name == "sha256" and _MAC.fullmatch(value)]
    expected = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets]
    # All are compared, so that the time tells nothing of which one it was.
    matches = [hmac.compare_digest(mac, value) for mac in expected for value in given]
    return any(matches)


@dataclass(frozen=True)
class Asked:
    """One request of the phase; what was not sent is empty. ``key``: the same question has the same one."""

    key: str
    is_edit: bool
    body: str
    parent_id: str
    author_id: str
    role: str
    story_id: str
    story_url: str


def read_request(raw: bytes) -> Asked:
    """Read a signed request; raise ``Malformed`` or ``Invalid`` for one that names no text."""
    data = read_object(raw)
    comment, author, story = (_object(data.get(name)) for name in ("comment", "author", "story"))
    body = comment.get("body")
    if not isinstance(body, str):
        raise Invalid.field("comment/body", "Must be a string.")
    named = [data.get("tenantID"), story.get("id"), author.get("id"), data.get("action"), body]
    return Asked(
        key=hashlib.sha256(json.dumps(named).encode()).hexdigest(),
        is_edit=data.get("action") == "EDIT",
        body=_HOSTILE.sub("", body),
        parent_id=_id(comment.get("parentID")),
        author_id=_id(author.get("id")),
        role=_text(author.get("role"))[:_MOST_ROLE].lower(),
        story_id=_id(story.get("id")),
        story_url=_text(story.get("url"))[:_MOST_URL],
    )


def read_object(raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object in ``raw``; raise ``Malformed`` where there is none."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise Malformed("The body is not a JSON object in UTF-8.")
    return data


def comment_of_event(data: Mapping[str, Any]) -> str:
    """The id of the comment that a webhook is about; empty for every other event."""
    told = _object(data.get("data")).get("commentID")
    return _id(told) if data.get("type") in ABOUT_COMMENTS else ""


def answer(status: Status, reasons: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What the phase answers to a verdict (protocols.md 6.4); None is no opinion, so that later phases go on."""
    if status is Status.PUBLISHED:
        return None
    by_scores = [code for code in dict.fromkeys(reason["code"] for reason in reasons) if code in _FLAGS]
    flags = [{"actionType": "FLAG", "reason": _FLAGS[code]} for code in by_scores]
    if status is Status.PENDING:
        return {"status": "SYSTEM_WITHHELD", "actions": flags} if flags else {"status": "PREMOD"}
    why = {"status": "REJECTED", "rejectionReason": _rejection(reasons)}
    return {"status": "REJECTED", **({"actions": flags} if flags else {}), "moderationAction": why}


def _rejection(reasons: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    first = reasons[0] if reasons else {"code": "", "detail": ""}
    if first["code"] == "abuse":
        return {"code": _ABUSE_CODES.get(str(first.get("label")), "ABUSIVE")}
    if first["code"] == "blocked_word":
        return {"code": "BANNED_WORD"}
    if first["code"] in _CODES:
        return {"code": _CODES[first["code"]]}
    return {"code": "OTHER", **({"customReason": first["detail"]} if first["detail"] else {})}


def rejection_code(reason: str | None) -> str:
    """Coral's word for the reason of a decision made here."""
    return _CODES.get(reason or "", "OTHER")


def reason_of(code: str, flags: Mapping[str, Any]) -> str | None:
    """Our reason for a rejection by Coral's people: their code, else the flags that it had; None: it is not known."""
    if code:
        return _REASONS.get(code, "other")
    counts = {name: count for name, count in flags.items() if isinstance(count, int) and count > 0}
    spam = sum(counts.get(name, 0) for name in ("COMMENT_DETECTED_SPAM", "COMMENT_REPORTED_SPAM"))
    abuse = sum(
        counts.get(name, 0)
        for name in ("COMMENT_DETECTED_TOXIC", "COMMENT_REPORTED_ABUSIVE", "COMMENT_REPORTED_OFFENSIVE")
    )
    if not spam and not abuse:
        return None
    return "spam" if spam > abuse else "abuse"


def sum_of(body: str, *, html: bool = True) -> str:
    """A sum of the letters alone: Coral sends HTML or text to a phase, and HTML to everybody else."""
    text = unescape(_TAG.sub("", body)) if html else body
    return hashlib.sha256("".join(text.split()).encode("utf-8", "replace")).hexdigest()


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return _HOSTILE.sub("", value) if isinstance(value, str) else ""


def _id(value: Any) -> str:
    """An id as it is; a longer one by its sum: cut off, two might become one."""
    text = _text(value)
    return text if len(text) <= MOST_ID else hashlib.sha256(text.encode()).hexdigest()
