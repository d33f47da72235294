"""What the meter opens for one reader, and the lock under which posts are counted.

A counted post is open until its window ends, and takes one place of its rule as long: of a rule of N, fewer
than N must be open for one more. Nothing asks when a window began, so a clock that is set back, over the end
of a month too, never gives more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.errors import Conflict
from moderation.ids import new_id
from moderation.models import MeterAccount, MeteredPost, Reader, Site, insert_missing, table_of
from moderation.services import meter_rules, outbox

_ACCOUNT, _POST = table_of(MeterAccount), table_of(MeteredPost)
# Built once: this is asked at every view of every post.
_TAKEN = sa.select(
    sa.func.count(sa.case((_POST.c.section == sa.bindparam("rule"), 1))),
    sa.func.max(sa.case((_POST.c.post_id == sa.bindparam("post"), _POST.c.ends_at))),
).where(_POST.c.ends_at > sa.bindparam("now"))
_BY_ACCOUNT = _TAKEN.where(_POST.c.account_id == sa.bindparam("account"))
_BY_READER = _TAKEN.join_from(_ACCOUNT, _POST, _POST.c.account_id == _ACCOUNT.c.id).where(
    _ACCOUNT.c.site_id == sa.bindparam("site"), _ACCOUNT.c.reader_id == sa.bindparam("reader")
)
_FRESH = {"synchronize_session": False, "populate_existing": True}
_UNSEEN = {"synchronize_session": False}
# An erasure may take the row away between making and locking it; one such erasure at a time is plenty.
_TRIES = 5


class Standing(NamedTuple):
    """How the meter stands for a reader and a post.

    ``left`` is how many more posts the rule lets be counted (None: no rule counts this post), ``counted`` says
    whether this one was, ``until`` when it closes: as counted, or as it would be if it were counted now.
    """

    section: str
    posts: int
    left: int | None
    counted: bool
    until: datetime | None

    @property
    def opens(self) -> bool:
        return self.counted or bool(self.left)


class Who(NamedTuple):
    """Who reads: a registered reader by the site's id, anybody else by the account."""

    reader_id: str | None = None
    account_id: str | None = None


def _reader(site_id: str, reader_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(MeterAccount.site_id == site_id, MeterAccount.reader_id == reader_id)


def standing(session: Session, site: Site, who: Who, post_id: str, section: str, *, now: datetime) -> Standing | None:
    """Look, and count nothing; None where the site has no meter, which costs no query."""
    meter = meter_rules.of_site(site)
    if meter is None:
        return None
    rule, posts = meter.rule_of(section)
    asked: dict[str, Any] = {"rule": rule, "post": post_id, "now": now}
    if who.account_id is None:
        query, asked = _BY_READER, asked | {"site": site.id, "reader": who.reader_id}
    else:
        query, asked = _BY_ACCOUNT, asked | {"account": who.account_id}
    taken, until = session.connection().execute(query, asked).one()
    left = None if posts is None else max(0, posts - taken)
    if until is None and left:
        return Standing(
            rule, posts or 0, left, counted=False, until=meter_rules.ends_at(meter, now, zone=site.time_zone)
        )
    return Standing(rule, posts or 0, left, counted=until is not None, until=until)


def hold(session: Session, who: sa.ColumnElement[bool]) -> MeterAccount | None:
    """Lock an account until the transaction ends: an UPDATE of its row, so that every database waits here."""
    take = sa.update(MeterAccount).where(who).values(version=MeterAccount.version + 1).returning(MeterAccount)
    return session.scalars(take, execution_options=_FRESH).one_or_none()


def hold_reader(session: Session, site_id: str, reader_id: str, *, now: datetime) -> MeterAccount:
    """Lock a registered reader's account; make it where they are new to the meter."""
    made = False
    for _ in range(_TRIES):
        account = hold(session, _reader(site_id, reader_id))
        if account is not None:
            if made:
                # Only now, as an erasure takes them: the reader before the account is a deadlock.
                insert_missing(session, Reader, {"site_id": site_id, "id": reader_id})
            return account
        made = True
        values = {"id": new_id("mtr"), "site_id": site_id, "reader_id": reader_id, "created_at": now}
        insert_missing(session, MeterAccount, values)
    raise Conflict("This reader is being erased; ask again.")


def put(
    session: Session, account: MeterAccount, *, section: str, post_id: str, counted_at: datetime, ends_at: datetime
) -> None:
    """Write a counted post to a held account, in the place of one whose window has ended."""
    key = {"account_id": account.id, "section": section, "post_id": post_id}
    session.execute(sa.delete(MeteredPost).filter_by(**key), execution_options=_UNSEEN)
    row = key | {"counted_at": counted_at, "ends_at": ends_at, "told": False}
    session.execute(sa.insert(MeteredPost), row)


def open_posts(session: Session, account_id: str, *, now: datetime) -> Sequence[MeteredPost]:
    """The posts that are counted and open, the one that closes first before others."""
    mine = sa.and_(MeteredPost.account_id == account_id, MeteredPost.ends_at > now)
    return session.scalars(sa.select(MeteredPost).where(mine).order_by(MeteredPost.ends_at, MeteredPost.post_id)).all()


def _of_rule(session: Session, account: MeterAccount, section: str, now: datetime) -> list[MeteredPost]:
    return [post for post in open_posts(session, account.id, now=now) if post.section == section]


def renews_at(session: Session, account: MeterAccount, section: str, posts: int, *, now: datetime) -> datetime | None:
    """When a rule that is used up has room again by itself; None where it gives nothing at all."""
    taken = _of_rule(session, account, section, now)
    return taken[len(taken) - posts].ends_at if posts else None


def tell_if_used_up(
    session: Session, site: Site, account: MeterAccount, section: str, posts: int, *, now: datetime
) -> None:
    """Tell the site once a window that a registered reader has no free posts left."""
    taken = _of_rule(session, account, section, now)
    if not posts or len(taken) < posts or any(post.told for post in taken):
        return
    # Marked on the one that closes last, so that it is told again only when a window is over.
    taken[-1].told = True
    session.flush()
    data = {
        "id": account.id, "version": account.version, "reader_id": account.reader_id,
        "section": section or None, "posts": posts, "renews_at": taken[len(taken) - posts].ends_at,
    }  # fmt: skip
    outbox.emit(session, site_id=site.id, type="meter.used_up", data=data)


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def held_on(session: Session, site_id: str, reader_id: str) -> dict[str, Sequence[Any]]:
    """What is kept of a registered reader: counted posts, and that tokens were merged."""
    account_id = sa.select(MeterAccount.id).where(_reader(site_id, reader_id)).scalar_subquery()
    posts = sa.select(MeteredPost).where(MeteredPost.account_id == account_id).order_by(MeteredPost.counted_at)
    merged = sa.select(MeterAccount).where(MeterAccount.merged_into == account_id).order_by(MeterAccount.merged_at)
    return {"metered_posts": session.scalars(posts).all(), "merged_tokens": session.scalars(merged).all()}


def forget(session: Session, site_id: str, reader_id: str) -> None:
    """Erase a reader from the meter. A token that was merged stays used up, without telling into whom."""
    account = hold(session, _reader(site_id, reader_id))
    if account is None:
        return
    loose = sa.update(MeterAccount).where(MeterAccount.merged_into == account.id).values(merged_into=None)
    gone = sa.delete(MeteredPost).where(MeteredPost.account_id == account.id)
    for statement in (loose, gone, sa.delete(MeterAccount).where(MeterAccount.id == account.id)):
        session.execute(statement, execution_options=_UNSEEN)
    session.expunge(account)
