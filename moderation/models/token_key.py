"""The keys that sign a site's entitlement tokens."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now


class TokenKey(Base):
    """An Ed25519 key of a site; of those whose time has come, the newest signs."""

    __tablename__ = "token_key"
    __table_args__ = (sa.UniqueConstraint("site_id", "signs_from"),)

    # The ``kid`` of its tokens.
    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("tky"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    # Readable, because nothing can sign otherwise; the row goes when its last token has expired.
    private_key: Mapped[str] = mapped_column(sa.String(64))
    signs_from: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
