"""The Harbour Courier: its articles, and what it sells. All of it is made up."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

NAME = "The Harbour Courier"
SECTIONS = ("Local", "Transport", "Politics", "Food")
# How many unlocks a new reader is given.
GIFT_UNLOCKS = 3
_CONTENT = Path(__file__).parent / "content"
_YES = "yes"


@dataclass(frozen=True)
class Article:
    """An article; without access a reader sees ``teaser`` alone."""

    id: str
    title: str
    dek: str
    section: str
    byline: str
    minutes: int
    free: bool
    comments: str
    paragraphs: Sequence[str]

    @property
    def teaser(self) -> Sequence[str]:
        return self.paragraphs[:2]


@dataclass(frozen=True)
class Offer:
    """A plan as it is sold: the API knows what it opens, the paper what it costs."""

    plan: str
    name: str
    price: str
    about: str
    terms: Mapping[str, Any]


OFFERS = (
    Offer(
        "reader", "Reader", "4.00 a month",
        "Five posts a month, of your choice. Up to five that are left are carried on.",
        {"unlocks": 5, "period": "month", "rollover_cap": 5, "grace_days": 3},
    ),
    Offer(
        "all-access", "All access", "12.00 a month", "Every post. The first seven days are free.",
        {"period": "month", "trial_days": 7, "grace_days": 3, "opens": {"all": True}},
    ),
)  # fmt: skip


def offer(plan: str) -> Offer | None:
    return next((found for found in OFFERS if found.plan == plan), None)


@cache
def articles() -> Mapping[str, Article]:
    """Every article by its id, the newest first."""
    found = [_read(path) for path in sorted(_CONTENT.glob("*.txt"), reverse=True)]
    return {article.id: article for article in found}


@cache
def made_up_replies() -> Sequence[Mapping[str, Any]]:
    """What made-up readers wrote, in the order in which they did."""
    lines = (_CONTENT / "replies.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _read(path: Path) -> Article:
    head, *paragraphs = path.read_text("utf-8").strip().split("\n\n")
    said = dict(line.split(": ", 1) for line in head.splitlines())
    return Article(
        id=path.stem,
        title=said["title"],
        dek=said["dek"],
        section=said["section"],
        byline=said["byline"],
        minutes=int(said["minutes"]),
        free=said["free"] == _YES,
        comments=said["comments"],
        paragraphs=paragraphs,
    )
