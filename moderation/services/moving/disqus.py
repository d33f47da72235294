"""A Disqus comments export: first the pages (``thread``), then the comments (``post``)."""

from collections.abc import Iterator
from hashlib import sha256
from html import unescape
from typing import IO, NamedTuple
from xml.etree.ElementTree import Element

from moderation.policy import Status
from moderation.services.moving.html_text import plain
from moderation.services.moving.record import (
    MOST_ID_CHARACTERS,
    Record,
    Refusal,
    Skipped,
    body,
    clean,
    identity,
    moment,
)
from moderation.services.moving.xml_stream import child, elements, id_of, text_of


class _Page(NamedTuple):
    id: str
    url: str
    title: str
    closed: bool


def records(stream: IO[bytes]) -> Iterator[Record | Skipped]:
    """Give every comment of the file, with the page that stands before it."""
    pages: dict[str, _Page] = {}
    count = 0
    for path, element in elements(stream, "disqus", {"thread", "post"}):
        if path == ("disqus", "thread"):
            pages[id_of(element)] = _page(element)
        elif path == ("disqus", "post"):
            count += 1
            where = f"comment {count}"
            try:
                yield _record(where, element, pages)
            except Refusal as refusal:
                yield refusal.at(where)


def _page(element: Element) -> _Page:
    own, url = text_of(element, "id").strip(), clean(text_of(element, "link").strip())[:2_000]
    # The site's own word for the page, else its address, else what Disqus calls it.
    id = next((word for word in (own, url) if 0 < len(word) <= MOST_ID_CHARACTERS), f"disqus:{id_of(element)[:200]}")
    # Titles come escaped twice.
    title = clean(unescape(text_of(element, "title").strip()))[:500]
    return _Page(id, url, title, _says(element, "isClosed"))


def _record(where: str, element: Element, pages: dict[str, _Page]) -> Record:
    page = pages.get(id_of(child(element, "thread")))
    if page is None:
        raise Refusal("no_post", "belongs to a page that the file does not hold")
    own, parent = id_of(element), id_of(child(element, "parent"))
    status, reason = _status(element)
    author = child(element, "author")
    return Record(
        where=where,
        external_id=identity("dsq:id", f"disqus:{own}" if own else ""),
        post_id=identity("page", page.id),
        text=body(plain(text_of(element, "message"))),
        created_at=moment("createdAt", text_of(element, "createdAt").strip()),
        post_url=page.url,
        post_title=page.title,
        post_closed=page.closed,
        parent=f"disqus:{parent}" if parent else None,
        reader_id=_reader_id(author),
        reader_name=clean(text_of(author, "name").strip())[:100] if author is not None else "",
        status=status,
        reason=reason,
        human=status is Status.REJECTED,
    )


def _status(element: Element) -> tuple[Status, str]:
    if _says(element, "isSpam"):
        return Status.REJECTED, "spam"
    if _says(element, "isDeleted"):
        return Status.REJECTED, "deleted"
    if text_of(element, "isApproved").strip().lower() == "false":
        return Status.PENDING, ""
    return Status.PUBLISHED, ""


def _says(element: Element, name: str) -> bool:
    return text_of(element, name).strip().lower() == "true"


def _reader_id(author: Element | None) -> str | None:
    """The account's name, else a sum of the e-mail, else of the name; the e-mail itself is not taken over."""
    if author is None:
        return None
    username = text_of(author, "username").strip()
    if username:
        return identity("username", f"disqus:{username}")
    for kind in ("email", "name"):
        word = text_of(author, kind).strip().lower()
        if word:
            return f"disqus:{kind}:{sha256(word.encode('utf-8', 'replace')).hexdigest()}"
    return None
