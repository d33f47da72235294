"""Unlocks: what a reader may still open, the grants it came from, and the ledger that proves it.

Everything hangs on the ``Allowance``, whose id means nothing outside: erasing a reader changes its
``reader_id`` to an opaque one, and the append-only ledger stays whole without the person.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now


class Allowance(Base):
    """A reader's account of unlocks. Its row is the lock that puts a reader's changes in a line."""

    __tablename__ = "allowance"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "reader_id"),
        sa.CheckConstraint("unlocks_left >= 0", name="never_negative"),
        sa.Index("ix_allowance_due_at", "due_at"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("alw"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    reader_id: Mapped[str] = mapped_column(sa.String(255))
    unlocks_left: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    # The ledger's last sequence number.
    sequence: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    # Grows with every change of the reader's unlocks or subscription.
    version: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    # When the next grant or paid time runs out: until then the row can be believed as it stands.
    due_at: Mapped[datetime | None]
    # What was due could not be written: the worker tries again then.
    set_aside_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Grant(Base):
    """Unlocks given at once, for one cause, until one time."""

    __tablename__ = "unlock_grant"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "kind", "reference"),
        sa.CheckConstraint("unlocks > 0 AND unlocks_left >= 0 AND unlocks_left <= unlocks", name="within_grant"),
        sa.Index("ix_unlock_grant_open", "allowance_id", "expires_at", "id", sqlite_where=sa.text("unlocks_left > 0"),
                 postgresql_where=sa.text("unlocks_left > 0")),
        sa.Index("ix_unlock_grant_allowance_id_id", "allowance_id", "id"),
        sa.Index("ix_unlock_grant_subscription_id_period", "subscription_id", "period"),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("gra"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    allowance_id: Mapped[str] = mapped_column(sa.ForeignKey("allowance.id"))
    # bundle, gift, goodwill, refund or import by the site; plan or rollover by a subscription
    kind: Mapped[str] = mapped_column(sa.String(16))
    reference: Mapped[str | None] = mapped_column(sa.String(255))
    unlocks: Mapped[int]
    unlocks_left: Mapped[int]
    # Of these, how many ran out unspent: what a rollover may carry on.
    unlocks_expired: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime | None]
    subscription_id: Mapped[str | None] = mapped_column(sa.ForeignKey("subscription.id"))
    period: Mapped[int | None]
    # The most that this period's grant takes over from the one before.
    rollover_cap: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class LedgerEntry(Base):
    """One change of an allowance. Append-only: triggers refuse updates, deletes and sums that do not fit."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        sa.CheckConstraint("balance >= 0", name="never_negative"),
        sa.CheckConstraint(
            "(kind IN ('grant', 'refund') AND unlocks > 0) OR (kind = 'unlock' AND unlocks = -1)"
            " OR (kind = 'expiry' AND unlocks < 0)",
            name="kind_has_sign",
        ),
    )

    allowance_id: Mapped[str] = mapped_column(sa.ForeignKey("allowance.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    unlocks: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(16))
    reference: Mapped[str | None] = mapped_column(sa.String(255))
    post_id: Mapped[str | None] = mapped_column(sa.String(255))
    grant_id: Mapped[str] = mapped_column(sa.ForeignKey("unlock_grant.id"))
    balance: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Unlock(Base):
    """A post that a reader has opened, and the grant that paid for it."""

    __tablename__ = "unlock"
    __table_args__ = (sa.UniqueConstraint("allowance_id", "post_id"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("unl"))
    allowance_id: Mapped[str] = mapped_column(sa.ForeignKey("allowance.id"))
    post_id: Mapped[str] = mapped_column(sa.String(255))
    grant_id: Mapped[str] = mapped_column(sa.ForeignKey("unlock_grant.id"))
    unlocked_at: Mapped[datetime] = mapped_column(default=utc_now)
    # None: for good.
    expires_at: Mapped[datetime | None]


class GrantRefund(Base):
    """Money that was given back for an order, once for each reference; it may be told before its order."""

    __tablename__ = "grant_refund"
    __table_args__ = (
        sa.UniqueConstraint("site_id", "kind", "refund_reference"),
        sa.CheckConstraint("unlocks > 0 AND taken >= 0 AND run_out >= 0 AND run_out <= taken", name="within_refund"),
        sa.Index("ix_grant_refund_site_id_kind_reference", "site_id", "kind", "reference"),
        sa.Index("ix_grant_refund_allowance_id", "allowance_id"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, default=lambda: new_id("ref"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"))
    allowance_id: Mapped[str] = mapped_column(sa.ForeignKey("allowance.id"))
    # Kind and reference of the grant, and the refund's own name.
    kind: Mapped[str] = mapped_column(sa.String(16))
    reference: Mapped[str] = mapped_column(sa.String(255))
    refund_reference: Mapped[str] = mapped_column(sa.String(255))
    # How many units were paid back; None: all of the order.
    unlocks: Mapped[int | None]
    # None until the order comes.
    grant_id: Mapped[str | None] = mapped_column(sa.ForeignKey("unlock_grant.id"))
    # How many of the order's units this has taken back; of these, how many had run out before.
    taken: Mapped[int] = mapped_column(default=0)
    run_out: Mapped[int] = mapped_column(default=0)
    closed_posts: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


SQLITE_GUARDS = (
    """CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE ON ledger_entry
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_entry_is_never_deleted BEFORE DELETE ON ledger_entry
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_entry_follows_the_last BEFORE INSERT ON ledger_entry
WHEN NEW.balance IS NOT NEW.unlocks + CASE WHEN NEW.sequence = 1 THEN 0 ELSE (
  SELECT balance FROM ledger_entry WHERE allowance_id = NEW.allowance_id AND sequence = NEW.sequence - 1) END
BEGIN SELECT RAISE(ABORT, 'the ledger entry does not follow the last one'); END""",
)
POSTGRESQL_GUARDS = (
    """CREATE FUNCTION ledger_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE FUNCTION ledger_entry_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.balance IS DISTINCT FROM NEW.unlocks + (CASE WHEN NEW.sequence = 1 THEN 0 ELSE (
    SELECT balance FROM ledger_entry WHERE allowance_id = NEW.allowance_id AND sequence = NEW.sequence - 1) END)
  THEN RAISE EXCEPTION 'the ledger entry does not follow the last one'
    USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$""",
    """CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE OR DELETE ON ledger_entry
FOR EACH ROW EXECUTE FUNCTION ledger_entry_refuse()""",
    """CREATE TRIGGER ledger_entry_is_never_truncated BEFORE TRUNCATE ON ledger_entry
FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_refuse()""",
    """CREATE TRIGGER ledger_entry_follows_the_last BEFORE INSERT ON ledger_entry
FOR EACH ROW EXECUTE FUNCTION ledger_entry_follow()""",
)


def _attach(dialect: str, event: str, statements: tuple[str, ...]) -> None:
    for statement in statements:
        ddl = sa.DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types
        sa.event.listen(LedgerEntry.__table__, event, ddl.execute_if(dialect=dialect))


_attach("sqlite", "after_create", SQLITE_GUARDS)
_attach("postgresql", "after_create", POSTGRESQL_GUARDS)
_attach(
    "postgresql",
    "after_drop",
    ("DROP FUNCTION IF EXISTS ledger_entry_refuse()", "DROP FUNCTION IF EXISTS ledger_entry_follow()"),
)
