"""Scores, rules and facts in, verdict out."""

from collections.abc import Mapping
from dataclasses import replace

from moderation.policy.rules import RULES
from moderation.policy.words import (
    SITE_HOOK,
    STATUS_OF,
    TRUSTED_READER,
    Action,
    Facts,
    Policy,
    Reason,
    Rule,
    Threshold,
    Verdict,
)

_SEVERITY = {Action.PUBLISH: 0, Action.QUEUE: 1, Action.REJECT: 2}
Scores = Mapping[str, float] | None
_NAMES = {"obscene": "Obscenity"}


def decide(scores: Scores, policy: Policy, facts: Facts) -> Verdict:
    """Apply the policy. ``scores`` is None where no model could answer: then nothing is published."""
    fired: list[tuple[Action, Reason]] = []
    for rule in policy.rules:
        found = _fired(rule, facts, scores, policy.thresholds)
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


def _fired(
    rule: Rule, facts: Facts, scores: Scores, thresholds: Mapping[str, Threshold]
) -> tuple[Action, Reason] | None:
    reason = RULES[rule.rule][0](facts, rule.params) if rule.enabled else None
    if reason is None:
        return None
    if rule.rule == TRUSTED_READER:
        passed = _passed_on_trust(scores, thresholds, rule.params["score_below"])
        return (rule.action, passed) if passed else None
    # The rule's own action is for want of an answer, and never to publish, whoever wrote it into the database.
    if rule.rule != SITE_HOOK:
        return rule.action, reason
    if facts.hook is not None and facts.hook.action is not None:
        return Action(facts.hook.action), reason
    return max(rule.action, Action.QUEUE, key=_SEVERITY.__getitem__), reason


def _passed_on_trust(scores: Scores, thresholds: Mapping[str, Threshold], line: float) -> Reason | None:
    """Why a trusted reader's reply need not wait: its scores would queue it, and all are below ``line``.

    Not where a score is over its reject line, and not where no model scored.
    """
    over = _over(scores, thresholds) if scores else []
    if not scores or not over or any(scores[it] >= min(line, thresholds[it].reject_above) for it in over):
        return None
    label, value = over[0], scores[over[0]]
    detail = (
        f"{_named(label)} {value:.2f} would wait for people; below {line:.2f} the reader's standing lets it through."
    )
    return Reason(TRUSTED_READER, detail, label, round(value, 4), line)


def hook_to_ask(policy: Policy, facts: Facts, scores: Scores = None) -> Rule | None:
    """The rule that asks the site; None where there is none, or an earlier rule leaves it nothing to say."""
    for rule in policy.rules:
        if rule.rule == SITE_HOOK and rule.enabled:
            return rule
        found = _fired(rule, facts, scores, policy.thresholds)
        if found is not None and found[0] is not Action.QUEUE:
            return None
    return None


def without_hook(policy: Policy) -> Policy:
    """The policy as it decides where the site is not asked: for what is only looked at."""
    return replace(policy, rules=[rule for rule in policy.rules if rule.rule != SITE_HOOK])


def _by_scores(scores: Scores, thresholds: Mapping[str, Threshold]) -> list[tuple[Action, Reason]]:
    if scores is None:
        return [(Action.QUEUE, Reason("not_scored", "No model could score it, so a person looks at it."))]
    return [_score_reason(label, scores[label], thresholds[label]) for label in _over(scores, thresholds)]


def _over(scores: Mapping[str, float], thresholds: Mapping[str, Threshold]) -> list[str]:
    """The labels at or over their publish line, the strongest first."""
    over = [label for label in thresholds if scores.get(label, 0.0) >= thresholds[label].publish_below]
    return sorted(over, key=lambda label: -scores[label])


def _score_reason(label: str, value: float, threshold: Threshold) -> tuple[Action, Reason]:
    code = "spam" if label == "spam" else "abuse"
    rejects = value >= threshold.reject_above
    line, name = (threshold.reject_above, "reject") if rejects else (threshold.publish_below, "publish")
    detail = f"{_named(label)} {value:.2f} is above the site's {name} line {line:.2f}."
    return (Action.REJECT if rejects else Action.QUEUE), Reason(code, detail, label, round(value, 4), line)


def _named(label: str) -> str:
    return _NAMES.get(label, label.replace("_", " ").capitalize())
