"""The base class of all tables; constraint names are fixed so migrations can name them."""

from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, registry


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in the database (SQLite keeps no zone, so none is stored)."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 -- SQLAlchemy's signature
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 -- as above
        return None if value is None else value.replace(tzinfo=UTC)


def table_of(model: type["Base"]) -> sa.Table:
    """The model's table, for statements that are built once and run through Core."""
    return cast("sa.Table", model.__table__)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    registry = registry(
        metadata=sa.MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            datetime: UtcDateTime,
            dict[str, Any]: sa.JSON,
            list[dict[str, Any]]: sa.JSON,
            list[str]: sa.JSON,
        },
    )
