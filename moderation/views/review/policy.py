"""The policy of a site: read by everybody at the desk, changed by its admins."""

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask_login import current_user
from marshmallow import ValidationError

from moderation.db import db
from moderation.errors import Invalid, StaleVersion
from moderation.http_errors import flatten
from moderation.models import SiteHook
from moderation.policy import RULES, Action
from moderation.schemas.policy import PolicyIn
from moderation.services import moderators, policies
from moderation.services.review import queues
from moderation.views.review.blueprint import bp, needs

RULE_NAMES = {
    "banned_reader": "The reader is banned",
    "closed_post": "The article is closed for replies",
    "empty": "There is nothing to read",
    "honeypot": "A hidden field was filled in",
    "too_long": "Longer than",
    "blocked_words": "Blocked words",
    "duplicate": "The same text by the same reader, within a day",
    "trusted_role": "The site trusts the reader",
    "premoderated_post": "Replies to the article are looked at first",
    "premoderated_reader": "The reader is looked at first",
    "repeated_text": "The same text on the site, within a day",
    "too_many_links": "More links than",
    "new_reader": "A new reader",
    "trusted_reader": "The reader's standing is at least; what its scores would queue passes below the line",
    "site_hook": "The site's own rule; its answer decides, this where none comes",
}
PARAMETER_NAMES = {
    "max_characters": "characters", "max_links": "links", "times": "times",
    "published_needed": "published replies needed",
    "standing_needed": "points of standing", "score_below": "is the line (0 to 1)",
    "timeout_ms": "milliseconds at the most", "dry_run": "Dry run: its answer is kept and decides nothing",
    "roles": "Roles, one a line", "words": "Words, one a line", "patterns": "Patterns (RE2), one a line",
}  # fmt: skip


@bp.get("/<site>/policy")
def policy(site: str) -> Any:  # noqa: ARG001 -- the guard has found the site
    return _page(policies.as_dict(policies.in_force(db.session(), g.site)), {}, "")


def _page(shown: dict[str, Any], wrong: dict[str, str], note: str) -> str:
    return render_template(
        "review/policy.html", policy=shown, wrong=wrong, note=note, queue="policy", oldest=None,
        counts=queues.counts(db.session(), g.site.id), may_save=moderators.at_least(g.role, "admin"),
        rule_names=RULE_NAMES, parameter_names=PARAMETER_NAMES, actions=[action.value for action in Action],
        hook=db.session().get(SiteHook, g.site.id),
    )  # fmt: skip


@bp.post("/<site>/policy")
@needs("admin")
def save_policy(site: str) -> Any:
    """Save lines and rules as a new version; what does not fit is said beside its field, nothing changes."""
    database = db.session()
    if request.form.get("version", "") != str(g.site.policy_version):
        raise StaleVersion("A colleague saved a new version meanwhile. Yours was not saved; open the policy again.")
    typed = _typed(policies.as_dict(policies.in_force(database, g.site)))
    try:
        data = PolicyIn().load({key: typed[key] for key in ("thresholds", "rules", "note")})
        if not data["note"].strip():
            raise Invalid.field("note", "Say why, for those who read the history later.")
        saved = policies.save(database, g.site, actor=f"moderator:{current_user.moderator.id}", **data)
    except ValidationError as error:
        return _again(typed, flatten(error.messages))
    except Invalid as error:
        return _again(typed, error.extra["errors"])
    database.commit()
    flash(f"Saved as version {saved.version}. It decides from now on.", "note")
    return redirect(url_for("review.policy", site=site))


def _again(typed: dict[str, Any], errors: list[dict[str, str]]) -> tuple[str, int]:
    db.session().rollback()
    return _page(typed, {item["pointer"]: item["detail"] for item in errors}, typed["note"]), 422


def _typed(present: dict[str, Any]) -> dict[str, Any]:
    """The form over the policy in force; what is no number stays as it was typed and is refused by name."""
    form = request.form
    lines = {
        label: {name: _number(form.get(f"{label}.{name}", ""), float) for name in ("publish_below", "reject_above")}
        for label in present["thresholds"]
    }
    rules = [
        {
            "rule": rule["rule"],
            "action": form.get(f"{at}.action", rule["action"]),
            "enabled": f"{at}.enabled" in form,
            "params": {name: _parameter(form.get(f"{at}.{name}"), rule["rule"], name) for name in rule["params"]},
        }
        for at, rule in enumerate(present["rules"])
    ]
    return {"version": present["version"], "thresholds": lines, "rules": rules, "note": form.get("note", "")}


def _number(text: str, kind: type[float] | type[int]) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text


def _parameter(text: str | None, rule: str, name: str) -> Any:
    if isinstance(RULES[rule][1][name], list):
        return [line.strip() for line in (text or "").splitlines() if line.strip()]
    if isinstance(RULES[rule][1][name], bool):
        return text is not None
    return _number(text or "", type(RULES[rule][1][name]))
