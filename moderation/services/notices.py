"""What the site's people are told: written once, claimed with a lease, sent outside any transaction, recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import new_id
from moderation.models import Notice, Site, insert_missing
from moderation.services.deliveries import Outcome

SLACK, MAIL = "slack", "mail"
SLACK_URL, MAIL_TO = "alerts_slack_url", "alerts_mail_to"
# Longer than a sender can take; a notice whose worker died is sent again after it.
LEASE = timedelta(minutes=5)
# After the first failure, the second ...; then ever the last.
WAIT_MINUTES = (1, 5, 15, 60)
MOST_MAIL_ATTEMPTS = 10


@dataclass(frozen=True)
class Errand:
    """One notice, claimed: all that the sender needs, so that it needs no database."""

    notice_id: str
    lease: str
    number: int
    channel: str
    title: str
    text: str
    url: str
    to: Sequence[str]


def write(session: Session, site: Site, *, channel: str, topic: str, title: str, text: str, now: datetime) -> None:
    """Have it told, unless the topic is told of already: two workers at once write one."""
    row = {
        "id": new_id("ntc"), "site_id": site.id, "channel": channel, "topic": topic, "title": title, "text": text,
        "state": "waiting", "attempts": 0, "due_at": now, "last_error": "", "created_at": now,
    }  # fmt: skip
    insert_missing(session, Notice, row)


def of_site(session: Session, site_id: str) -> Sequence[Notice]:
    """Return the alerts that stand and the digests of the last weeks, oldest first."""
    return session.scalars(sa.select(Notice).where(Notice.site_id == site_id).order_by(Notice.id)).all()


def any_due(session: Session, *, now: datetime) -> bool:
    """Whether there is anything to claim: a look that takes no lock."""
    return session.scalars(_due(now)).first() is not None


def _due(now: datetime) -> sa.Select[Notice]:
    return sa.select(Notice).where(Notice.state == "waiting", Notice.due_at <= now).order_by(Notice.due_at).limit(1)


def claim(session: Session, *, now: datetime) -> Errand | None:
    """Lease the notice that waits the longest; one whose channel was taken away is dropped."""
    notice = session.scalars(_due(now).with_for_update(skip_locked=True)).first()
    if notice is None:
        return None
    settings = session.get_one(Site, notice.site_id).settings
    url, to = str(settings.get(SLACK_URL, "")), list(settings.get(MAIL_TO, ()))
    if not (url if notice.channel == SLACK else to):
        session.delete(notice)
        return None
    notice.due_at, notice.attempts = now + LEASE, notice.attempts + 1
    session.flush()
    return Errand(notice.id, new_id("lse"), notice.attempts, notice.channel, notice.title, notice.text, url, to)


def record(session: Session, errand: Errand, outcome: Outcome, *, now: datetime) -> None:
    """Write down what came of it and plan the next attempt; an alert that cleared meanwhile is gone."""
    if outcome.delivered:
        _change(session, errand, {"state": "sent", "sent_at": now, "last_error": outcome.error})
        return
    given_up = errand.channel == MAIL and errand.number >= MOST_MAIL_ATTEMPTS
    wait = timedelta(minutes=WAIT_MINUTES[min(errand.number, len(WAIT_MINUTES)) - 1])
    state = "failed" if given_up else "waiting"
    _change(session, errand, {"state": state, "last_error": outcome.sentence, "due_at": now + wait})


def release(session: Session, errand: Errand, *, now: datetime) -> None:
    """Give it back: another worker may send it at once."""
    _change(session, errand, {"due_at": now})


def _change(session: Session, errand: Errand, values: Mapping[str, Any]) -> None:
    # Whoever claimed it after us has another number, and the last word.
    ours = sa.and_(Notice.id == errand.notice_id, Notice.attempts == errand.number, Notice.state == "waiting")
    session.execute(sa.update(Notice).where(ours).values(**values), execution_options={"synchronize_session": False})
