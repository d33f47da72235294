"""Which keys were looked up a moment ago: the rows of a key and its site, kept for one second in each process.

Asking for them costs more than answering most questions. A change that this process commits is seen at once; one
that another process commits, a revoked key for example, is seen after ``SECONDS`` at the latest.
"""

import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from moderation.models import ApiKey, Site

SECONDS = 1.0
MOST = 1_000
_CHANGED = "keys_or_sites_changed"

Rows = tuple[Any, Any]
Name = tuple[str, str]


class KnownKeys:
    """Rows by the key's name; ``read`` asks the database. Only keys that were found are kept."""

    # Grows with every change that a transaction of this process makes to keys or sites.
    changes = 0

    def __init__(self) -> None:
        self._kept: dict[Name, tuple[float, int, Rows]] = {}

    def find(self, name: Name, read: Callable[[Name], Rows | None]) -> Rows | None:
        """Return the rows, at most ``SECONDS`` old, or None for a key that is not there."""
        now, changes = time.monotonic(), KnownKeys.changes
        kept = self._kept.get(name)
        # A clock that was put back proves nothing.
        if kept is not None and 0 <= now - kept[0] < SECONDS and kept[1] == changes:
            return kept[2]
        rows = read(name)
        if rows is None:
            self._kept.pop(name, None)
            return None
        if len(self._kept) >= MOST:
            self._kept = {}
        # The time and the count from before the reading: a change in the meantime makes it old at once.
        self._kept[name] = (now, changes, rows)
        return rows


@sa.event.listens_for(Session, "after_flush")
def _note_objects(session: Session, flush_context: UOWTransaction) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
    if any(isinstance(changed, ApiKey | Site) for changed in (*session.dirty, *session.deleted)):
        _changed(session)


@sa.event.listens_for(Session, "do_orm_execute")
def _note_statements(state: ORMExecuteState) -> None:
    if (state.is_update or state.is_delete) and state.bind_mapper and state.bind_mapper.class_ in (ApiKey, Site):
        _changed(state.session)


def _changed(session: Session) -> None:
    session.info[_CHANGED] = True
    # The transaction itself sees it, too.
    KnownKeys.changes += 1


@sa.event.listens_for(Session, "after_commit")
@sa.event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    if session.info.pop(_CHANGED, False):
        KnownKeys.changes += 1
