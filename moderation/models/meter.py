"""Free posts: who reads by the meter, and which posts were counted for them.

A registered reader is known by the site's own id, a visitor who did not sign in by a token that the site
keeps in a cookie. Of a token only the SHA-256 is stored (it is 256 random bits, so no slow hash is needed):
who reads the database or a backup can neither read on somebody's behalf nor tell whose browser it was.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now


class MeterAccount(Base):
    """One reader, registered or not. Its row is the lock that puts the counting for a reader in a line."""

    __tablename__ = "meter_account"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "reader_id"),
        sa.CheckConstraint("(reader_id IS NULL) <> (token_sha256 IS NULL)", name="is_reader_or_token"),
        sa.CheckConstraint("merged_at IS NULL OR token_sha256 IS NOT NULL", name="only_tokens_merge"),
        sa.Index("ix_meter_account_used_at", "used_at", sqlite_where=sa.text("token_sha256 IS NOT NULL"),
                 postgresql_where=sa.text("token_sha256 IS NOT NULL")),
        sa.Index("ix_meter_account_unused", "created_at",
                 sqlite_where=sa.text("token_sha256 IS NOT NULL AND used_at IS NULL"),
                 postgresql_where=sa.text("token_sha256 IS NOT NULL AND used_at IS NULL")),
        sa.Index("ix_meter_account_merged_into", "merged_into", sqlite_where=sa.text("merged_into IS NOT NULL"),
                 postgresql_where=sa.text("merged_into IS NOT NULL")),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("mtr"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    reader_id: Mapped[str | None] = mapped_column(sa.String(255))
    token_sha256: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    # Grows each time that it is held.
    version: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When a post was last counted, or the token merged; a token is forgotten some time after it.
    used_at: Mapped[datetime | None]
    # A merged token keeps its row, so that it never is a fresh allowance.
    merged_at: Mapped[datetime | None]
    # Into whom; None again once that reader was erased.
    merged_into: Mapped[str | None] = mapped_column(sa.ForeignKey("meter_account.id"))


class MeteredPost(Base):
    """A post that was counted, open to its reader until ``ends_at``; it takes its place in the rule as long."""

    __tablename__ = "metered_post"
    __table_args__ = (
        sa.CheckConstraint("ends_at > counted_at", name="lasts"),
        sa.Index("ix_metered_post_ends_at", "ends_at"),
    )

    account_id: Mapped[str] = mapped_column(sa.ForeignKey("meter_account.id"), primary_key=True)
    # The section whose rule counted it; empty: the general rule.
    section: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    post_id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    counted_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    # Whether the reader was told with this one that the rule is used up.
    told: Mapped[bool] = mapped_column(default=False)
