"""The thread as this reader sees it: the published one, with the reader's own waiting and rejected replies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moderation.views.demo.blueprint import Visitor, api
from moderation.views.demo.client import ApiError, address

PAGE = 100
MOST_OWN = 200
CREATED, MISSING = 201, 404
_REJECTED, _PUBLISHED = "rejected", "published"
# What a label means, to the one who wrote the text.
MEANINGS = {
    "toxicity": "an insult",
    "severe_toxicity": "a grave insult",
    "obscene": "obscene",
    "threat": "a threat",
    "insult": "an insult",
    "identity_attack": "an attack on a group of people",
    "spam": "advertising",
}


@dataclass
class Reply:
    """One reply; ``status`` is as in the API, or ``removed`` for a place that is kept."""

    id: str
    status: str
    name: str = ""
    text: str = ""
    created_at: str = ""
    own: bool = False
    ground: str = ""
    facts: Sequence[str] = ()
    # may: an appeal can be sent; open: somebody looks at it; over: it was looked at again and stays
    appeal: str = ""
    replies: list["Reply"] = field(default_factory=list)

    def whole(self) -> Iterable["Reply"]:
        """The reply and everything under it."""
        yield self
        for below in self.replies:
            yield from below.whole()


@dataclass(frozen=True)
class Thread:
    top: Sequence[Reply]
    published: int
    next_cursor: str | None


def read(post_id: str, visitor: Visitor, cursor: str | None) -> Thread:
    """Ask for the public thread and for the reader's own replies, and hang the latter where they belong."""
    page = {"cursor": cursor} if cursor else {}
    public = api().get(address("posts", post_id, "comments"), limit=PAGE, **page)
    own = api().get("/v1/comments", post_id=post_id, reader_id=visitor.id, limit=MOST_OWN)["items"]
    top = [_public(item, visitor) for item in public["items"]]
    known = {reply.id: reply for branch in top for reply in branch.whole()}
    published = sum(reply.status == _PUBLISHED for reply in known.values())
    for item in reversed(own):
        if item["status"] == _PUBLISHED:
            continue
        parent = known.get(item["parent_id"] or "")
        if parent is None and public["next_cursor"]:
            continue  # it stands at the end, on the last page
        reply = known[item["id"]] = _own(item, visitor)
        (parent.replies if parent else top).append(reply)
    return Thread(top, published, public["next_cursor"])


def _public(item: Mapping[str, Any], visitor: Visitor) -> Reply:
    return Reply(
        id=item["id"],
        status="removed" if item["removed"] else _PUBLISHED,
        name=item["reader_name"],
        text=item["text"],
        created_at=item["created_at"],
        own=item["reader_id"] == visitor.id,
        replies=[_public(below, visitor) for below in item["replies"]],
    )


def _own(item: Mapping[str, Any], visitor: Visitor) -> Reply:
    reply = Reply(
        id=item["id"], status=item["status"], name=item["reader_name"], text=item["text"],
        created_at=item["created_at"], own=True,
    )  # fmt: skip
    if reply.status == _REJECTED:
        _explain(reply, item, visitor)
    return reply


def _explain(reply: Reply, item: Mapping[str, Any], visitor: Visitor) -> None:
    """Why it was rejected, in words, and whether its author can ask again."""
    statement = api().get(address("comments", reply.id, "statement"))
    meaning = next((MEANINGS.get(reason["label"]) for reason in item["reasons"] if reason.get("label")), None)
    by_scores = statement["automated_decision"] and meaning
    reply.ground = f"It was read as {meaning}." if by_scores else statement["ground"]
    reply.facts = statement["facts"]
    history = api().get(address("comments", reply.id, "history"))["items"]
    if any(entry["kind"] == "decided" and entry["old_status"] == _REJECTED for entry in history):
        reply.appeal = "over"
        return
    # A dry run tells an appeal that was sent before (200) from one that still may be (201).
    asked = {"reader": {"id": visitor.id}}
    status, appeal, _ = api().try_out("POST", address("comments", reply.id, "appeals"), asked)
    known = "open" if appeal["state"] == "open" else "over"
    reply.appeal = "may" if status == CREATED else known


def find(comment_id: str, post_id: str) -> Mapping[str, Any] | None:
    """A reply under this post, whosever it is."""
    try:
        found: Mapping[str, Any] = api().get(address("comments", comment_id))
    except ApiError as error:
        if error.status != MISSING:
            raise
        return None
    return found if found["post_id"] == post_id else None


def mine(comment_id: str, post_id: str, visitor: Visitor) -> Mapping[str, Any] | None:
    """The reader's own reply under this post; None for anything else."""
    found = find(comment_id, post_id)
    return found if found and found["reader_id"] == visitor.id else None


def published(comment_id: str, post_id: str) -> Mapping[str, Any] | None:
    """A reply that everybody sees; one that waits is nobody else's business."""
    found = find(comment_id, post_id)
    return found if found and found["status"] == _PUBLISHED else None


def may_answer(comment_id: str, post_id: str, visitor: Visitor) -> bool:
    """Whether this reader sees the reply, and so may answer it."""
    found = published(comment_id, post_id) or mine(comment_id, post_id, visitor)
    return found is not None
