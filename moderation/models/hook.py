"""Where a site's own rule is asked, and how its answers went."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.models.base import Base, utc_now


class SiteHook(Base):
    """The HTTP hook of a site; its rule ``site_hook`` says when it is asked and how long it may take."""

    __tablename__ = "site_hook"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    url: Mapped[str]
    # What of a reader is sent beside id, name, address on the web and roles: "email", "ip".
    send: Mapped[list[str]] = mapped_column(default=list)
    secret: Mapped[str]
    # During a rotation both sign.
    old_secret: Mapped[str | None]
    old_secret_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Written once a minute at the most: what is under every comment must not wait for one row.
    failed_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")
    # The first answer after that failure.
    recovered_at: Mapped[datetime | None]
