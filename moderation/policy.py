"""The decision: scores, rules and facts in, verdict out. No database, no clock, no network.

A policy is an ordered list of rules and, for each label, two lines: below ``publish_below`` a score
publishes, at or above ``reject_above`` it rejects, between them people decide. Rules are read first to
last. Every rule that fires adds its reason; the strictest action of all reasons is the status, except
that a ``publish`` rule ends the reading: what stands after it, the scores included, is not asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
_SEVERITY = {Action.PUBLISH: 0, Action.QUEUE: 1, Action.REJECT: 2}
LABELS = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack", "spam")
DECISION_REASONS = ("abuse", "spam", "off_topic", "personal_data", "illegal", "other")
SITE_HOOK = "site_hook"


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


Check = Callable[[Facts, Mapping[str, Any]], Reason | None]


def _reason(code: str, fires: bool, detail: str) -> Reason | None:
    return Reason(code, detail) if fires else None


def _banned_reader(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    return _reason("banned_reader", facts.reader_banned, "This reader is banned from commenting.")


def _closed_post(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    return _reason("closed_post", facts.post_mode == "closed", "This post is closed for comments.")


def _empty(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    return _reason("empty", facts.visible_characters == 0, "There is nothing to read in it.")


def _honeypot(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    return _reason("honeypot", facts.honeypot_filled, "A field that people do not see was filled in.")


def _premoderated_post(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    fires = facts.post_mode == "premoderated"
    return _reason("premoderated_post", fires, "Comments on this post are looked at first.")


def _premoderated_reader(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    return _reason("premoderated_reader", facts.reader_premoderated, "This reader's comments are looked at first.")


def _trusted_role(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    trusted = [role for role in facts.reader_roles if role in params["roles"]]
    return _reason("trusted_role", bool(trusted), f"The site trusts its readers with the role {', '.join(trusted)}.")


def _blocked_words(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    words = ", ".join(f"“{word}”" for word in facts.blocked_words)
    return _reason("blocked_word", bool(facts.blocked_words), f"It contains words that this site blocks: {words}.")


def _too_long(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    most = params["max_characters"]
    return _reason(
        "too_long", facts.characters > most, f"It has {facts.characters} characters; this site allows {most}."
    )


def _too_many_links(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    most = params["max_links"]
    return _reason("too_many_links", facts.links > most, f"It has {facts.links} links; this site allows {most}.")


def _duplicate(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    return _reason(
        "duplicate",
        facts.same_text_by_reader > 0,
        "The same reader has posted the same text here in the last day.",
    )


def _repeated_text(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    fires = facts.same_text_on_site >= params["times"]
    return _reason(
        "repeated_text",
        fires,
        f"The same text was posted {facts.same_text_on_site} times on this site in the last day.",
    )


def _new_reader(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    needed = params["published_needed"]
    fires = facts.reader_published is None or facts.reader_published < needed
    return _reason("new_reader", fires, f"A reader's first {needed} comments are looked at by people.")


def _site_hook(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    said = facts.hook or HookAnswer()
    if params["dry_run"] or said.action == "none":
        return None
    if said.action is None:
        return Reason(SITE_HOOK, "The site's own rule gave no answer.")
    return Reason(said.reason or SITE_HOOK, said.detail or "The site's own rule says so.")


# name -> (check, parameters with their defaults); the order here is the order of the default policy.
RULES: Mapping[str, tuple[Check, Mapping[str, Any]]] = {
    "banned_reader": (_banned_reader, {}),
    "closed_post": (_closed_post, {}),
    "empty": (_empty, {}),
    "honeypot": (_honeypot, {}),
    "too_long": (_too_long, {"max_characters": 10_000}),
    "blocked_words": (_blocked_words, {"words": [], "patterns": []}),
    "duplicate": (_duplicate, {}),
    "trusted_role": (_trusted_role, {"roles": ["staff"]}),
    "premoderated_post": (_premoderated_post, {}),
    "premoderated_reader": (_premoderated_reader, {}),
    "repeated_text": (_repeated_text, {"times": 3}),
    "too_many_links": (_too_many_links, {"max_links": 3}),
    "new_reader": (_new_reader, {"published_needed": 1}),
    SITE_HOOK: (_site_hook, {"timeout_ms": 500, "dry_run": False}),
}

DEFAULT_RULES = (
    Rule("banned_reader", Action.REJECT),
    Rule("closed_post", Action.REJECT),
    Rule("empty", Action.REJECT),
    Rule("honeypot", Action.REJECT),
    Rule("too_long", Action.REJECT, params={"max_characters": 10_000}),
    Rule("blocked_words", Action.REJECT, params={"words": [], "patterns": []}),
    Rule("duplicate", Action.REJECT),
    Rule("trusted_role", Action.PUBLISH, enabled=False, params={"roles": ["staff"]}),
    Rule("premoderated_post", Action.QUEUE),
    Rule("premoderated_reader", Action.QUEUE),
    Rule("repeated_text", Action.QUEUE, params={"times": 3}),
    Rule("too_many_links", Action.QUEUE, params={"max_links": 3}),
    Rule("new_reader", Action.QUEUE, enabled=False, params={"published_needed": 1}),
    Rule(SITE_HOOK, Action.QUEUE, enabled=False, params={"timeout_ms": 500, "dry_run": False}),
)

_NAMES = {"obscene": "Obscenity"}


def decide(scores: Mapping[str, float] | None, policy: Policy, facts: Facts) -> Verdict:
    """Apply the policy. ``scores`` is None where no model could answer: then nothing is published."""
    fired: list[tuple[Action, Reason]] = []
    for rule in policy.rules:
        found = _fired(rule, facts)
        if found is None:
            continue
        fired.append(found)
        # What the site's own rule allows unseen by a model, a person looks at.
        if found[0] is Action.PUBLISH and not (rule.rule == SITE_HOOK and scores is None):
            break
    else:
        fired += _by_scores(scores, policy.thresholds)
    action = max((action for action, _ in fired), key=_SEVERITY.__getitem__, default=Action.PUBLISH)
    reasons = [reason for _, reason in sorted(fired, key=lambda pair: -_SEVERITY[pair[0]])]
    return Verdict(STATUS_OF[action], reasons, policy.version)


def _fired(rule: Rule, facts: Facts) -> tuple[Action, Reason] | None:
    reason = RULES[rule.rule][0](facts, rule.params) if rule.enabled else None
    if reason is None:
        return None
    # The rule's own action is for want of an answer, and never to publish, whoever wrote it into the database.
    if rule.rule != SITE_HOOK:
        return rule.action, reason
    if facts.hook is not None and facts.hook.action is not None:
        return Action(facts.hook.action), reason
    return max(rule.action, Action.QUEUE, key=_SEVERITY.__getitem__), reason


def hook_to_ask(policy: Policy, facts: Facts) -> Rule | None:
    """The rule that asks the site; None where there is none, or an earlier rule leaves it nothing to say."""
    for rule in policy.rules:
        if rule.rule == SITE_HOOK and rule.enabled:
            return rule
        found = _fired(rule, facts)
        if found is not None and found[0] is not Action.QUEUE:
            return None
    return None


def without_hook(policy: Policy) -> Policy:
    """The policy as it decides where the site is not asked: for what is only looked at."""
    return replace(policy, rules=[rule for rule in policy.rules if rule.rule != SITE_HOOK])


def _by_scores(scores: Mapping[str, float] | None, thresholds: Mapping[str, Threshold]) -> list[tuple[Action, Reason]]:
    if scores is None:
        return [(Action.QUEUE, Reason("not_scored", "No model could score it, so a person looks at it."))]
    over = [label for label in thresholds if scores.get(label, 0.0) >= thresholds[label].publish_below]
    return [
        _score_reason(label, scores[label], thresholds[label]) for label in sorted(over, key=lambda it: -scores[it])
    ]


def _score_reason(label: str, value: float, threshold: Threshold) -> tuple[Action, Reason]:
    code = "spam" if label == "spam" else "abuse"
    rejects = value >= threshold.reject_above
    line, name = (threshold.reject_above, "reject") if rejects else (threshold.publish_below, "publish")
    named = _NAMES.get(label, label.replace("_", " ").capitalize())
    detail = f"{named} {value:.2f} is above the site's {name} line {line:.2f}."
    return (Action.REJECT if rejects else Action.QUEUE), Reason(code, detail, label, round(value, 4), line)
