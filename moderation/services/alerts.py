"""Alerts: what somebody should look at now, said once in the site's chat until it clears."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.addresses import fault_of_url
from moderation.errors import Invalid
from moderation.models import Comment, Notice, Site, WebhookEndpoint
from moderation.policy import Status
from moderation.services import audit, drift, notices
from moderation.services.endpoints import BY_HAND
from moderation.services.moderators import EMAIL
from moderation.services.notices import MAIL_TO, SLACK, SLACK_URL

QUEUE_MINUTES, DIGEST_HOUR = "alerts_queue_minutes", "alerts_digest_hour"
# What holds for a site that set nothing.
DEFAULTS = {QUEUE_MINUTES: 30, DIGEST_HOUR: 7}
MOST_ADDRESSES = 20


def configure(
    session: Session,
    site: Site,
    *,
    slack_url: str | None,
    mail_to: Sequence[str] | None,
    figures: dict[str, int | None],
    private: bool,
    plain: bool,
    actor: str,
) -> None:
    """Change what is not None; an empty address or list switches the channel off."""
    said: dict[str, Any] = {name: value for name, value in figures.items() if value is not None}
    if slack_url is not None:
        fault = fault_of_url(slack_url, private=private, plain=plain) if slack_url else None
        if fault is not None:
            raise Invalid.field("slack_url", fault)
        said[SLACK_URL] = slack_url
    if mail_to is not None:
        said[MAIL_TO] = _addresses(mail_to)
    # A new object: the old one's own change would go unnoticed.
    site.settings = {**site.settings, **said}
    session.flush()
    # The address of the chat is a secret: whoever knows it can write there.
    audit.record(session, site_id=site.id, actor=actor, action="alerts.configured", subject=site.id,
                 changed=sorted(said))  # fmt: skip


def _addresses(mail_to: Sequence[str]) -> list[str]:
    wrong = [address for address in mail_to if not EMAIL.fullmatch(address)]
    if wrong:
        raise Invalid.field("mail_to", f"“{wrong[0]}” is not an e-mail address.")
    if len(mail_to) > MOST_ADDRESSES:
        raise Invalid.field("mail_to", f"At most {MOST_ADDRESSES} addresses.")
    return list(mail_to)


def check(session: Session, *, now: datetime, public_url: str) -> int:
    """Write an alert for each condition that holds and is not told of, and forget those that have cleared."""
    for site in session.scalars(sa.select(Site)).all():
        standing = dict(_conditions(session, site, now)) if site.settings.get(SLACK_URL) else {}
        of_site = sa.and_(Notice.site_id == site.id, Notice.channel == SLACK)
        cleared = sa.delete(Notice).where(of_site, Notice.topic.not_in(list(standing)))
        session.execute(cleared, execution_options={"synchronize_session": False})
        for topic, (title, page) in standing.items():
            where = f"{public_url.rstrip('/')}/review/{site.name}/{page}" if public_url else ""
            notices.write(session, site, channel=SLACK, topic=topic, title=title, text=where, now=now)
    return 0


def _conditions(session: Session, site: Site, now: datetime) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the topic, the sentence and the page of the desk, for each condition that holds now."""
    minutes = int(site.settings.get(QUEUE_MINUTES, DEFAULTS[QUEUE_MINUTES]))
    oldest, count = waiting(session, site.id)
    if oldest is not None and now - oldest >= timedelta(minutes=minutes):
        waited = int((now - oldest).total_seconds() // 60)
        replies = "one reply waits" if count == 1 else f"{count} replies wait"
        yield "queue_old", (f"{site.name}: {replies}, the oldest for {waited} minutes.", "queues/pending")
    broken = sa.and_(WebhookEndpoint.disabled_at.is_not(None), WebhookEndpoint.disabled_because != BY_HAND)
    for endpoint in session.scalars(sa.select(WebhookEndpoint).where(WebhookEndpoint.site_id == site.id, broken)):
        sentence = f"{site.name}: the webhook endpoint {endpoint.id} is disabled. {endpoint.disabled_because}"
        yield f"endpoint_disabled:{endpoint.id}", (sentence, f"webhooks/{endpoint.id}")
    moved = drift.changed(session, site.id, now=now)
    if moved is not None:
        scores = f"{site.name}: what is written has changed this week: the scores of {moved.label.replace('_', ' ')}"
        yield "drift", (f"{scores} (population stability {moved.stability:.2f}).", "policy")


def waiting(session: Session, site_id: str) -> tuple[datetime | None, int]:
    """Since when the oldest pending reply waits for a person, and how many do."""
    # Since it became pending, not since it was written: an old reply may be edited into the queue.
    found = sa.select(sa.func.min(Comment.updated_at), sa.func.count()).where(
        Comment.site_id == site_id, Comment.status == Status.PENDING, Comment.deleted_at.is_(None)
    )
    oldest, count = session.execute(found).one()
    return oldest, count
