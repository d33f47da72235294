"""The reader's account: unlocks, plan, and each change of it after a question with true figures."""

from typing import Any

from flask import abort, redirect, request, url_for
from werkzeug.wrappers import Response

from moderation.views.demo import paper
from moderation.views.demo.blueprint import SEE_OTHER, api, bp, draw, me
from moderation.views.demo.client import address
from moderation.views.demo.pages import DONE

# States in which another plan is a change of the one that runs, and not a new beginning.
_RUNNING = ("trialing", "active")
_AT_PERIOD_END = {"at": "period_end"}
LEDGER_ROWS = 200


@bp.get("/account")
def account() -> str:
    """Unlocks, subscription, plans, and every unlock that came and went."""
    ledger = api().get(address("readers", me().id, "ledger"), limit=LEDGER_ROWS)["items"]
    return draw(
        "demo/account.html", ledger=ledger[::-1], done=DONE.get(request.args.get("done", "")),
        plan=_current(_subscription()),
    )  # fmt: skip


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
    path, body = address("readers", me().id, "subscription", *last), {"plan": plan}
    if request.method == "GET":
        after = api().try_out(method, path, body)[1]
        return draw("demo/choose.html", offer=offer, after=after, changes=changes, before=_current(subscription))
    api().call(method, path, body=body)
    return _back("changed" if changes else "started")


@bp.route("/account/cancel", methods=["GET", "POST"])
def cancel() -> Any:
    """Ask whether to cancel, with the figures of a dry run; then do it at the end of the period."""
    path = address("readers", me().id, "subscription", "cancel")
    if request.method == "GET":
        before = _subscription()
        after = api().try_out("POST", path, _AT_PERIOD_END)[1]
        return draw("demo/cancel.html", after=after, before=before, plan=_current(before))
    api().post(path, _AT_PERIOD_END)
    return _back("cancelled")


@bp.post("/account/resume")
def resume() -> Any:
    """Keep the subscription after all."""
    api().post(address("readers", me().id, "subscription", "resume"))
    return _back("resumed")


def _back(done: str) -> Response:
    # An empty argument leaves no trace in the address.
    return redirect(url_for("demo.account", done=done or None), SEE_OTHER)
