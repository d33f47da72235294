"""How a site's scores moved from week to week."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.models.base import Base


class Drift(Base):
    """One week's figures, as they were measured last; no comment and nobody is in them."""

    __tablename__ = "drift"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    # The week's Monday, as YYYY-MM-DD, in UTC.
    week: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    # The label whose scores moved most, and its population stability index.
    label: Mapped[str] = mapped_column(default="")
    stability: Mapped[float | None]
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    measured_at: Mapped[datetime]
    # When the site was told of it.
    told_at: Mapped[datetime | None]
