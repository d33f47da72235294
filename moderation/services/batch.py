"""Writing many rows at once: what one after the other would cost a statement each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

_KEPT = "rows_kept_for_later"


@contextmanager
def collected(session: Session) -> Iterator[None]:
    """Inside, rows and flushes are kept back, and written together at the end; nothing after an exception."""
    kept: dict[sa.Insert, list[Mapping[str, Any]]] = {}
    session.info[_KEPT] = kept
    try:
        with session.no_autoflush:
            yield
    finally:
        del session.info[_KEPT]
    session.flush()
    for insert, rows in kept.items():
        session.connection().execute(insert, rows)


def write(session: Session, insert: sa.Insert, row: Mapping[str, Any]) -> None:
    """Insert a row now, or with the others where rows are collected."""
    kept: dict[sa.Insert, list[Mapping[str, Any]]] | None = session.info.get(_KEPT)
    if kept is None:
        session.connection().execute(insert, row)
    else:
        kept.setdefault(insert, []).append(row)


def flush(session: Session) -> None:
    if _KEPT not in session.info:
        session.flush()
