"""A WordPress export (WXR): one ``item`` a post, its comments inside it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import IO
from xml.etree.ElementTree import Element

from moderation.policy import Status
from moderation.services.moving.html_text import plain
from moderation.services.moving.record import Record, Refusal, Skipped, body, clean, identity, moment
from moderation.services.moving.xml_stream import elements, local, text_of

_ITEM = ("rss", "channel", "item")
_COMMENT = (*_ITEM, "comment")
_OF_ITEM = {"title", "link", "post_id", "comment_status"}
_STATUS = {
    "1": (Status.PUBLISHED, ""),
    "approve": (Status.PUBLISHED, ""),
    "0": (Status.PENDING, ""),
    "hold": (Status.PENDING, ""),
    "spam": (Status.REJECTED, "spam"),
    "trash": (Status.REJECTED, "deleted"),
    "post-trashed": (Status.REJECTED, "deleted"),
}
_ZERO = "0000-00-00"


@dataclass
class _Post:
    told: dict[str, str] = field(default_factory=dict)

    def id(self) -> str:
        return identity("post", self.told.get("post_id", "") or self.told.get("link", ""))


def records(stream: IO[bytes]) -> Iterator[Record | Skipped]:
    """Give every comment of the file; pingbacks and trackbacks are left out."""
    post, count = _Post(), 0
    for path, element in elements(stream, "rss", {"comment"}):
        if path == _COMMENT:
            count += 1
            where = f"comment {count}"
            try:
                yield _record(where, element, post)
            except Refusal as refusal:
                yield refusal.at(where)
        elif path == _ITEM:
            post = _Post()
        elif path[:-1] == _ITEM and path[-1] in _OF_ITEM:
            post.told[path[-1]] = "".join(element.itertext()).strip()


def _record(where: str, element: Element, post: _Post) -> Record:
    def told(name: str) -> str:
        return text_of(element, name).strip()

    kind = told("comment_type")
    if kind not in ("", "comment"):
        raise Refusal(kind[:30], f"is a {kind[:30]}, not a reader's comment", meant=True)
    post_id = post.id()
    status, reason = _status(told("comment_approved"))
    human = _said_by_people(element)
    if human is not None:
        reason = "spam" if human == "true" and reason != "deleted" else reason
    parent = told("comment_parent")
    return Record(
        where=where,
        external_id=identity("comment_id", f"wp:{post_id}:{told('comment_id')}" if told("comment_id") else ""),
        post_id=post_id,
        text=body(plain(text_of(element, "comment_content"))),
        created_at=_time(told("comment_date_gmt"), told("comment_date")),
        post_url=clean(post.told.get("link", ""))[:2_000],
        post_title=clean(post.told.get("title", ""))[:500],
        post_closed=post.told.get("comment_status") == "closed",
        parent=f"wp:{post_id}:{parent}" if parent not in ("", "0") else None,
        reader_id=_reader_id(told("comment_user_id"), told("comment_author_email")),
        reader_name=clean(told("comment_author"))[:100],
        reader_url=clean(told("comment_author_url"))[:2_000],
        status=status,
        reason=reason if status is Status.REJECTED else "",
        human=reason == "deleted" or (human is not None and (human == "true") == (status is Status.REJECTED)),
    )


def _status(word: str) -> tuple[Status, str]:
    if word not in _STATUS:
        raise Refusal("bad_status", f"has “{word[:40]}” for comment_approved")
    return _STATUS[word]


def _time(gmt: str, local_time: str) -> datetime:
    value = gmt if gmt and not gmt.startswith(_ZERO) else local_time
    return moment("comment_date_gmt", value)


def _reader_id(user: str, email: str) -> str | None:
    """The account's number, or else a sum of the e-mail, which itself is not taken over."""
    if user not in ("", "0"):
        return identity("comment_user_id", f"wp:{user}")
    return f"wp:email:{sha256(email.lower().encode('utf-8', 'replace')).hexdigest()}" if email else None


def _said_by_people(element: Element) -> str | None:
    """Akismet's note of what a moderator said: ``true`` for spam, ``false`` for none, None where nobody did."""
    for meta in element:
        if local(meta.tag) == "commentmeta" and text_of(meta, "meta_key").strip() == "akismet_user_result":
            value = text_of(meta, "meta_value").strip()
            return value if value in ("true", "false") else None
    return None
