"""A site's Coral: how we know it, what it was answered, what it told of, and which comment is which."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.models.base import Base, utc_now


class CoralSite(Base):
    """The secrets that sign what it sends, and how its API is reached."""

    __tablename__ = "coral_site"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    # Readable, because a signature can be checked by nothing else; newest first.
    secrets: Mapped[list[str]]
    # Origin of the installation and an access token of one of its admins; empty: it is never called.
    url: Mapped[str] = mapped_column(default="")
    token: Mapped[str] = mapped_column(default="")
    # Whose people decide what is held: those of coral, or those at our desk.
    decides: Mapped[str] = mapped_column(sa.String(16), default="coral")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class CoralAnswer(Base):
    """What a request of the moderation phase was answered; a repeat within ten minutes gets the same."""

    __tablename__ = "coral_answer"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    # SHA-256 of tenant, story, author, action and text: the request has no id.
    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    # The body of the answer; empty for 204.
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class CoralLook(Base):
    """A comment at Coral of which a webhook told; its state is asked for and the row goes."""

    __tablename__ = "coral_look"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    coral_id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    asked_at: Mapped[datetime]
    # None: given up.
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(default="")


class CoralComment(Base):
    """A comment of ours that came through the phase, and Coral's own, as soon as it is known which that is."""

    __tablename__ = "coral_comment"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "coral_id"),
        sa.Index("ix_coral_comment_author", "site_id", "story_id", "author_id"),
    )

    comment_id: Mapped[str] = mapped_column(sa.ForeignKey("comment.id"), primary_key=True)
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    story_id: Mapped[str] = mapped_column(sa.String(255))
    author_id: Mapped[str] = mapped_column(sa.String(255))
    # Sums of the letters of the body, read as HTML and as text: what the phase sends is either.
    html_sum: Mapped[str] = mapped_column(sa.String(64))
    text_sum: Mapped[str] = mapped_column(sa.String(64))
    coral_id: Mapped[str | None] = mapped_column(sa.String(255))
    revision_id: Mapped[str] = mapped_column(sa.String(255), default="")
    # What Coral has, as far as we know.
    coral_status: Mapped[str] = mapped_column(sa.String(40), default="")
    # When a decision may be sent next; None: given up.
    due_at: Mapped[datetime | None] = mapped_column(default=utc_now)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
