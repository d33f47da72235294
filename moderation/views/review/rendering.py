"""How readers' words and our figures are drawn: escaped text in pieces, ages, bars."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, g, request
from flask_bootstrap import Bootstrap5
from flask_wtf.csrf import generate_csrf

from moderation import __version__
from moderation.models import utc_now
from moderation.policy import LABELS, Policy
from moderation.services import moderators, standing
from moderation.services.review import members, wording

LABEL_NAMES = {label: label.replace("_", " ").capitalize() for label in LABELS} | {"obscene": "Obscenity"}
REASON_NAMES = {
    "abuse": "Attacks somebody",
    "spam": "Spam or advertising",
    "off_topic": "Not about the article",
    "personal_data": "Gives private details",
    "illegal": "May be illegal",
    "other": "Other, with a note",
}
QUEUE_NAMES = {queue.name: queue.title for queue in members.QUEUES.values()} | {"decided": "Decided"}
# The pages beside the queues, in the order of the rail: the view's name, what it is called, the role that sees it.
TOOLS = (
    ("policy", "Policy", "viewer"),
    ("webhooks", "Webhooks", "admin"),
)
# The keyboard guide, in its order: what is done, the keys for it, and the name of the act where its first key may be
# changed by each person. An act clicks the element of the page with that `data-act`, where there is one.
GUIDE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("Approve, keep", ("A",), "approve"),
    ("Reject, then a reason", ("R", "1", "…", "9"), "reject"),
    ("Skip, leave for later", ("S",), "skip"),
    ("Undo the last decision", ("U",), "undo"),
    ("Next reply", ("J",), "next"),
    ("Previous reply", ("K",), "previous"),
    ("Open the reader", ("H",), "reader"),
    ("Open the article", ("O",), "article"),
    ("Next queue", ("T",), "queue"),
    ("Close, go back", ("Esc",), ""),
    ("This guide", ("?",), "guide"),
)
# What people call the characters that hide text or turn its direction; others get their code point.
_NAMES = {
    0x00AD: "soft hyphen", 0x034F: "joiner", 0x061C: "ALM", 0x115F: "filler", 0x1160: "filler", 0x180E: "MVS",
    0x200B: "zero-width space", 0x200C: "ZWNJ", 0x200D: "ZWJ", 0x200E: "LRM", 0x200F: "RLM",
    0x2028: "line separator",
    0x2029: "paragraph separator", 0x202A: "LRE", 0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO",
    0x2060: "word joiner", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0x2800: "blank",
    0x3164: "filler", 0xFEFF: "BOM", 0xFFA0: "filler",
}  # fmt: skip
_JOINERS = "\u200c\u200d"
_ASCII_END = 0x7F


@dataclass(frozen=True)
class Piece:
    """A stretch of text: ``label`` where it raised a score, ``badge`` for a character that cannot be seen."""

    text: str
    label: str = ""
    badge: str = ""


@dataclass(frozen=True)
class Bar:
    """A label's score and its two lines; ``level`` is "", "mid" (over publish) or "high" (over reject)."""

    label: str
    value: float | None
    publish: float
    reject: float
    level: str


def pieces(text: str, spans: Sequence[Any] = ()) -> list[Piece]:
    """Cut raw text where its marking changes; ``spans`` are the classifier's, in code points."""
    labels = [""] * len(text)
    # The weightier span is drawn over the lighter one.
    for span in sorted(spans, key=lambda span: span.weight):
        start, end = max(0, span.start), min(len(text), span.end)
        labels[start:end] = [span.label] * (end - start)
    found: list[Piece] = []
    begun = 0
    for at, character in enumerate(text):
        badge = _badge(text, at, character)
        if badge or labels[at] != labels[begun]:
            if begun < at:
                found.append(Piece(text[begun:at], labels[begun]))
            begun = at
        if badge:
            found.append(Piece("", labels[at], badge))
            begun = at + 1
            if begun < len(text):
                continue
    return [*found, Piece(text[begun:], labels[begun])] if begun < len(text) else found


def plainly(text: str) -> str:
    """``text`` without what cannot be seen, for an attribute, where no badge can stand."""
    return "".join(piece.text for piece in pieces(text))


def _badge(text: str, at: int, character: str) -> str:
    if character <= "\x7f":
        hidden = character < " " and character not in "\n\t\r"
        return f"U+{ord(character):04X}" if hidden or character == "\x7f" else ""
    name = _NAMES.get(ord(character), "")
    if character in _JOINERS:
        # Emoji and several scripts join with these; between Latin letters they only split words.
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        return "" if before > chr(_ASCII_END) and after > chr(_ASCII_END) else name
    if name or unicodedata.category(character) not in ("Cc", "Cf", "Cn", "Co"):
        return name
    return f"U+{ord(character):04X}"


def bars(scores: dict[str, float], policy: Policy) -> list[Bar]:
    """One bar a label, in the house's order."""
    found = []
    for label in LABELS:
        lines, value = policy.thresholds.get(label), scores.get(label)
        if lines is None:
            continue
        over = value is not None and value >= lines.publish_below
        high = value is not None and value >= lines.reject_above
        found.append(
            Bar(
                label,
                value,
                lines.publish_below,
                lines.reject_above,
                "high" if high else "mid" if over else "",
            )
        )
    return found


def strongest(row: Any) -> str:
    """The first reason of a row in a few words, for the line of what comes next."""
    for reason in row.reasons:
        if reason.get("label"):
            return f"{LABEL_NAMES.get(reason['label'], reason['label']).lower()} {reason['value']:.2f}"
        return str(reason["code"]).replace("_", " ")
    return "reported" if row.flag_count else ""


def _age(moment: Any) -> str:
    return wording.ago(moment).removesuffix(" ago")


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper() or "?"


def _context() -> dict[str, Any]:
    theme, role = request.cookies.get("theme", "auto"), g.get("role", "")
    return {
        "person": g.get("person"),
        "site": g.get("site"),
        "role": role,
        "theme": theme if theme in ("light", "dark") else "",
        "now": utc_now(),
        "release": __version__,
        "csrf_token": generate_csrf,
        "queues": members.QUEUES,
        "queue_names": QUEUE_NAMES,
        "tools": [tool for tool in TOOLS if role and moderators.at_least(role, tool[2])],
        "guide": [(what, shown) for what, shown, _ in GUIDE],
        "keymap": {shown[0].lower(): act for _, shown, act in GUIDE if act},
        "reason_names": REASON_NAMES,
        "label_names": LABEL_NAMES,
    }


def init_app(app: Flask) -> None:
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    Bootstrap5(app)
    app.jinja_env.filters.update(
        pieces=pieces, age=_age, ago=wording.ago, bars=bars, strongest=strongest, initials=_initials, plainly=plainly,
        is_banned=standing.banned,
    )  # fmt: skip
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(_context)
