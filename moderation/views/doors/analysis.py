"""The answer of AnalyzeComment: our scores under Perspective's names, for the text and for each sentence."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import current_app

from moderation import languages, perspective, scales, scoring
from moderation.errors import NotReady
from moderation.services.comments import Scored

Part = tuple[int, int]


def analyse(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Score the text that was asked about; raise ``NotReady`` where no model can."""
    text: str = asked["text"]
    parts = perspective.sentences(text) if asked["span_annotations"] else []
    # The text alone is not scored twice where it is one sentence.
    if len(parts) == 1:
        parts = []
    scored = scoring.current().score([text, *(text[begin:end] for begin, end in parts)])
    if any(item.scores is None for item in scored):
        raise NotReady("No model can score just now.")
    places = parts or [(0, len(text))]
    answer = {"languages": _languages(asked), "detectedLanguages": asked["detected"]}
    scores = _attribute_scores(asked["requested_attributes"], scored, _in_utf16(text, places))
    if scores:
        answer = {"attributeScores": scores, **answer}
    if asked["client_token"] is not None:
        answer["clientToken"] = asked["client_token"]
    return answer


def _languages(asked: Mapping[str, Any]) -> list[str]:
    return [languages.primary(tag) for tag in asked["languages"]] or asked["detected"]


def _in_utf16(text: str, places: Sequence[Part]) -> list[Part]:
    units = perspective.utf16_offsets(text, (offset for place in places for offset in place))
    return [(units[begin], units[end]) for begin, end in places]


def _attribute_scores(requested: Mapping[str, Any], scored: Sequence[Scored], places: Sequence[Part]) -> dict[str, Any]:
    whole, *parts = scored
    found = {}
    for name, config in requested.items():
        label = perspective.ATTRIBUTES[name]
        on_scale = _scale(label, whole.model_version)
        summary = on_scale(_of(whole, label))
        least = (config or {}).get("score_threshold")
        if least is not None and summary < least:
            continue
        values = [on_scale(_of(part, label)) for part in parts] or [summary]
        spans = [
            {"begin": begin, "end": end, "score": _score(value)}
            for (begin, end), value in zip(places, values, strict=True)
        ]
        found[name] = {"spanScores": spans, "summaryScore": _score(summary)}
    return found


def _of(scored: Scored, label: str) -> float:
    return (scored.scores or {})[label]


def _score(value: float) -> dict[str, Any]:
    return {"value": round(value, 8), "type": "PROBABILITY"}


def _scale(label: str, version: str) -> Callable[[float], float]:
    """Perspective's scale for toxicity, where it is switched on and this model has a map to it."""
    settings = current_app.config
    wanted = label == "toxicity" and settings["PERSPECTIVE_SCALE"]
    found = scales.find(version, Path(settings["DATA"])) if wanted else None
    return found or float
