"""The second pass: comments whose parent came later in the file find it, or stay at the top."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Comment, Site, table_of
from moderation.services.moving.store import known

_COMMENT = table_of(Comment)
BATCH = 500


class Loose:
    """Pairs (child, parent) of external ids, kept out of memory in a nameless file that goes with the process."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute("CREATE TABLE loose (child TEXT PRIMARY KEY, parent TEXT NOT NULL)")
        self.count = 0

    def add(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Keep these; a child that is known keeps its first parent."""
        if pairs:
            self._file.execute("BEGIN")
            made = self._file.executemany("INSERT OR IGNORE INTO loose VALUES (?, ?)", pairs)
            self._file.execute("COMMIT")
            self.count += made.rowcount

    def batches(self) -> Iterator[list[tuple[str, str]]]:
        """Last first: in a file that is sorted backwards every parent then hangs before its children do."""
        rows = self._file.execute("SELECT child, parent FROM loose ORDER BY rowid DESC")
        while found := rows.fetchmany(BATCH):
            yield found

    def close(self) -> None:
        self._file.close()


@dataclass
class Threads:
    """What became of the loose ones."""

    reattached: int = 0
    parent_missing: int = 0
    parent_elsewhere: int = 0
    cycles_broken: int = 0


def reattach(session: Session, site: Site, pairs: Sequence[tuple[str, str]], counts: Threads) -> None:
    """Hang each child, which stands at the top, with all that hangs on it under its parent."""
    stored = known(session, site, [id for pair in pairs for id in pair])
    for child_id, parent_id in pairs:
        child, parent = stored.get(child_id), stored.get(parent_id)
        if child is None:
            continue
        if parent is None:
            counts.parent_missing += 1
        elif parent.post_id != child.post_id:
            counts.parent_elsewhere += 1
        elif not _hang(session, child.id, parent.id):
            counts.cycles_broken += 1
        else:
            counts.reattached += 1


def _hang(session: Session, child_id: str, parent_id: str) -> bool:
    """Move the child's whole branch; False where the parent is a part of it: that would be a circle."""
    connection = session.connection()
    # Asked anew: an earlier pair of this batch may have moved either.
    place: Any = sa.select(_COMMENT.c.site_id, _COMMENT.c.post_id, _COMMENT.c.root_id, _COMMENT.c.depth)
    parent = connection.execute(place.where(_COMMENT.c.id == parent_id)).one()
    if parent.root_id == child_id:
        return False
    branch = sa.and_(
        _COMMENT.c.site_id == parent.site_id, _COMMENT.c.post_id == parent.post_id, _COMMENT.c.root_id == child_id
    )
    deeper = _COMMENT.c.depth + parent.depth + 1
    connection.execute(sa.update(_COMMENT).where(_COMMENT.c.id == child_id).values(parent_id=parent_id))
    connection.execute(sa.update(_COMMENT).where(branch).values(root_id=parent.root_id, depth=deeper))
    return True
