"""Records become comments, a batch at a time: posts, readers, comments and their Decision rows.

A batch is one transaction of the caller's. What stands under its external id already is passed over, so that
a run that was killed is simply begun again. No webhook events are written: nothing happened today, and a
site that moves a million comments must not be told of each.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import id_of_then, new_id
from moderation.models import Comment, Decision, Post, Reader, Site, insert_all_missing, table_of
from moderation.policy import DECISION_REASONS, Facts, Policy, Reason, Status, Verdict, decide
from moderation.services import audit, facts
from moderation.services.comments import Scored, expected_harm
from moderation.services.moving.record import Record, Skipped

_COMMENT, _POST, _DECISION = table_of(Comment), table_of(Post), table_of(Decision)
_OWN_ID = "cmt_"
_STORED = (
    _COMMENT.c.id, _COMMENT.c.external_id, _COMMENT.c.post_id, _COMMENT.c.parent_id, _COMMENT.c.root_id,
    _COMMENT.c.depth, _COMMENT.c.text_hash, _COMMENT.c.version,
)  # fmt: skip
_DETAILS = {
    "abuse": "Rejected as abuse where it came from.",
    "spam": "Rejected as spam where it came from.",
    "deleted": "Deleted where it came from.",
    "duplicate": "Rejected as a repeat where it came from.",
}


@dataclass(frozen=True)
class Source:
    """What is being read, and whether its people's decisions count as decisions here (as labels do)."""

    name: str
    decisions: bool = False


@dataclass
class Batch:
    """What became of a batch; ``loose`` are comments whose parent was not there yet: (child, parent)."""

    stored: int = 0
    there: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    loose: list[tuple[str, str]] = field(default_factory=list)


def known(session: Session, site: Site, ids: Iterable[str]) -> dict[str, Any]:
    """The stored comments of these external ids; our own id stands for one that has none."""
    asked = sorted(set(ids))
    own = [id for id in asked if id.startswith(_OWN_ID)]
    found: dict[str, Any] = {}
    for column, values in ((_COMMENT.c.id, own), (_COMMENT.c.external_id, asked)):
        if values:
            query = sa.select(*_STORED).where(_COMMENT.c.site_id == site.id, column.in_(values))
            found |= {getattr(row, column.key): row for row in session.connection().execute(query)}
    return found


def new_ones(session: Session, site: Site, records: Sequence[Record]) -> list[Record]:
    """Those of ``records`` that are not stored: only they need scores."""
    stored = known(session, site, (record.external_id for record in records))
    return [record for record in records if record.external_id not in stored]


def store(
    session: Session, site: Site, policy: Policy, source: Source, records: Sequence[Record],
    scores: Mapping[str, Scored],
) -> Batch:  # fmt: skip
    """Store what is new; ``scores`` holds those of the new ones by external id."""
    batch, rows = Batch(), _Rows(site, policy, source)
    stored = known(session, site, [id for r in records for id in (r.external_id, r.parent) if id])
    for record in records:
        standing = stored.get(record.external_id)
        parent = stored.get(record.parent) if record.parent else None
        if standing is not None and _is_another(record, standing):
            detail = f"has the id “{record.external_id}” of another comment"
            batch.skipped.append(Skipped(record.where, "id_taken", detail))
            continue
        if standing is not None:
            batch.there += 1
        else:
            parent = parent if parent is not None and parent.post_id == record.post_id else None
            scored = scores.get(record.external_id) or Scored(record.scores or None, record.model_version)
            stored[record.external_id] = rows.add(record, scored, parent)
            batch.stored += 1
        if record.parent and stored[record.external_id].parent_id is None:
            batch.loose.append((record.external_id, record.parent))
    if batch.stored:
        rows.write(session)
        audit.record(session, site_id=site.id, actor=f"import:{source.name}", action="comments.imported",
                     subject=site.id, count=batch.stored)  # fmt: skip
    return batch


def _is_another(record: Record, standing: Any) -> bool:
    """Whether the id stands for another text; what was edited here since is still the same comment."""
    return bool(standing.version == 1 and standing.text_hash != facts.text_hash(record.text))


