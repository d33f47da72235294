"""The words of a policy: statuses, lines, rules, facts, reasons, verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    PUBLISHED = "published"
    PENDING = "pending"
    REJECTED = "rejected"


class Action(StrEnum):
    PUBLISH = "publish"
    QUEUE = "queue"
    REJECT = "reject"


STATUS_OF = {Action.PUBLISH: Status.PUBLISHED, Action.QUEUE: Status.PENDING, Action.REJECT: Status.REJECTED}
LABELS = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack", "spam")
DECISION_REASONS = ("abuse", "spam", "off_topic", "personal_data", "illegal", "other")
SITE_HOOK = "site_hook"
TRUSTED_READER = "trusted_reader"


@dataclass(frozen=True)
class Threshold:
    """Two lines of one label, both in 0..1; ``publish_below`` is never above ``reject_above``."""

    publish_below: float
    reject_above: float


@dataclass(frozen=True)
class Rule:
    """One step of the list: a name of ``RULES``, what to do when it fires, and its parameters."""

    rule: str
    action: Action
    enabled: bool = True
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    version: int
    thresholds: Mapping[str, Threshold]
    rules: Sequence[Rule]


@dataclass(frozen=True)
class HookAnswer:
    """What the site's own rule said of a comment; ``action`` is None where no valid answer came, ``error`` says why.

    ``reason`` is one of ``DECISION_REASONS``, or None; ``detail`` a sentence for a person, or empty.
    """

    action: str | None = None
    reason: str | None = None
    detail: str = ""
    error: str = ""


@dataclass(frozen=True)
class Facts:
    """What the rules may ask about a comment, its post and its reader; gathered by ``services.facts``."""

    characters: int
    visible_characters: int
    links: int = 0
    blocked_words: Sequence[str] = ()
    post_mode: str = "open"
    reader_banned: bool = False
    reader_premoderated: bool = False
    reader_published: int | None = None
    # None: no rule asks for it, or the reader is not known.
    reader_standing: float | None = None
    reader_roles: Sequence[str] = ()
    same_text_by_reader: int = 0
    same_text_on_site: int = 0
    honeypot_filled: bool = False
    # None: the site's own rule was not asked, which counts as no answer.
    hook: HookAnswer | None = None


@dataclass(frozen=True)
class Reason:
    """Why, for a machine (``code``) and for a person (``detail``)."""

    code: str
    detail: str
    label: str | None = None
    value: float | None = None
    threshold: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Verdict:
    """What the policy says; becomes a Decision when it is stored."""

    status: Status
    reasons: Sequence[Reason]
    policy_version: int
