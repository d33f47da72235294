"""Insert a row unless it is there: safe when two requests name the same new thing at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from moderation.models.base import Base

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_missing(session: Session, model: type[Base], values: Mapping[str, Any]) -> None:
    """``INSERT ... ON CONFLICT DO NOTHING``, after what the session still holds back."""
    session.flush()
    insert = _INSERT[session.get_bind().dialect.name]
    session.execute(insert(model).values(**values).on_conflict_do_nothing())


def insert_all_missing(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """The same for many rows, each with the same columns, in one statement."""
    if rows:
        session.flush()
        insert = _INSERT[session.get_bind().dialect.name](model).on_conflict_do_nothing()
        session.execute(insert, rows)