class _Rows:
    """The rows of one batch, written in as many statements as there are tables."""

    def __init__(self, site: Site, policy: Policy, source: Source) -> None:
        self.site, self.policy, self.source = site, policy, source
        self.posts: dict[str, dict[str, Any]] = {}
        self.readers: dict[str, dict[str, Any]] = {}
        self.comments: list[dict[str, Any]] = []
        self.decisions: list[dict[str, Any]] = []
        self.touched: set[str] = set()

    def add(self, record: Record, scored: Scored, parent: Any) -> Any:
        """Make the rows of a record; return its comment as ``known`` would."""
        self.posts.setdefault(record.post_id, {"url": record.post_url, "title": record.post_title,
                                               "comments": "closed" if record.post_closed else "open"})  # fmt: skip
        if record.reader_id:
            told = {"name": record.reader_name, "email": record.reader_email, "url": record.reader_url}
            if not self.readers.get(record.reader_id, {}).get("name"):
                self.readers[record.reader_id] = told
        verdict = self._verdict(record, scored)
        comment = self._comment(record, scored, verdict, parent)
        self.comments.append(comment)
        self.decisions.append(self._decision(record, verdict, comment))
        if verdict.status is Status.PUBLISHED:
            self.touched.add(record.post_id)
        return _Stored(comment)

    def _verdict(self, record: Record, scored: Scored) -> Verdict:
        """The source's own word, or the policy's on the text where the source has none."""
        if record.status is None:
            return decide(scored.scores, self.policy, Facts(**facts.of_text(record.text, self.policy)))
        detail = _DETAILS.get(record.reason, "Rejected where it came from.")
        return Verdict(record.status, [Reason(record.reason, detail)] if record.reason else [], 0)

    def _comment(self, record: Record, scored: Scored, verdict: Verdict, parent: Any) -> dict[str, Any]:
        id = id_of_then("cmt", record.created_at, f"{self.site.id} {record.external_id}")
        scores = {label: round(value, 4) for label, value in (scored.scores or {}).items()}
        content = f"{record.text}\0{record.post_id}\0{record.parent}\0{record.reader_id or record.reader_name}"
        return {
            "id": id, "site_id": self.site.id, "external_id": record.external_id, "post_id": record.post_id,
            "parent_id": parent.id if parent else None, "root_id": parent.root_id if parent else id,
            "depth": parent.depth + 1 if parent else 0, "reader_id": record.reader_id,
            "reader_name": record.reader_name, "text": record.text, "text_hash": facts.text_hash(record.text),
            "fingerprint": sha256(content.encode()).hexdigest(), "status": verdict.status,
            "reasons": [reason.as_dict() for reason in verdict.reasons], "scores": scores,
            "harm": expected_harm(scores, self.policy.thresholds), "model_version": scored.model_version,
            "policy_version": verdict.policy_version, "signals": {}, "flag_count": 0,
            "decided_by": "moderator" if record.human else "policy", "version": 1, "claimed_by": None,
            "claimed_until": None, "created_at": record.created_at,
            "updated_at": record.decided_at or record.created_at, "deleted_at": record.deleted_at,
        }  # fmt: skip

    def _decision(self, record: Record, verdict: Verdict, comment: Mapping[str, Any]) -> dict[str, Any]:
        decided = self.source.decisions and record.human and verdict.status is not Status.PENDING
        return {
            "id": new_id("dec"), "site_id": self.site.id, "comment_id": comment["id"], "comment_version": 1,
            "kind": "decided" if decided else "imported", "old_status": None, "new_status": verdict.status,
            "reason": record.reason if record.reason in DECISION_REASONS else None, "note": "",
            "reasons": comment["reasons"], "scores": comment["scores"],
            "actor": "policy" if record.status is None else f"import:{self.source.name}", "moderator_id": None,
            "model_version": comment["model_version"], "policy_version": verdict.policy_version,
            "created_at": record.decided_at or record.created_at, "undoes_id": None,
        }  # fmt: skip

    def write(self, session: Session) -> None:
        key = {"site_id": self.site.id}
        insert_all_missing(session, Post, [key | {"id": id} | told for id, told in self.posts.items()])
        insert_all_missing(session, Reader, [key | {"id": id} | told for id, told in self.readers.items()])
        connection = session.connection()
        connection.execute(sa.insert(_COMMENT), self.comments)
        connection.execute(sa.insert(_DECISION), self.decisions)
        if self.touched:
            grown = sa.update(_POST).values(thread_version=_POST.c.thread_version + 1)
            here = sa.and_(_POST.c.site_id == self.site.id, _POST.c.id.in_(sorted(self.touched)))
            connection.execute(grown.where(here))


class _Stored:
    """A comment of this very batch, as a row of ``known``."""

    __slots__ = ("depth", "id", "parent_id", "post_id", "root_id", "text_hash", "version")

    def __init__(self, comment: Mapping[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, comment[name])
