"""The rules by name: what each looks at, its parameters, and the list that a new site begins with."""

from collections.abc import Callable, Mapping
from typing import Any

from moderation.policy.words import SITE_HOOK, TRUSTED_READER, Action, Facts, HookAnswer, Reason, Rule

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


def _trusted_reader(facts: Facts, params: Mapping[str, Any]) -> Reason | None:
    """Whether the reader is trusted; of the scores asks ``deciding``, which knows them."""
    fires = facts.reader_standing is not None and facts.reader_standing >= params["standing_needed"]
    return _reason(TRUSTED_READER, fires, "The reader's standing lets it through.")


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
    TRUSTED_READER: (_trusted_reader, {"standing_needed": 20, "score_below": 0.8}),
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
    Rule(TRUSTED_READER, Action.PUBLISH, enabled=False, params={"standing_needed": 20, "score_below": 0.8}),
)
