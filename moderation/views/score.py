"""/v1/score: scores without storing."""

from typing import Any

from flask import g

from moderation import scoring
from moderation.db import db
from moderation.policy import Facts, decide, without_hook
from moderation.schemas.comments import ScoreIn, ScoreOut
from moderation.services import facts, policies
from moderation.services.comments import Scored
from moderation.views.blueprint import api_blueprint

bp = api_blueprint("score", prefix="/v1/score", scope="score", reads=True, about="Scores without storing.")


@bp.post("")
@bp.arguments(ScoreIn)
@bp.response(200, ScoreOut)
def score(data: dict[str, Any]) -> Any:
    """Score up to 1,000 texts

    ``explain`` adds the spans that raised a score; ``decide`` adds what the site's policy would do with
    each text alone, for a nudge before posting.
    """
    held = scoring.current()
    items = held.score(data["texts"])
    policy = without_hook(policies.in_force(db.session(), g.site)) if data["decide"] else None
    answers = [_answer(text, item, policy) for text, item in zip(data["texts"], items, strict=True)]
    if data["explain"]:
        for spans, answer in zip(held.explain(data["texts"]), answers, strict=True):
            answer["spans"] = spans
    # Where some texts found no time for both tiers, the longest version is the one that says so.
    return {"items": answers, "model_version": max((item.model_version for item in items), key=len)}


def _answer(text: str, scored: Scored, policy: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"scores": {k: round(v, 6) for k, v in (scored.scores or {}).items()}}
    if policy is not None:
        verdict = decide(scored.scores, policy, Facts(**facts.of_text(text, policy)))
        answer |= {"status": verdict.status, "reasons": [reason.as_dict() for reason in verdict.reasons]}
    return answer
