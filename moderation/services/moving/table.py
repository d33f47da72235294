"""Our own columns, of CSV and of JSON Lines: a row of named values becomes a record."""

from collections.abc import Mapping
from typing import Any

from moderation.policy import LABELS, Status
from moderation.services.moving.html_text import plain
from moderation.services.moving.record import (
    REASONS,
    Record,
    Refusal,
    body,
    clean,
    identity,
    moment,
    post_id_of,
)

# name -> what it means; docs/moving.md shows this table.
COLUMNS: Mapping[str, str] = {
    "external_id": "required: the source's own id of the comment, unique in the site",
    "post_external_id": "the site's id of the article; this or `post_url` is required",
    "post_url": "address of the article",
    "post_title": "title of the article",
    "parent_external_id": "the comment that it answers; empty: none",
    "reader_external_id": "the site's id of its author; empty: one who gave a name only",
    "reader_name": "name as shown",
    "reader_email": "e-mail of an author that has an id",
    "reader_url": "web address of an author that has an id",
    "text": "required: the comment",
    "text_format": "`plain` (default) or `html`, of which plain text is made",
    "status": "`published`, `pending` or `rejected`; empty: the policy in force decides",
    "reason": "why it was rejected: " + ", ".join(f"`{reason}`" for reason in REASONS),
    "decided_by": "`human` or `policy` (default)",
    "decided_at": "when; by default `created_at`",
    "created_at": "RFC 3339, UTC where it names no zone; by default now",
    "deleted_at": "when it was taken down: its text may be empty, its place in the thread stays",
    "scores": 'JSON Lines only: `[{"label", "value", "model_version"}]`, taken over with `--no-score`',
    **dict.fromkeys(LABELS, "label of a training set; passed over by `import`"),
}
_NOT_TEXT = {"scores", *LABELS}


def record(where: str, row: Mapping[str, Any], *, now: str) -> Record:
    """Make a record of named values; raise ``Refusal`` where one is wrong."""
    cells = {name: _cell(name, value) for name, value in row.items() if name in COLUMNS and name not in _NOT_TEXT}
    get = cells.get
    deleted = get("deleted_at")
    scores, version = _scores(row.get("scores"))
    made = Record(
        where=where,
        external_id=identity("external_id", get("external_id", "")),
        post_id=_post_id(get("post_external_id", ""), get("post_url", "")),
        text=body(_plain(get("text", ""), get("text_format", "")), may_be_empty=bool(deleted)),
        created_at=moment("created_at", get("created_at") or now),
        post_url=clean(get("post_url", ""))[:2_000],
        post_title=clean(get("post_title", ""))[:500],
        parent=get("parent_external_id") or None,
        reader_id=identity("reader_external_id", cells["reader_external_id"]) if get("reader_external_id") else None,
        reader_name=clean(get("reader_name", ""))[:100],
        reader_email=clean(get("reader_email", ""))[:254],
        reader_url=clean(get("reader_url", ""))[:2_000],
        status=_status(get("status", "")),
        reason=_one_of("reason", get("reason", ""), REASONS),
        human=_one_of("decided_by", get("decided_by", ""), ("human", "policy")) == "human",
        decided_at=moment("decided_at", cells["decided_at"]) if get("decided_at") else None,
        deleted_at=moment("deleted_at", deleted) if deleted else None,
        scores=scores,
        model_version=version,
    )
    if made.deleted_at and made.status is None:
        raise Refusal("bad_status", "was taken down and has no status")
    return made


def unknown(names: Any, columns: Mapping[str, str] = COLUMNS) -> list[str]:
    return sorted(str(name)[:50] for name in names if name not in columns)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refusal("bad_value", f"has a {name} that is not a string")
    return value


def _plain(text: str, form: str) -> str:
    if _one_of("text_format", form, ("plain", "html")) != "html":
        return text
    return plain(text)


def _post_id(id: str, url: str) -> str:
    name = "post_external_id or post_url"
    return identity(name, id) if id else post_id_of(name, url)


def _status(word: str) -> Status | None:
    return Status(word) if _one_of("status", word, tuple(Status)) else None


def _one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    if word and word not in words:
        raise Refusal(f"bad_{name}", f"has “{word[:40]}” for {name}; it is one of {', '.join(words)}")
    return word


def _scores(items: Any) -> tuple[dict[str, float], str]:
    """Scores by label, and the model that gave them; anything else than what ``export`` writes is refused."""
    if items in (None, "", []):
        return {}, ""
    try:
        found = {item["label"]: float(item["value"]) for item in items}
        version = str(items[0]["model_version"])
    except (TypeError, KeyError, ValueError, IndexError):
        found, version = {"": 2.0}, ""
    if not all(label in LABELS and 0.0 <= value <= 1.0 for label, value in found.items()):
        raise Refusal("bad_scores", "has scores that are none")
    return found, version[:100]
