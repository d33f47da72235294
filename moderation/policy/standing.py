"""A reader's standing: a figure that only time and approved replies make, and rejections take away.

A day on which a reply of the reader was approved gives one point, half a point where the policy alone approved
it. However many replies there are on a day, the day counts once, and the same text counts once for ever: many
short replies do not make it go faster. A rejection by a person takes three points, one for its scores alone one
and a half. Each point fades by half in ``HALF_LIFE_DAYS``. The standing is what was earned less what was lost,
and never below 0. A decision that was taken back or overturned has left no trace in it, as it is worked out
from how the replies stand now.

The shape follows the trust levels of forums, which count days and not posts for the same reason
(https://blog.discourse.org/2018/06/understanding-discourse-trust-levels/); the figures are ours.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

HALF_LIFE_DAYS = 90
BY_PEOPLE, BY_POLICY = 1.0, 0.5
LOST_BY_PEOPLE, LOST_BY_SCORE = 3.0, 1.5
# A reply shorter than this ("Thanks!") says nothing of its author.
LEAST_CHARACTERS = 20


class Reply(NamedTuple):
    """What became of one reply: ``day`` it was written, whether it was published (else rejected), by whom."""

    day: date
    published: bool
    by_people: bool
    characters: int
    text_hash: str


class Figure(NamedTuple):
    """``points`` is the standing, rounded to a tenth; the counts say what it is made of."""

    points: float
    earned: float = 0.0
    lost: float = 0.0
    days_approved: int = 0
    rejections: int = 0


NOTHING = Figure(0.0)


def figure(replies: Iterable[Reply], today: date) -> Figure:
    """Work the standing out from published and rejected replies, in any order; a later day counts as today."""
    days: dict[date, float] = {}
    lost, rejections, seen = 0.0, 0, set[str]()
    # Of the same text the oldest counts: the order must not depend on how the rows come.
    for reply in sorted(replies):
        if not reply.published:
            lost += (LOST_BY_PEOPLE if reply.by_people else LOST_BY_SCORE) * _left(reply.day, today)
            rejections += 1
        elif reply.characters >= LEAST_CHARACTERS and reply.text_hash not in seen:
            seen.add(reply.text_hash)
            days[reply.day] = max(days.get(reply.day, 0.0), BY_PEOPLE if reply.by_people else BY_POLICY)
    earned = sum(points * _left(day, today) for day, points in days.items())
    return Figure(round(max(0.0, earned - lost), 1), round(earned, 1), round(lost, 1), len(days), rejections)


def _left(day: date, today: date) -> float:
    """The share of a point of ``day`` that is left today."""
    return float(2.0 ** (-max(0, (today - day).days) / HALF_LIFE_DAYS))
