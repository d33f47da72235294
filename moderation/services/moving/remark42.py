"""A backup of Remark42: JSON Lines, gzipped; the first line tells of users and posts, every other is a comment.

Source: umputun/remark42, ``backend/app/migrator/native.go`` and ``backend/app/store/comment.go``.
"""

from collections.abc import Iterator, Mapping
from typing import IO, Any

from moderation.errors import ReplydeskError
from moderation.policy import Status
from moderation.services.moving.html_text import plain
from moderation.services.moving.lines import numbered, object_in
from moderation.services.moving.record import Record, Refusal, Skipped, body, clean, identity, moment, post_id_of

# What Remark42 writes where the account itself was deleted.
_NOBODY = "deleted"
VERSIONS = (0, 1)


def records(stream: IO[bytes]) -> Iterator[Record | Skipped]:
    """Give every comment of the backup."""
    closed: set[str] | None = None
    for line, raw in numbered(stream):
        where = f"line {line}"
        if closed is None:
            closed = _read_only_posts(raw)
            continue
        try:
            yield _record(where, object_in(raw), closed)
        except Refusal as refusal:
            yield refusal.at(where)
    if closed is None:
        raise ReplydeskError("The file is empty.")


def _read_only_posts(raw: bytes) -> set[str]:
    try:
        meta = object_in(raw)
    except Refusal:
        meta = {}
    if "version" not in meta:
        raise ReplydeskError("The first line is not that of a backup of Remark42, which tells its version.")
    if meta["version"] not in VERSIONS:
        raise ReplydeskError(f"The backup has the version {str(meta['version'])[:20]}; 1 can be read.")
    posts = meta.get("posts")
    found = posts if isinstance(posts, list) else []
    return {str(post.get("url")) for post in found if isinstance(post, dict) and post.get("read_only") is True}


def _record(where: str, row: Mapping[str, Any], closed: set[str]) -> Record:
    user, locator = _object(row, "user"), _object(row, "locator")
    own, parent, url = _text(row, "id"), _text(row, "pid"), _text(locator, "url")
    deleted, author = row.get("delete") is True, _text(user, "id")
    written = moment("time", _text(row, "time"))
    return Record(
        where=where,
        external_id=identity("id", f"remark42:{own}" if own else ""),
        post_id=post_id_of("locator.url", url),
        # As it was shown; `orig` is what was typed, and not always there.
        text=body(plain(_text(row, "text")), may_be_empty=deleted),
        created_at=written,
        post_url=clean(url)[:2_000],
        post_title=clean(_text(row, "title"))[:500],
        post_closed=url in closed,
        parent=f"remark42:{parent}" if parent else None,
        reader_id=identity("user.id", f"remark42:{author}") if author not in ("", _NOBODY) else None,
        reader_name="" if author == _NOBODY else clean(_text(user, "name"))[:100],
        status=Status.REJECTED if deleted else Status.PUBLISHED,
        reason="deleted" if deleted else "",
        deleted_at=written if deleted and not _text(row, "text").strip() else None,
    )


def _object(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refusal("bad_value", f"has a {name} that is not a string")
    return value
