"""A site's day in the words of the generated client, which ``test_generated_client`` makes, checks and runs."""

import sys
from typing import TypeVar

from client import AuthenticatedClient
from client.api.comments import comments_show, comments_submit
from client.api.decisions import decisions_decide
from client.api.plans import plans_save
from client.api.readers import readers_show, readers_show_access
from client.api.score import score_score
from client.api.subscriptions import subscriptions_cancel, subscriptions_start
from client.api.threads import threads_show
from client.api.unlocks import unlocks_give, unlocks_unlock
from client.models import (
    CancelIn,
    CommentIn,
    DecisionIn,
    DecisionInStatus,
    GrantIn,
    GrantInKind,
    PlanIn,
    PostIn,
    ProblemOut,
    ReaderIn,
    ScoreIn,
    SubscriptionIn,
    UnlockIn,
)

T = TypeVar("T")


def good(answer: T | ProblemOut | None) -> T:
    """Narrow an answer to what was asked for; stop at a problem."""
    if answer is None or isinstance(answer, ProblemOut):
        raise SystemExit(f"refused: {answer}")
    return answer


site = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
with site:
    ana, post = ReaderIn(id="u-77", name="Ana"), PostIn(id="2041", title="Bridge reopens")

    scored = good(score_score.sync(client=site, body=ScoreIn(texts=["You idiot."])))
    borderline = CommentIn(post=post, reader=ana, text="A silly plan.")
    waiting = good(comments_submit.sync(client=site, body=borderline, idempotency_key="k-1"))
    again = good(comments_submit.sync(client=site, body=borderline, idempotency_key="k-1"))
    tag = f'"v{waiting.version}"'
    decision = DecisionIn(status=DecisionInStatus.PUBLISHED)
    decided = good(decisions_decide.sync(str(waiting.id), client=site, body=decision, if_match=tag))
    late = decisions_decide.sync(str(waiting.id), client=site, body=decision, if_match=tag)
    thread = good(threads_show.sync("2041", client=site))

    gift = GrantIn(unlocks=2, kind=GrantInKind.GIFT)
    good(unlocks_give.sync("u-77", client=site, body=gift))
    tried = good(unlocks_unlock.sync("u-77", client=site, body=UnlockIn(post_id="2042"), dry_run=True))
    opened = good(unlocks_unlock.sync("u-77", client=site, body=UnlockIn(post_id="2042")))
    access = good(readers_show_access.sync("u-77", client=site, post_id="2042"))

    good(plans_save.sync("monthly", client=site, body=PlanIn(period="month")))
    good(subscriptions_start.sync("u-77", client=site, body=SubscriptionIn(plan="monthly")))
    good(subscriptions_cancel.sync("u-77", client=site, body=CancelIn()))
    reader = good(readers_show.sync("u-77", client=site))
    unknown = comments_show.sync("cmt_nothing", client=site)

    sys.stdout.write(
        f"{len(scored.items or [])} {waiting.status} {again.id == waiting.id} {decided.status}\n"
        f"{late.code if isinstance(late, ProblemOut) else late} {len(thread.items or [])}\n"
        f"{tried.unlock_left} {opened.unlock_left} {access.allowed} {access.because}\n"
        f"{reader.unlock_left} {reader.subscription.state if reader.subscription else None}\n"
        f"{unknown.code if isinstance(unknown, ProblemOut) else unknown}\n"
    )
