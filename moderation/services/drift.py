"""Drift: how far a week's scores, queue and overturned decisions are from those of the four weeks before.

The population stability index of a label is sum((p - q) ln(p / q)) over ten parts of equal share in the four weeks
before (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 is steady, from 0.25 on the population has changed. Only
scores of one model version are compared; another model is another scale.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from moderation.ids import new_id
from moderation.models import Decision, Drift, Site, insert_missing
from moderation.policy import LABELS, Status
from moderation.services import outbox

CHANGED = 0.25
# Fewer comments on either side say nothing: with ten parts, chance alone gives about 9 (1/n + 1/m).
FEWEST = 500
WEEK, BEFORE = timedelta(days=7), timedelta(days=28)
MEASURED_EVERY = timedelta(hours=1)
_PARTS = 10
_MOST_READ = 10_000
# The last characters of ids are random: a share of them is a share of the comments.
_LAST = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True)
class Week:
    """A week's figures: shares in 0..1, None where there was too little; ``stability`` by label."""

    week: str
    model_version: str
    comments: int
    queued: float | None
    decided: int
    overturned: float | None
    stability: Mapping[str, float]

    @property
    def worst(self) -> str:
        """The label whose scores moved most; "" where none could be compared."""
        return max(self.stability, key=lambda label: self.stability[label], default="")


def monday(moment: datetime) -> date:
    """The first day of the week of a moment, in UTC."""
    day = moment.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def measure(session: Session, site_id: str, week: date) -> Week:
    """Measure the week that begins on a Monday, as far as it has gone; reads at most 20,000 comments' scores."""
    begins = datetime.combine(week, time(), UTC)
    arrived = _arrived(session, site_id, begins)
    total, version = sum(arrived.values()), _usual_version(session, site_id, begins)
    now = _scores(session, site_id, version, begins, begins + WEEK)
    before = _scores(session, site_id, version, begins - BEFORE, begins)
    decided, turned = _by_people(session, site_id, begins)
    return Week(
        week.isoformat(), version, total, _share(arrived.get(Status.PENDING, 0), total), decided,
        _share(turned, decided), stabilities(before, now) if min(len(before), len(now)) >= FEWEST else {},
    )  # fmt: skip


