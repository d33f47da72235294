"""The daily digest: what a site's day was, in a dozen figures."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from moderation.ids import new_id
from moderation.models import Decision, Delivery, DeliveryAttempt, Event, Notice, Site, WebhookEndpoint
from moderation.policy import Status
from moderation.services import notices
from moderation.services.alerts import DEFAULTS, DIGEST_HOUR, waiting
from moderation.services.notices import MAIL, MAIL_TO

# Then the row that says that a day was told of has done its work.
KEPT = timedelta(days=30)
DECIDED = (Status.PUBLISHED, Status.REJECTED)


def plan(session: Session, *, now: datetime, can_mail: bool) -> int:
    """Write the digest of yesterday for each site whose hour has come, once, whichever worker is first."""
    for site in session.scalars(sa.select(Site)).all() if can_mail else ():
        local = now.astimezone(ZoneInfo(site.time_zone))
        if not site.settings.get(MAIL_TO) or local.hour < int(site.settings.get(DIGEST_HOUR, DEFAULTS[DIGEST_HOUR])):
            continue
        day = local.date() - timedelta(days=1)
        topic = f"digest:{day.isoformat()}"
        known = sa.select(Notice.id).where(Notice.site_id == site.id, Notice.topic == topic)
        if session.scalar(known) is None:
            title, text = compose(session, site, day)
            notices.write(session, site, channel=MAIL, topic=topic, title=title, text=text, now=now)
    old = sa.delete(Notice).where(Notice.channel == MAIL, Notice.created_at < now - KEPT)
    session.execute(old, execution_options={"synchronize_session": False})
    return 0


def compose(session: Session, site: Site, day: date) -> tuple[str, str]:
    """Return subject and text for a day of the site's time zone."""
    zone = ZoneInfo(site.time_zone)
    begins, ends = (datetime.combine(of, time(), zone).astimezone(UTC) for of in (day, day + timedelta(days=1)))
    oldest, count = waiting(session, site.id)
    since = f"{count}, the oldest since {oldest.astimezone(zone):%Y-%m-%d %H:%M}" if oldest else "none"
    rows = {**_moderated(session, site.id, begins, ends), "Waiting now": since,
            **_delivered(session, site.id, begins, ends)}  # fmt: skip
    width = max(map(len, rows)) + 2
    lines = [f"{name + ':':{width}}{value}" for name, value in rows.items()]
    head = f"{site.name}, {day:%A %d %B %Y} ({site.time_zone})"
    return f"Replydesk: {site.name} on {day.isoformat()}", "\n".join([head, "", *lines, ""])


def _moderated(session: Session, site_id: str, begins: datetime, ends: datetime) -> Mapping[str, int | str]:
    # Ids sort by time, so a day is a range of them.
    then = [Decision.site_id == site_id, Decision.id >= new_id("dec", at=begins), Decision.id < new_id("dec", at=ends)]
    arrived = sa.select(Decision.new_status, sa.func.count()).where(*then, Decision.kind == "submitted")
    by_status = {row[0]: row[1] for row in session.execute(arrived.group_by(Decision.new_status))}
    undo = aliased(Decision)
    taken_back = sa.select(undo.id).where(undo.undoes_id == Decision.id).exists()
    by_people = sa.select(sa.func.count()).where(*then, Decision.kind == "decided", ~taken_back)
    turned = by_people.where(Decision.old_status.in_(DECIDED), Decision.old_status != Decision.new_status)
    return {
        "Received": sum(by_status.values()),
        "Published at once": by_status.get(Status.PUBLISHED, 0),
        "Queued for people": by_status.get(Status.PENDING, 0),
        "Rejected at once": by_status.get(Status.REJECTED, 0),
        "Decided by people": session.scalar(by_people) or 0,
        "Overturned": session.scalar(turned) or 0,
    }


def _delivered(session: Session, site_id: str, begins: datetime, ends: datetime) -> Mapping[str, int]:
    """What webhook endpoints did not take."""
    tried = (
        sa.select(sa.func.count())
        .select_from(DeliveryAttempt)
        .join(Delivery, Delivery.id == DeliveryAttempt.delivery_id)
        .join(WebhookEndpoint, WebhookEndpoint.id == Delivery.endpoint_id)
        .where(WebhookEndpoint.site_id == site_id, DeliveryAttempt.error != "")
        .where(DeliveryAttempt.created_at >= begins, DeliveryAttempt.created_at < ends)
    )
    then = [Event.site_id == site_id, Event.id >= new_id("evt", at=begins), Event.id < new_id("evt", at=ends)]
    told = sa.select(Event.type, sa.func.count()).where(*then, Event.type.in_(("delivery.dead", "endpoint.disabled")))
    by_type = {row[0]: row[1] for row in session.execute(told.group_by(Event.type))}
    return {
        "Webhook attempts that failed": session.scalar(tried) or 0,
        "Webhook deliveries given up": by_type.get("delivery.dead", 0),
        "Webhook endpoints disabled": by_type.get("endpoint.disabled", 0),
    }
