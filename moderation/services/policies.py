"""A site's policy: every version kept, one in force."""

from collections.abc import Mapping, Sequence
from typing import Any

import re2
import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Invalid, NotFound
from moderation.models import PolicyVersion, Site, utc_now
from moderation.policy import DEFAULT_RULES, RULES, Action, Policy, Rule, Threshold
from moderation.services import audit

# Parsed policies by (site, version): a version never changes once it is written.
_parsed: dict[tuple[str, int], Policy] = {}
_MOST_PARSED = 1_000


def in_force(session: Session, site: Site) -> Policy:
    """Return the policy that decides for this site now."""
    return at_version(session, site, site.policy_version)


def at_version(session: Session, site: Site, version: int) -> Policy:
    key = (site.id, version)
    if key not in _parsed:
        row = session.get(PolicyVersion, key)
        if row is None:
            raise NotFound(f"Policy version {version} does not exist.")
        if len(_parsed) >= _MOST_PARSED:
            _parsed.clear()
        _parsed[key] = parse(version, row.thresholds, row.rules)
    return _parsed[key]


def parse(version: int, thresholds: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> Policy:
    return Policy(
        version,
        {label: Threshold(**lines) for label, lines in thresholds.items()},
        [Rule(r["rule"], Action(r["action"]), r["enabled"], {**RULES[r["rule"]][1], **r["params"]}) for r in rules],
    )


def as_dict(policy: Policy) -> dict[str, Any]:
    return {
        "version": policy.version,
        "thresholds": {label: vars(lines) for label, lines in policy.thresholds.items()},
        "rules": [vars(rule) | {"action": rule.action.value, "params": dict(rule.params)} for rule in policy.rules],
    }


def save(
    session: Session,
    site: Site,
    *,
    thresholds: Mapping[str, Mapping[str, float]],
    rules: Sequence[Mapping[str, Any]],
    note: str,
    actor: str,
) -> Policy:
    """Write a new version and put it in force; a pattern that re2 cannot compile is refused."""
    check_patterns(rules)
    before = site.policy_version
    latest = sa.select(sa.func.max(PolicyVersion.version)).where(PolicyVersion.site_id == site.id)
    version = (session.scalar(latest) or 0) + 1
    row = PolicyVersion(site_id=site.id, version=version, note=note, author=actor, created_at=utc_now())
    row.thresholds, row.rules = dict(thresholds), [dict(rule) for rule in rules]
    session.add(row)
    session.execute(sa.update(Site).where(Site.id == site.id).values(policy_version=version))
    audit.record(session, site_id=site.id, actor=actor, action="policy.saved", subject=site.id,
                 before=before, after=version, note=note)  # fmt: skip
    session.flush()
    return parse(version, row.thresholds, row.rules)


def default_rules() -> list[dict[str, Any]]:
    return [
        {"rule": r.rule, "action": r.action.value, "enabled": r.enabled, "params": dict(r.params)}
        for r in DEFAULT_RULES
    ]


def check_patterns(rules: Sequence[Mapping[str, Any]]) -> None:
    for index, rule in enumerate(rules):
        for at, pattern in enumerate(rule["params"].get("patterns", ())):
            try:
                re2.compile(pattern)
            except re2.error as error:
                reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
                raise Invalid.field(
                    f"rules/{index}/params/patterns/{at}", f"Not a pattern that RE2 understands: {reason}."
                ) from None