def stabilities(before: Sequence[Mapping[str, float]], now: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The population stability index of each label that both sides have."""
    found = {}
    for label in LABELS:
        sides = [[scores[label] for scores in side if label in scores] for side in (before, now)]
        if all(sides):
            found[label] = round(stability(*sides), 4)
    return found


def stability(before: Sequence[float], now: Sequence[float]) -> float:
    """The population stability index over tenths of ``before``; equal values are one part, half a row is added to each.

    Both sides are scores in 0..1 and not empty.
    """
    ordered = sorted(before)
    edges = sorted({ordered[len(ordered) * part // _PARTS] for part in range(1, _PARTS)})
    was, is_ = (_shares(side, edges) for side in (before, now))
    return sum((q - p) * math.log(q / p) for p, q in zip(was, is_, strict=True))


def _shares(values: Iterable[float], edges: Sequence[float]) -> list[float]:
    counts = [0.5] * (len(edges) + 1)
    for value in values:
        counts[bisect_right(edges, value)] += 1
    total = sum(counts)
    return [count / total for count in counts]


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _between(site_id: str, begins: datetime, ends: datetime) -> sa.ColumnElement[bool]:
    # Ids sort by time.
    ids = Decision.id >= new_id("dec", at=begins), Decision.id < new_id("dec", at=ends)
    return sa.and_(Decision.site_id == site_id, *ids)


def _arrived(session: Session, site_id: str, begins: datetime) -> dict[Status, int]:
    of_week = sa.select(Decision.new_status, sa.func.count()).where(_between(site_id, begins, begins + WEEK))
    rows = session.execute(of_week.where(Decision.kind == "submitted").group_by(Decision.new_status))
    return {row[0]: row[1] for row in rows}


def _usual_version(session: Session, site_id: str, begins: datetime) -> str:
    """The model version that scored most of the week's comments."""
    of_week = sa.select(Decision.model_version).where(_between(site_id, begins, begins + WEEK))
    scored = of_week.where(Decision.kind == "submitted", Decision.model_version != "").group_by(Decision.model_version)
    return session.scalar(scored.order_by(sa.func.count().desc(), Decision.model_version).limit(1)) or ""


def _scores(session: Session, site_id: str, version: str, begins: datetime, ends: datetime) -> list[dict[str, float]]:
    within = sa.and_(
        _between(site_id, begins, ends), Decision.kind == "submitted", Decision.model_version == version,
    )  # fmt: skip
    total = session.scalar(sa.select(sa.func.count()).select_from(Decision).where(within)) or 0
    query = sa.select(Decision.scores).where(within)
    if total > _MOST_READ:
        kept = max(1, len(_LAST) * _MOST_READ // total)
        query = query.where(sa.func.substr(Decision.id, sa.func.length(Decision.id), 1).in_(_LAST[:kept]))
    return [scores for scores in session.scalars(query.limit(_MOST_READ)) if scores]


def _by_people(session: Session, site_id: str, begins: datetime) -> tuple[int, int]:
    """How many replies people decided that the policy had decided before, and how many of those otherwise."""
    undo = aliased(Decision)
    taken_back = sa.select(undo.id).where(undo.undoes_id == Decision.id).exists()
    mine = sa.and_(
        _between(site_id, begins, begins + WEEK), Decision.kind == "decided", Decision.moderator_id.is_not(None),
        Decision.old_status.in_((Status.PUBLISHED, Status.REJECTED)), ~taken_back,
    )  # fmt: skip
    otherwise = sa.func.sum(sa.case((Decision.old_status != Decision.new_status, 1), else_=0))
    row = session.execute(sa.select(sa.func.count(), otherwise).where(mine)).one()
    return int(row[0]), int(row[1] or 0)


def due(session: Session, *, now: datetime) -> list[tuple[str, date]]:
    """The sites whose week was not measured in the last hour, each with the week's Monday."""
    week = monday(now)
    fresh = sa.select(Drift.site_id).where(Drift.week == week.isoformat(), Drift.measured_at > now - MEASURED_EVERY)
    return [(site_id, week) for site_id in session.scalars(sa.select(Site.id).where(Site.id.not_in(fresh)))]


def record(session: Session, site_id: str, found: Week, *, now: datetime) -> None:
    """Keep a week's figures; the first time that the scores have changed in it, the site is told (`model.drifted`)."""
    key = {"site_id": site_id, "week": found.week}
    insert_missing(session, Drift, key | {"measured_at": now, "figures": {}, "label": ""})
    row = session.get_one(Drift, (site_id, found.week), populate_existing=True)
    row.label, row.stability = found.worst, found.stability.get(found.worst)
    row.figures, row.measured_at = as_dict(found), now
    session.flush()
    if (row.stability or 0.0) < CHANGED:
        return
    first = sa.update(Drift).where(Drift.site_id == site_id, Drift.week == found.week, Drift.told_at.is_(None))
    told: Any = session.execute(first.values(told_at=now).execution_options(synchronize_session=False))
    if told.rowcount == 1:
        data = {"version": found.model_version, "label": row.label, "stability": row.stability, "week": found.week}
        outbox.emit(session, site_id=site_id, type="model.drifted", data=data)


def changed(session: Session, site_id: str, *, now: datetime) -> Drift | None:
    """The figures of this week, where its scores have changed."""
    row = session.get(Drift, (site_id, monday(now).isoformat()))
    return row if row is not None and (row.stability or 0.0) >= CHANGED else None


def as_dict(found: Week) -> dict[str, Any]:
    """The figures as JSON has them."""
    return {
        "week": found.week, "model_version": found.model_version, "comments": found.comments, "queued": found.queued,
        "decided": found.decided, "overturned": found.overturned, "stability": dict(found.stability),
    }  # fmt: skip
