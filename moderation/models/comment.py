"""A reader's comment, the verdicts and decisions on it, its earlier texts, reports and appeals."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now
from moderation.policy import Status

status_type = sa.Enum(
    Status,
    native_enum=False,
    length=16,
    name="status",
    values_callable=lambda enum: [member.value for member in enum],
)


class Post(Base):
    """An article of the site, under the site's own id."""

    __tablename__ = "post"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    title: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    free: Mapped[bool] = mapped_column(default=False)
    comments: Mapped[str] = mapped_column(default="open")
    section: Mapped[str] = mapped_column(default="")
    tags: Mapped[list[str]] = mapped_column(default=list)
    # Grows with every change of what the public thread shows: the thread's ETag.
    thread_version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Reader(Base):
    """A reader of the site, under the site's own id; comes into being when first named."""

    __tablename__ = "reader"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    name: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    url: Mapped[str] = mapped_column(default="")
    roles: Mapped[list[str]] = mapped_column(default=list)
    premoderated: Mapped[bool] = mapped_column(default=False)
    banned_until: Mapped[datetime | None]
    ban_reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Comment(Base):
    __tablename__ = "comment"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "external_id"),
        sa.ForeignKeyConstraint(["site_id", "post_id"], ["post.site_id", "post.id"]),
        sa.Index("ix_comment_thread", "site_id", "post_id", "root_id", "id"),
        sa.Index("ix_comment_queue", "site_id", "status", "priority", "harm", "id"),
        sa.Index("ix_comment_list", "site_id", "status", "id"),
        sa.Index("ix_comment_reader", "site_id", "reader_id", "id"),
        sa.Index("ix_comment_text_hash", "site_id", "text_hash", "id"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("cmt"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    external_id: Mapped[str | None] = mapped_column(sa.String(255))
    post_id: Mapped[str] = mapped_column(sa.String(255))
    parent_id: Mapped[str | None] = mapped_column(sa.ForeignKey("comment.id"))
    # The comment at the top of its branch (itself, for a top-level one): a branch is one index range.
    root_id: Mapped[str] = mapped_column(sa.String(40))
    depth: Mapped[int] = mapped_column(default=0)
    reader_id: Mapped[str | None] = mapped_column(sa.String(255))
    reader_name: Mapped[str] = mapped_column(default="")
    text: Mapped[str]
    # SHA-256 of the canonical text, for repeats; of what was sent, for a repeated external_id.
    text_hash: Mapped[str] = mapped_column(sa.String(64))
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[Status] = mapped_column(status_type)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Expected harm, 0..1: the largest share of the way to a label's reject line. Orders the queue.
    harm: Mapped[float] = mapped_column(default=0.0)
    # 1: its reader's plan puts it before others in the queue, as it stood when the comment was written.
    priority: Mapped[int] = mapped_column(sa.SmallInteger, default=0, server_default=sa.text("0"))
    model_version: Mapped[str] = mapped_column(default="")
    policy_version: Mapped[int] = mapped_column(default=0)
    signals: Mapped[dict[str, Any]] = mapped_column(default=dict)
    flag_count: Mapped[int] = mapped_column(default=0)
    decided_by: Mapped[str] = mapped_column(default="policy")
    version: Mapped[int] = mapped_column(default=1)
    # How many events have told of it: each event carries its number, so that a receiver can order them.
    event_sequence: Mapped[int] = mapped_column(default=0, server_default="0")
    claimed_by: Mapped[str | None] = mapped_column(sa.ForeignKey("moderator.id"))
    claimed_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]


class Decision(Base):
    """A verdict or a decision on one version of a comment: append-only, so the log is the history."""

    __tablename__ = "decision"
    __table_args__ = (
        sa.UniqueConstraint("comment_id", "comment_version"),
        sa.Index("ix_decision_by_people", "site_id", "id", sqlite_where=sa.text("moderator_id IS NOT NULL"),
                 postgresql_where=sa.text("moderator_id IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("dec"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), index=True)
    comment_id: Mapped[str] = mapped_column(sa.ForeignKey("comment.id"))
    comment_version: Mapped[int]
    # How it came about: submitted, imported, edited, decided, undone, rescored or deleted.
    kind: Mapped[str]
    old_status: Mapped[Status | None] = mapped_column(status_type)
    new_status: Mapped[Status] = mapped_column(status_type)
    # From the site's list of reasons, where a person rejected it.
    reason: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    actor: Mapped[str]
    moderator_id: Mapped[str | None] = mapped_column(sa.ForeignKey("moderator.id"), index=True)
    model_version: Mapped[str] = mapped_column(default="")
    policy_version: Mapped[int] = mapped_column(default=0)
    # What the site's own rule answered, where it was asked, in a dry run too.
    hook: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # The decision that an undo took back, or that was taken back by one.
    undoes_id: Mapped[str | None] = mapped_column(sa.ForeignKey("decision.id"), unique=True)


class Revision(Base):
    """A text that an edit replaced."""

    __tablename__ = "revision"

    comment_id: Mapped[str] = mapped_column(sa.ForeignKey("comment.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Flag(Base):
    """A reader's report; one a reader and comment."""

    __tablename__ = "flag"
    __table_args__ = (
        sa.UniqueConstraint("comment_id", "reader_id"),
        sa.Index("ix_flag_waiting", "site_id", "comment_id", sqlite_where=sa.text("handled_at IS NULL"),
                 postgresql_where=sa.text("handled_at IS NULL")),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("flg"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), index=True)
    comment_id: Mapped[str] = mapped_column(sa.ForeignKey("comment.id"))
    reader_id: Mapped[str] = mapped_column(sa.String(255))
    reason: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Set when a moderator looked at the report.
    handled_at: Mapped[datetime | None]


class Appeal(Base):
    """An author's request to look again; another moderator than the first decides."""

    __tablename__ = "appeal"
    __table_args__ = (
        sa.Index("ix_appeal_open", "site_id", "id", sqlite_where=sa.text("state = 'open'"),
                 postgresql_where=sa.text("state = 'open'")),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("apl"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), index=True)
    # One open or decided appeal a decision: asking twice about the same is not a new question.
    decision_id: Mapped[str] = mapped_column(sa.ForeignKey("decision.id"), unique=True)
    comment_id: Mapped[str] = mapped_column(sa.ForeignKey("comment.id"), index=True)
    text: Mapped[str] = mapped_column(default="")
    # open, upheld or overturned
    state: Mapped[str] = mapped_column(default="open")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    decided_at: Mapped[datetime | None]
    # The decision that answered it.
    outcome_id: Mapped[str | None] = mapped_column(sa.ForeignKey("decision.id"))
