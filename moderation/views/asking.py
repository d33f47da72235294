"""Asking the site's own rule, between reading and writing: while it thinks, no transaction is open."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import current_app, g

from moderation import hook_calls
from moderation.db import db
from moderation.hook_calls import LEFT_ALONE
from moderation.models import Comment
from moderation.services import policies, site_hooks
from moderation.services.comments import Asked, Scored
from moderation.services.site_hooks import Question


def about(scored: Scored, data: Mapping[str, Any]) -> Asked | None:
    """Ask about one submission; None where the policy does not ask the site about it."""
    session = db.session()
    policy = policies.in_force(session, g.site)
    return _ask(site_hooks.question(session, g.site, policy, scored, data))


def about_edit(scored: Scored, id: str, text: str) -> Asked | None:
    session = db.session()
    comment = session.get(Comment, id)
    if comment is None or comment.site_id != g.site.id or comment.deleted_at is not None:
        # The view says so.
        return None
    policy = policies.in_force(session, g.site)
    return _ask(site_hooks.question_of_edit(session, g.site, policy, scored, comment, text))


def about_each(scored: Sequence[Scored], items: Sequence[Mapping[str, Any]]) -> list[Asked | None]:
    session = db.session()
    policy = policies.in_force(session, g.site)
    pairs = zip(scored, items, strict=True)
    questions = [site_hooks.question(session, g.site, policy, one, data) for one, data in pairs]
    if not any(questions):
        return [None] * len(questions)
    session.rollback()
    asked = hook_calls.ask_each(questions, allow_private=current_app.config["WEBHOOK_ALLOW_PRIVATE"])
    _remember(questions, asked)
    return asked


def _ask(question: Question | None) -> Asked | None:
    if question is None:
        return None
    db.session().rollback()
    asked = hook_calls.ask(question, allow_private=current_app.config["WEBHOOK_ALLOW_PRIVATE"])
    _remember([question], [asked])
    return asked


def _remember(questions: Sequence[Question | None], asked: Sequence[Asked | None]) -> None:
    """Leave for ``note``, in the transaction that writes, how these questions went: one failure is the news."""
    pairs = zip(questions, asked, strict=True)
    told = [(q.hook, a.answer.error) for q, a in pairs if q and a and q.hook and a.answer.error != LEFT_ALONE]
    g.hook_news = max(told, key=lambda pair: bool(pair[1]), default=None)


def note() -> None:
    """Keep that the hook fails, or works again; called where the comment is written."""
    news = g.pop("hook_news", None)
    if news is not None:
        site_hooks.note(db.session(), *news)
