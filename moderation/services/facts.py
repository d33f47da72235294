"""What the rules of a policy may ask about a comment: gathered once, from the text and the database."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import re2
import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.ids import new_id
from moderation.models import Comment, table_of, utc_now
from moderation.policy import TRUSTED_READER, Facts, HookAnswer, Policy, Status
from moderation.services import standing

REPEAT_WINDOW = timedelta(hours=24)
# Short texts ("Thanks!") repeat by themselves; only longer ones are evidence of a copy.
REPEAT_CHARACTERS = 20
# A post or a reader: the object, or its row on the path that every comment takes.
Named = Any
_ROW = table_of(Comment).c
_SAME_TEXT = (
    sa.select(_ROW.reader_id, _ROW.post_id)
    .where(_ROW.site_id == sa.bindparam("site"), _ROW.text_hash == sa.bindparam("hashed"))
    .where(_ROW.id >= sa.bindparam("since"), _ROW.id != sa.bindparam("but_not"), _ROW.deleted_at.is_(None))
    .limit(100)
)
_ASCII_UNSEEN = dict.fromkeys((*range(33), 127))
_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)


def text_hash(text: str) -> str:
    """SHA-256 (hex) of the text without case, spaces, marks and invisible characters."""
    if text.isascii():  # most texts, and ten times as fast
        return hashlib.sha256(text.lower().translate(_ASCII_UNSEEN).encode()).hexdigest()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(c for c in decomposed if unicodedata.category(c)[0] not in "CMZ")
    return hashlib.sha256(kept.encode("utf-8", "surrogatepass")).hexdigest()


def visible_characters(text: str) -> int:
    """How many characters leave a mark on the page: no spaces, controls, format characters or blanks."""
    if text.isascii():
        return len(text) - sum(map(text.count, " \t\n\r\v\f"))
    return sum(unicodedata.category(c)[0] not in "CZM" and c not in "\u3164\u115f\u1160\uffa0\u2800" for c in text)


def blocked_words(text: str, policy: Policy) -> list[str]:
    """The site's blocked words and patterns that stand in the text, as whole words, each once."""
    found: list[str] = []
    for rule in policy.rules:
        if rule.rule == "blocked_words" and rule.enabled:
            pattern = _compiled(tuple(rule.params["words"]), tuple(rule.params["patterns"]))
            found += [match.group(1) for match in pattern.finditer(text)] if pattern else []
    return sorted({word.lower() for word in found})


@lru_cache(maxsize=1_000)
def _compiled(words: Sequence[str], patterns: Sequence[str]) -> Any:
    parts = [re2.escape(word) for word in words] + [f"(?:{pattern})" for pattern in patterns]
    if not parts:
        return None
    # RE2 has no look-around and an ASCII \b: the edges are spelt out for words in any script.
    return re2.compile(r"(?i)(?:^|[^\pL\pM\pN_])(" + "|".join(parts) + r")(?:$|[^\pL\pM\pN_])")


def gather(
    session: Session, *, text: str, hashed: str, policy: Policy, post: Named, reader: Named | None,
    signals: Mapping[str, Any], but_not: str | None = None, hook: HookAnswer | None = None,
) -> Facts:  # fmt: skip
    """Ask the database what the rules may need; ``but_not`` is the comment that is being edited."""
    by_reader, on_site = _repeats(session, text, hashed, post, reader, but_not)
    return Facts(
        **of_text(text, policy),
        post_mode=post.comments,
        reader_banned=bool(reader and reader.banned_until and reader.banned_until > utc_now()),
        reader_premoderated=bool(reader and reader.premoderated),
        reader_published=_published(session, policy, reader),
        reader_standing=standing_of(session, policy, reader, but_not=but_not or ""),
        reader_roles=reader.roles if reader else (),
        same_text_by_reader=by_reader,
        same_text_on_site=on_site,
        honeypot_filled=bool(signals.get("honeypot_filled")),
        hook=hook,
    )


def of_text(text: str, policy: Policy) -> dict[str, Any]:
    """The facts that the text alone gives."""
    return {
        "characters": len(text),
        "visible_characters": visible_characters(text),
        "links": len(_LINK.findall(text)),
        "blocked_words": blocked_words(text, policy),
    }


def _repeats(
    session: Session, text: str, hashed: str, post: Named, reader: Named | None, but_not: str | None
) -> tuple[int, int]:
    # Ids begin with their time of making, so the index on (site, hash, id) answers for the last day alone.
    since = new_id("cmt", at=utc_now() - REPEAT_WINDOW)
    asked = {"site": post.site_id, "hashed": hashed, "since": since, "but_not": but_not or ""}
    rows = session.connection().execute(_SAME_TEXT, asked).all()
    mine = sum(reader is not None and row.reader_id == reader.id and row.post_id == post.id for row in rows)
    return mine, len(rows) if len(text) >= REPEAT_CHARACTERS else 0


def standing_of(session: Session, policy: Policy, reader: Named | None, *, but_not: str = "") -> float | None:
    """The reader's standing, where a rule of the policy asks for it."""
    if not asks_for_standing(policy) or reader is None:
        return None
    return standing.earned(session, reader.site_id, reader.id, but_not=but_not).points


def asks_for_standing(policy: Policy) -> bool:
    return any(rule.rule == TRUSTED_READER and rule.enabled for rule in policy.rules)


def _published(session: Session, policy: Policy, reader: Named | None) -> int | None:
    """How many comments of this reader are published, counted no further than a rule asks."""
    needed = [rule.params["published_needed"] for rule in policy.rules if rule.rule == "new_reader" and rule.enabled]
    if not needed or reader is None:
        return None
    query = (
        sa.select(Comment.id)
        .where(Comment.site_id == reader.site_id, Comment.reader_id == reader.id)
        .where(Comment.status == Status.PUBLISHED, Comment.deleted_at.is_(None))
        .limit(max(needed))
    )
    return len(session.scalars(query).all())
