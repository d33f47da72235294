"""What a site's own software says of a text from outside: a label without a comment of ours."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now


class Feedback(Base):
    """A text and what was said of its labels, once for each thing that was judged; the last word counts."""

    __tablename__ = "feedback"
    __table_args__ = (sa.UniqueConstraint("site_id", "source", "token"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("fbk"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    # The door it came through: perspective or akismet.
    source: Mapped[str] = mapped_column(sa.String(16))
    # SHA-256 of what names the judged thing at that door; the same again is the same row.
    token: Mapped[str] = mapped_column(sa.String(64))
    actor: Mapped[str]
    text: Mapped[str]
    # label -> 0.0 or 1.0; one that is absent is unknown
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
