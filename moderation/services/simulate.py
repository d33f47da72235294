"""What another policy would have done to the comments that are stored.

Both policies, the one in force and the proposed one, decide on the same stored scores and the same facts, so
that a difference is the policy's and nothing else's. Facts of the moment of submission are taken from what is
stored of it (text, signals, repeats in the day before); the post's mode and the reader's standing are as now.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import new_id
from moderation.models import Comment, Post, Reader, Site, utc_now
from moderation.policy import Facts, Policy, Status, decide, without_hook
from moderation.services import facts

MOST_EXAMPLES = 10


@dataclass
class Outcome:
    """Counts of statuses before and after, of each change, and a few comments for each change."""

    comments: int = 0
    before: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    after: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    changes: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def count(self, id: str, before: Status, after: Status) -> None:
        self.comments += 1
        self.before[before] += 1
        self.after[after] += 1
        if before is not after:
            change = f"{before.value} -> {after.value}"
            self.changes[change] = self.changes.get(change, 0) + 1
            if self.changes[change] <= MOST_EXAMPLES:
                self.examples.setdefault(change, []).append(id)

    def as_dict(self) -> dict[str, Any]:
        return {
            "comments": self.comments,
            "before": {status.value: self.before[status] for status in Status},
            "after": {status.value: self.after[status] for status in Status},
            "changed": sum(self.changes.values()),
            "changes": dict(sorted(self.changes.items())),
            "examples": dict(sorted(self.examples.items())),
        }


def simulate(
    session: Session,
    site: Site,
    *,
    now: Policy,
    proposed: Policy,
    since: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Decide every stored comment of the site twice; ``progress`` is told how many are done."""
    outcome = Outcome()
    # A site's own rule is not asked about the past: both policies are taken without it.
    now, proposed = without_hook(now), without_hook(proposed)
    repeated = _repeated_hashes(session, site)
    standings: dict[str, float | None] = {}
    trusting = next(filter(facts.asks_for_standing, (now, proposed)), None)
    for comment, post, reader in _stored(session, site, since):
        if trusting and reader is not None and reader.id not in standings:
            standings[reader.id] = facts.standing_of(session, trusting, reader)
        shared = _facts(session, comment, post, reader, repeated=repeated)
        shared["reader_standing"] = standings.get(reader.id) if reader else None
        scores = comment.scores or None
        before, after = (
            decide(scores, policy, _for_policy(session, policy, comment, reader, shared)).status
            for policy in (now, proposed)
        )
        outcome.count(comment.id, before, after)
        progress(outcome.comments)
    return outcome


def _stored(session: Session, site: Site, since: datetime | None) -> Iterator[Any]:
    the_reader = sa.and_(Reader.site_id == Comment.site_id, Reader.id == Comment.reader_id)
    query = (
        sa.select(Comment, Post, Reader)
        .join(Post, sa.and_(Post.site_id == Comment.site_id, Post.id == Comment.post_id))
        .outerjoin(Reader, the_reader)
        .where(Comment.site_id == site.id, Comment.deleted_at.is_(None))
        .order_by(Comment.id)
        .execution_options(yield_per=500)
    )
    if since is not None:
        query = query.where(Comment.id >= new_id("cmt", at=since))
    return iter(session.execute(query))


def _repeated_hashes(session: Session, site: Site) -> set[str]:
    """The texts that stand more than once on the site: only these need to be looked up one by one."""
    query = sa.select(Comment.text_hash).where(Comment.site_id == site.id, Comment.deleted_at.is_(None))
    return set(session.scalars(query.group_by(Comment.text_hash).having(sa.func.count() > 1)))


def _facts(
    session: Session, comment: Comment, post: Post, reader: Reader | None, *, repeated: set[str]
) -> dict[str, Any]:
    """The facts that hold under any policy."""
    mine, on_site = _repeats(session, comment) if comment.text_hash in repeated else (0, 0)
    return {
        "post_mode": post.comments,
        "reader_banned": bool(reader and reader.banned_until and reader.banned_until > utc_now()),
        "reader_premoderated": bool(reader and reader.premoderated),
        "reader_roles": reader.roles if reader else (),
        "same_text_by_reader": mine,
        "same_text_on_site": on_site if len(comment.text) >= facts.REPEAT_CHARACTERS else 0,
        "honeypot_filled": bool(comment.signals.get("honeypot_filled")),
    }


def _for_policy(
    session: Session, policy: Policy, comment: Comment, reader: Reader | None, shared: Mapping[str, Any]
) -> Facts:
    published = _published_before(session, policy, comment, reader)
    return Facts(**facts.of_text(comment.text, policy), **shared, reader_published=published)


def _repeats(session: Session, comment: Comment) -> tuple[int, int]:
    since = new_id("cmt", at=comment.created_at - facts.REPEAT_WINDOW)
    query = sa.select(Comment.reader_id, Comment.post_id).where(
        Comment.site_id == comment.site_id,
        Comment.text_hash == comment.text_hash,
        Comment.id >= since,
        Comment.id < comment.id,
        Comment.deleted_at.is_(None),
    )
    rows = session.execute(query.limit(100)).all()
    mine = [row for row in rows if row.reader_id and row.reader_id == comment.reader_id]
    return sum(row.post_id == comment.post_id for row in mine), len(rows)


def _published_before(session: Session, policy: Policy, comment: Comment, reader: Reader | None) -> int | None:
    needed = [rule.params["published_needed"] for rule in policy.rules if rule.rule == "new_reader" and rule.enabled]
    if not needed or reader is None:
        return None
    query = sa.select(Comment.id).where(
        Comment.site_id == comment.site_id,
        Comment.reader_id == reader.id,
        Comment.id < comment.id,
        Comment.status == Status.PUBLISHED,
        Comment.deleted_at.is_(None),
    )
    return len(session.scalars(query.limit(max(needed))).all())
