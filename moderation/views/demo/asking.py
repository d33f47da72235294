"""“Are you sure?”: a question with the figures of a dry run, and an answer that holds for what was seen alone."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import redirect, request

from moderation.views.demo.blueprint import SEE_OTHER, api, draw
from moderation.views.demo.client import Answer, ApiError

CONFLICT = 409
STALE = 412
NONE_LEFT = "no_unlocks_left"
# A subscription's state, as a reader would say it.
STATES = {
    "": "not there", "trialing": "in its free days", "active": "active", "past_due": "waiting for a payment",
    "paused": "paused", "canceling": "cancelled", "ended": "ended",
}  # fmt: skip
_TAG = re.compile(r'"\w{1,64}"')
_NO_TAG = '"none"'


class Change(NamedTuple):
    """A call of the API that the reader is asked about before it is made."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


def ask_first(
    change: Change, template: str, *, back: str, done: str, needless: Callable[[Answer], bool] | None = None,
    **more: Any,
) -> Any:  # fmt: skip
    """Ask on GET, do it on POST; where the account is not as it was when that was asked, ask again.

    ``back`` is the page that the question came from, ``done`` the one after it; ``needless`` says that there
    is nothing to ask.
    """
    changed = ""
    try:
        if request.method == "POST":
            try:
                api().call(*change, if_match=_seen())
                return redirect(done, SEE_OTHER)
            except ApiError as error:
                if error.status != STALE:
                    raise
                changed = what_changed(request.form, error.current)
        answer = api().try_out(*change)
    except ApiError as error:
        if error.status != CONFLICT:
            raise
        refused = "demo/none_left.html" if error.code == NONE_LEFT else "demo/refused.html"
        return draw(refused, sentence=error.detail, back=back, changed=changed, **more), CONFLICT
    if needless is not None and needless(answer):
        return redirect(back, SEE_OTHER)
    page = draw(template, asked=answer.body, tag=answer.tag, back=back, changed=changed, states=STATES, **more)
    return page, STALE if changed else 200


def _seen() -> str:
    """The tag that came with the question; a page from before there were tags has none."""
    sent = request.form.get("seen", "")
    return sent if not sent or _TAG.fullmatch(sent) else _NO_TAG


def what_changed(sent: Mapping[str, str], current: Mapping[str, Any]) -> str:
    """Say in a sentence or two what is no longer as the question had said, and that nothing was done."""
    found = []
    left, state, plan = sent.get("seen_left", ""), sent.get("seen_state", ""), sent.get("seen_plan", "")
    if left != str(current.get("unlock_left", "")):
        found.append(f"Unlock left was {_number(left)} and is {current.get('unlock_left')} now.")
    if state in STATES and state != (current.get("state") or ""):
        found.append(f"Your subscription was {STATES[state]} and is {STATES[current.get('state') or '']} now.")
    elif plan != (current.get("plan") or ""):
        found.append("You are on another plan now.")
    return " ".join(["Something has changed since you were asked, so nothing was done.", *found])


def _number(text: str) -> str:
    return text if text.isascii() and text.isdecimal() and len(text) < len("1000000000") else "another number"
