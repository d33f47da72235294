"""The reader's account: unlocks, plan, and each change of it after a question with true figures."""

from collections.abc import Mapping
from typing import Any

from flask import abort, redirect, request, url_for
from werkzeug.wrappers import Response

from moderation.views.demo import paper
from moderation.views.demo.asking import STATES, Change, ask_first
from moderation.views.demo.blueprint import SEE_OTHER, api, bp, draw, me
from moderation.views.demo.client import address
from moderation.views.demo.pages import DONE

# States in which another plan is a change of the one that runs, and not a new beginning.
_RUNNING = ("trialing", "active")
LEDGER_ROWS = 200
MOST_PAGES = 25


@bp.get("/account")
def account() -> str:
    """Unlocks and when they run out, subscription with its history, plans, and what came and went."""
    return draw(
        "demo/account.html", ledger=_ledger(), done=DONE.get(request.args.get("done", "")),
        plan=_current(_subscription()), grants=api().get(address("readers", me().id, "grants"))["items"],
        history=api().get(address("readers", me().id, "subscription", "history"))["items"][::-1], states=STATES,
    )  # fmt: skip


def _ledger() -> list[Any]:
    """The last rows of the ledger, newest first."""
    path, rows = address("readers", me().id, "ledger"), list[Any]()
    cursor = dict[str, str]()
    for _ in range(MOST_PAGES):
        page = api().get(path, limit=LEDGER_ROWS, **cursor)
        rows = (rows + page["items"])[-LEDGER_ROWS:]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    return rows[::-1]


def _subscription() -> Any:
    return api().get(address("readers", me().id))["subscription"]


def _current(subscription: Any) -> paper.Offer | None:
    return paper.offer(subscription["plan"]) if subscription else None


@bp.route("/account/plans/<plan>", methods=["GET", "POST"])
def choose(plan: str) -> Any:
    """Begin a plan, or go over to it."""
    offer, subscription = paper.offer(plan), _subscription()
    if offer is None:
        abort(404)
    changes = bool(subscription) and subscription["state"] in _RUNNING
    if changes and subscription["plan"] == plan:
        return _back("")
    method, *last = ("POST", "change") if changes else ("PUT",)
    return _ask(
        method, last, {"plan": plan}, "demo/choose.html", done="changed" if changes else "started", offer=offer,
        changes=changes,
    )  # fmt: skip


@bp.route("/account/cancel", methods=["GET", "POST"])
def cancel() -> Any:
    """Ask whether to cancel, at the end of the period or now, with the figures of a dry run; then do it."""
    at = "now" if request.args.get("at") == "now" else "period_end"
    done = "ended" if at == "now" else "cancelled"
    return _ask("POST", ["cancel"], {"at": at}, "demo/cancel.html", done=done, at=at)


@bp.route("/account/pause", methods=["GET", "POST"])
def pause() -> Any:
    """Ask whether no further payment is to be awaited for now; then do it."""
    return _ask("POST", ["pause"], None, "demo/pause.html", done="paused")


@bp.route("/account/resume", methods=["GET", "POST"])
def resume() -> Any:
    """Ask whether to keep the subscription after all; then do it."""
    return _ask("POST", ["resume"], None, "demo/resume.html", done="resumed")


def _ask(
    method: str, last: list[str], body: Mapping[str, Any] | None, template: str, *, done: str, **more: Any
) -> Any:  # fmt: skip
    change = Change(method, address("readers", me().id, "subscription", *last), body)
    back, after = url_for("demo.account"), url_for("demo.account", done=done)
    return ask_first(change, template, back=back, done=after, plan=_current(_subscription()), **more)


def _back(done: str) -> Response:
    # An empty argument leaves no trace in the address.
    return redirect(url_for("demo.account", done=done or None), SEE_OTHER)
