"""What is asked of Coral's GraphQL API, and its answers read.

Queries are spelt out here, so that a site's engineer can compare them with Coral's schema. An access token of an
admin may send queries that Coral does not know beforehand (``docs/docs/graphql.md``, "Persisted Queries").
Source: coralproject/talk, ``server/src/core/server/graph/schema/schema.graphql`` (July 2026).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moderation.policy import Status

PATH = "/api/graphql"
_FLAGS = (
    "COMMENT_REPORTED_OFFENSIVE COMMENT_REPORTED_ABUSIVE COMMENT_REPORTED_SPAM"
    " COMMENT_DETECTED_TOXIC COMMENT_DETECTED_SPAM"
)
LOOK = (
    "query ReplydeskLook($id: ID!) { comment(id: $id) { id status deleted author { id } story { id }"
    " revision { id body } actionCounts { flag { reasons { " + _FLAGS + " } } }"
    " statusHistory(first: 1) { nodes { status moderator { id } rejectionReason { code } } } } }"
)
APPROVE = (
    "mutation ReplydeskApprove($input: ApproveCommentInput!)"
    " { approveComment(input: $input) { comment { id status } clientMutationId } }"
)
REJECT = (
    "mutation ReplydeskReject($input: RejectCommentInput!)"
    " { rejectComment(input: $input) { comment { id status } clientMutationId } }"
)
# A decision of ours -> the status that Coral has after it.
STATUS_AFTER = {Status.PUBLISHED: "APPROVED", Status.REJECTED: "REJECTED"}
_MOST_STATUS, _MOST_ERROR = 40, 300
_UNREADABLE = "The answer was not one of Coral's GraphQL API."


class Unanswered(Exception):  # noqa: N818 -- an outcome, told to the site
    """Coral did not do or tell what was asked; the sentence says why."""


@dataclass(frozen=True)
class Found:
    """A comment as Coral has it now. ``moderator``: who gave it its status, empty where no person did."""

    id: str
    status: str
    author_id: str
    story_id: str
    revision_id: str
    body: str
    deleted: bool = False
    moderator: str = ""
    code: str = ""
    flags: Mapping[str, Any] = field(default_factory=dict)


def look(coral_id: str) -> bytes:
    return _body(LOOK, {"id": coral_id})


def decide(coral_id: str, revision_id: str, status: Status, *, code: str, mutation_id: str) -> bytes:
    """The mutation that takes a decision over; done twice it is done once, since it sets a status."""
    given: dict[str, Any] = {
        "commentID": coral_id, "commentRevisionID": revision_id, "clientMutationId": mutation_id,
    }  # fmt: skip
    if status is Status.PUBLISHED:
        return _body(APPROVE, {"input": given})
    # Required where the Digital Services Act features are on, and passed over where they are not.
    return _body(REJECT, {"input": given | {"reason": {"code": code}}})


def _body(query: str, variables: Mapping[str, Any]) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


def found(status: int | None, raw: bytes, error: str) -> Found | None:
    """Read the answer to ``look``: None where Coral has no such comment. Raise ``Unanswered``."""
    told = _data(status, raw, error).get("comment")
    if told is None:
        return None
    comment = _dict(told)
    revision, last = _dict(comment.get("revision")), _last(comment)
    state = _str(comment.get("status"))[:_MOST_STATUS]
    by_person = _str(_dict(last.get("moderator")).get("id")) if last.get("status") == state else ""
    return Found(
        id=_str(comment.get("id")),
        status=state,
        author_id=_str(_dict(comment.get("author")).get("id")),
        story_id=_str(_dict(comment.get("story")).get("id")),
        revision_id=_str(revision.get("id")),
        body=_str(revision.get("body")),
        deleted=comment.get("deleted") is True,
        moderator=by_person,
        code=_str(_dict(last.get("rejectionReason")).get("code"))[:_MOST_STATUS] if by_person else "",
        flags=_dict(_dict(_dict(comment.get("actionCounts")).get("flag")).get("reasons")),
    )


def status_after(status: int | None, raw: bytes, error: str) -> str:
    """Read the answer to ``decide``: the status that the comment has now. Raise ``Unanswered``."""
    data = _data(status, raw, error)
    payload = _dict(data.get("approveComment") or data.get("rejectComment"))
    return _str(_dict(payload.get("comment")).get("status"))[:_MOST_STATUS]


def _data(status: int | None, raw: bytes, error: str) -> Mapping[str, Any]:
    if status is None:
        raise Unanswered(error)
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        told = None
    answer = _dict(told)
    faults = answer.get("errors")
    if isinstance(faults, list) and faults:
        raise Unanswered(f"Coral says: {_str(_dict(faults[0]).get('message'))[:_MOST_ERROR] or 'an error'}")
    if status != 200 or not isinstance(answer.get("data"), dict):  # noqa: PLR2004 -- the one good status
        raise Unanswered(f"{_UNREADABLE} (HTTP {status})")
    return _dict(answer["data"])


def _last(comment: Mapping[str, Any]) -> Mapping[str, Any]:
    nodes = _dict(comment.get("statusHistory")).get("nodes")
    return _dict(nodes[0]) if isinstance(nodes, list) and nodes else {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _str(value: Any) -> str:
    return value.replace("\x00", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""
