"""/v1/comments: a reply in, a decision out."""

from collections.abc import Iterator
from typing import Any

from flask import g
from marshmallow import ValidationError

from moderation import scoring
from moderation.db import db
from moderation.errors import Invalid, ReplydeskError
from moderation.http_errors import STATUS, flatten
from moderation.models import Comment
from moderation.schemas.comments import (
    AppealIn,
    AppealOut,
    BatchIn,
    BatchOut,
    CommentIn,
    CommentOut,
    CommentPageOut,
    CommentQuery,
    EditIn,
    FlagIn,
    FlagOut,
    HistoryOut,
    StatementOut,
)
from moderation.services import comments, flags, history, intake, policies
from moderation.services.comments import Asked, Scored
from moderation.views import asking
from moderation.views.blueprint import api_blueprint
from moderation.views.paging import IF_MATCH, check_if_match, decode_id, encode_cursor, entity_tag
from moderation.views.transaction import before_writing, changes

bp = api_blueprint("comments", prefix="/v1/comments", scope="comments", about="Readers' replies.")


def tagged(comment: Comment, status: int) -> tuple[Comment, int, dict[str, str]]:
    return comment, status, {"ETag": entity_tag(comment.version)}


def find(id: str, *, if_match: bool = False) -> Comment:
    """The site's comment; where ``If-Match`` was sent (or is required) it must name its version."""
    comment = comments.get(db.session(), g.site.id, id)
    check_if_match(comment.version, CommentOut().dump(comment), required=if_match)
    return comment


Prepared = tuple[Scored, Asked | None]


def _prepare(data: dict[str, Any]) -> Prepared:
    [scored] = scoring.current().score([data["text"]])
    return scored, asking.about(scored, data)


@bp.post("")
@bp.arguments(CommentIn)
@before_writing(_prepare)
@changes
@bp.response(201, CommentOut)
@bp.alt_response(200, schema=CommentOut, description="The same external_id came before; this is the stored comment.")
def submit(data: dict[str, Any], prepared: Prepared) -> Any:
    """Submit a reply

    It is scored, and the site's own rule asked; then it is decided and stored in one transaction.
    """
    session, (scored, asked) = db.session(), prepared
    policy = policies.in_force(session, g.site)
    comment, new = intake.submit(session, g.site, policy, scored, data, actor=g.actor, asked=asked)
    asking.note()
    return tagged(comment, 201 if new else 200)


def _prepare_batch(data: dict[str, Any]) -> tuple[list[Any], Iterator[Prepared]]:
    """What was sent, each item loaded or refused by itself, and what is known of each that was loaded."""
    schema = CommentIn()
    loaded = [_load(schema, item) for item in data["items"]]
    good = [item for item in loaded if isinstance(item, dict)]
    scored = scoring.current().score([item["text"] for item in good]) if good else []
    return loaded, zip(scored, asking.about_each(scored, good), strict=True)


@bp.post("/batch")
@bp.arguments(BatchIn)
@before_writing(_prepare_batch)
@changes
@bp.response(200, BatchOut)
def submit_batch(data: dict[str, Any], prepared: tuple[list[Any], Iterator[Prepared]]) -> Any:  # noqa: ARG001 -- read before
    """Submit up to 1,000 replies

    Each item is answered by itself, in order; one bad one fails alone.
    """
    loaded, known = prepared
    policy = policies.in_force(db.session(), g.site)
    items = [_submit_one(policy, item, known) for item in loaded]
    asking.note()
    return {"items": items}


def _load(schema: CommentIn, item: Any) -> dict[str, Any] | ReplydeskError:
    try:
        data: dict[str, Any] = schema.load(item)
    except ValidationError as error:
        return Invalid(flatten(error.messages))
    return data


def _submit_one(policy: Any, item: dict[str, Any] | ReplydeskError, prepared: Iterator[Prepared]) -> dict[str, Any]:
    session = db.session()
    try:
        if isinstance(item, ReplydeskError):
            raise item
        scored, asked = next(prepared)
        with session.begin_nested():
            comment, new = intake.submit(session, g.site, policy, scored, item, actor=g.actor, asked=asked)
    except ReplydeskError as error:
        status = STATUS[type(error)]
        problem = {"status": status, "code": error.code, "title": error.title, "detail": error.detail}
        return {"status": status, "problem": problem | dict(error.extra)}
    return {"status": 201 if new else 200, "comment": comment}


@bp.get("")
@bp.arguments(CommentQuery, location="query")
@bp.response(200, CommentPageOut)
def index(query: dict[str, Any]) -> Any:
    """List comments, newest first"""
    after = decode_id(query.pop("cursor"))
    limit = query.pop("limit")
    items, last = comments.page(db.session(), g.site.id, after=after, limit=limit, **query)
    return {"items": items, "next_cursor": encode_cursor([last] if last else None)}


@bp.get("/<id>")
@bp.response(200, CommentOut)
def show(id: str) -> Any:
    """Read one comment"""
    return tagged(comments.get(db.session(), g.site.id, id), 200)


def _prepare_edit(data: dict[str, Any], id: str) -> Prepared:
    [scored] = scoring.current().score([data["text"]])
    return scored, asking.about_edit(scored, id, data["text"])


@bp.put("/<id>")
@bp.doc(parameters=[IF_MATCH])
@bp.arguments(EditIn)
@before_writing(_prepare_edit)
@changes
@bp.response(200, CommentOut)
def edit(data: dict[str, Any], id: str, prepared: Prepared) -> Any:
    """Edit: the reader's new text is scored and decided again

    The old text is kept in the history. ``If-Match`` is honoured where it is sent.
    """
    session, comment = db.session(), find(id)
    policy, (scored, asked) = policies.in_force(session, g.site), prepared
    comments.edit(session, g.site, policy, scored, comment, data["text"], actor=g.actor, asked=asked)
    asking.note()
    return tagged(comment, 200)


@bp.delete("/<id>")
@bp.doc(parameters=[IF_MATCH])
@changes
@bp.response(204)
def remove(id: str) -> None:
    """Take down: the text is erased, the thread keeps its place"""
    comments.remove(db.session(), find(id), actor=g.actor)


@bp.post("/<id>/flags")
@bp.arguments(FlagIn)
@changes
@bp.response(201, FlagOut)
@bp.alt_response(200, schema=FlagOut, description="This reader reported it before; one report a reader.")
def flag(data: dict[str, Any], id: str) -> Any:
    """Report a comment for a reader"""
    session = db.session()
    found, new = flags.report(session, g.site, comments.get(session, g.site.id, id), data, actor=g.actor)
    return found, 201 if new else 200


@bp.post("/<id>/appeals")
@bp.arguments(AppealIn)
@changes
@bp.response(201, AppealOut)
@bp.alt_response(200, schema=AppealOut, description="This rejection was appealed before.")
def appeal(data: dict[str, Any], id: str) -> Any:
    """Ask again for the author of a rejected comment

    Another moderator than the first decides.
    """
    session = db.session()
    found, new = flags.appeal(session, g.site, comments.get(session, g.site.id, id), data, actor=g.actor)
    return found, 201 if new else 200


@bp.get("/<id>/history")
@bp.response(200, HistoryOut)
def show_history(id: str) -> Any:
    """Every verdict and decision, in order"""
    return {"items": history.of_comment(db.session(), comments.get(db.session(), g.site.id, id))}


@bp.get("/<id>/statement")
@bp.response(200, StatementOut)
def show_statement(id: str) -> Any:
    """The statement of reasons for a rejection"""
    return history.statement(db.session(), comments.get(db.session(), g.site.id, id))
