"""/$discovery/rest: the document from which Google's client libraries build themselves (protocols.md 1.5)."""

from typing import Any

from flask import Blueprint, Response, current_app, json, request

from moderation.db import mark_reading
from moderation.errors import NotFound

bp = Blueprint("perspective-discovery", __name__)
bp.before_request(lambda: mark_reading(True))

_TEXT, _FLAG = {"type": "string"}, {"type": "boolean"}
_FLOAT, _INTEGER = {"type": "number", "format": "float"}, {"type": "integer", "format": "int32"}


def _of(name: str) -> dict[str, Any]:
    return {"$ref": name}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


_COMMENT = {"comment": _of("TextEntry"), "context": _of("Context"), "languages": _list(_TEXT), "clientToken": _TEXT}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "AnalyzeCommentRequest": {
        **_COMMENT,
        "requestedAttributes": _map(_of("AttributeParameters")),
        "spanAnnotations": _FLAG,
        "doNotStore": _FLAG,
        "sessionId": _TEXT,
        "communityId": _TEXT,
    },
    "AnalyzeCommentResponse": {
        "attributeScores": _map(_of("AttributeScores")),
        "languages": _list(_TEXT),
        "detectedLanguages": _list(_TEXT),
        "clientToken": _TEXT,
    },
    "ArticleAndParentComment": {"article": _of("TextEntry"), "parentComment": _of("TextEntry")},
    "AttributeParameters": {"scoreType": _TEXT, "scoreThreshold": _FLOAT},
    "AttributeScores": {"summaryScore": _of("Score"), "spanScores": _list(_of("SpanScore"))},
    "Context": {"entries": _list(_of("TextEntry")), "articleAndParentComment": _of("ArticleAndParentComment")},
    "Score": {"value": _FLOAT, "type": _TEXT},
    "SpanScore": {"begin": _INTEGER, "end": _INTEGER, "score": _of("Score")},
    "SuggestCommentScoreRequest": {
        **_COMMENT,
        "attributeScores": _map(_of("AttributeScores")),
        "communityId": _TEXT,
        "sessionId": _TEXT,
    },
    "SuggestCommentScoreResponse": {"clientToken": _TEXT, "detectedLanguages": _list(_TEXT)},
    "TextEntry": {"text": _TEXT, "type": _TEXT},
}


def _method(name: str, stem: str, about: str) -> dict[str, Any]:
    path = f"v1alpha1/comments:{name}"
    return {
        "id": f"commentanalyzer.comments.{name}", "path": path, "flatPath": path, "httpMethod": "POST",
        "parameters": {}, "parameterOrder": [], "description": about,
        "request": _of(f"{stem}Request"), "response": _of(f"{stem}Response"),
    }  # fmt: skip


_METHODS = {
    "analyze": _method("analyze", "AnalyzeComment", "Scores one comment."),
    "suggestscore": _method("suggestscore", "SuggestCommentScore", "Tells what a score should have been."),
}


@bp.get("/$discovery/rest")
def describe() -> Response:
    """Perspective's discovery document, from which Google's client libraries build themselves"""
    if request.args.get("version", "v1alpha1") != "v1alpha1":
        raise NotFound("Only the version v1alpha1 is served.")
    # Every later call goes to this origin: the one by which the client has found us.
    origin = (current_app.config["PUBLIC_URL"] or request.host_url).rstrip("/") + "/"
    document = {
        "kind": "discovery#restDescription", "discoveryVersion": "v1", "id": "commentanalyzer:v1alpha1",
        "name": "commentanalyzer", "version": "v1alpha1", "title": "Replydesk comment analyzer", "protocol": "rest",
        "description": "Scores comments, in the form of the Perspective API.",
        "rootUrl": origin, "servicePath": "", "baseUrl": origin, "batchPath": "batch",
        "parameters": {
            "key": {"type": "string", "location": "query"},
            "alt": {"type": "string", "location": "query", "default": "json"},
        },
        "schemas": {name: {"id": name, "type": "object", "properties": has} for name, has in _SCHEMAS.items()},
        "resources": {"comments": {"methods": _METHODS}},
    }  # fmt: skip
    return Response(json.dumps(document), content_type="application/json; charset=UTF-8")
