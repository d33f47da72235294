"""A site (the tenant), its keys, its policy and its people."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from moderation.ids import new_id
from moderation.models.base import Base, utc_now


class Site(Base):
    __tablename__ = "site"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("site"))
    name: Mapped[str] = mapped_column(sa.String(64), unique=True)
    time_zone: Mapped[str] = mapped_column(default="UTC")
    policy_version: Mapped[int] = mapped_column(default=0)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ApiKey(Base):
    """A site's key: stored as a SHA-256 (it is 256 random bits, so no slow hash is needed)."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("key"))
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), index=True)
    sha256: Mapped[str] = mapped_column(sa.String(64), unique=True)
    last4: Mapped[str] = mapped_column(sa.String(4))
    door: Mapped[str] = mapped_column(default="api")
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PolicyVersion(Base):
    """One version of a site's policy; all are kept, ``Site.policy_version`` names the one in force."""

    __tablename__ = "policy_version"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    thresholds: Mapped[dict[str, Any]]
    rules: Mapped[list[dict[str, Any]]]
    note: Mapped[str] = mapped_column(default="")
    author: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Moderator(Base):
    __tablename__ = "moderator"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("mod"))
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    password_hash: Mapped[str]
    # Part of every signed session: changing it ends them all.
    session_salt: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    disabled_at: Mapped[datetime | None]


class Membership(Base):
    """What a moderator may do on a site: viewer, moderator, senior or admin."""

    __tablename__ = "membership"

    moderator_id: Mapped[str] = mapped_column(sa.ForeignKey("moderator.id"), primary_key=True)
    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(default="moderator")


class Audit(Base):
    """Who did what, when and from where; append-only. ``data`` never holds a comment's text."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)
    site_id: Mapped[str | None] = mapped_column(sa.ForeignKey("site.id"), index=True)
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    request_id: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class IdempotencyKey(Base):
    """The stored answer to a POST, kept for replays in the scope (site, key, method, path)."""

    __tablename__ = "idempotency_key"

    site_id: Mapped[str] = mapped_column(sa.ForeignKey("site.id"), primary_key=True)
    api_key_id: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class ModelVersion(Base):
    """A trained model that this installation knows: where it lies and whether it decides."""

    __tablename__ = "model_version"
    __table_args__ = (
        # At most one decides, whoever promotes at the same moment.
        sa.Index("uq_model_version_active", "state", unique=True, sqlite_where=sa.text("state = 'active'"),
                 postgresql_where=sa.text("state = 'active'")),
    )  # fmt: skip

    version: Mapped[str] = mapped_column(primary_key=True)
    # The model directory, relative to the data folder, so that an installation can be moved.
    path: Mapped[str]
    # candidate, shadow, active or retired; with none active the bundled model decides
    state: Mapped[str] = mapped_column(default="candidate", index=True)
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    promoted_at: Mapped[datetime | None]
    # What decided before it was promoted: a rollback returns there. None: the bundled model.
    replaced: Mapped[str | None]
