"""Webhook endpoints at the desk: an admin adds them, sees how they fare, and sends again what was not taken."""

from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask_login import current_user
from marshmallow import ValidationError

from moderation.db import db
from moderation.errors import Invalid
from moderation.http_errors import flatten
from moderation.models import WebhookEndpoint
from moderation.schemas.webhooks import EndpointChangeIn, EndpointIn
from moderation.services import delivery_log, endpoints, events
from moderation.services.delivery_log import STATES
from moderation.services.outbox import EVENT_TYPES
from moderation.services.review import queues
from moderation.views.paging import decode_id, encode_cursor
from moderation.views.review.blueprint import bp, needs
from moderation.views.webhook_settings import where_we_run

SHOWN = 25


@bp.get("/<site>/webhooks")
@needs("admin")
def webhooks(site: str) -> str:  # noqa: ARG001 -- the guard has found the site
    return _list({"url": "", "event_types": [endpoints.EVERY_TYPE]}, {})


@bp.post("/<site>/webhooks")
@needs("admin")
def add_webhook(site: str) -> Any:  # noqa: ARG001 -- as above
    """Make an endpoint; the page that answers is the only one that shows its secret."""
    typed, database = _typed(), db.session()
    try:
        data = EndpointIn().load(typed)
        endpoint = endpoints.create(database, g.site.id, **where_we_run(), actor=_actor(), **data)
    except (ValidationError, Invalid) as error:
        database.rollback()
        return _list(typed, _wrong(error)), 422
    database.commit()
    return _one(endpoint, secret=endpoint.secret, said="Added. Send a test when the receiver is ready."), 201


@bp.get("/<site>/webhooks/<id>")
@needs("admin")
def webhook(site: str, id: str) -> str:  # noqa: ARG001 -- as above
    return _one(_endpoint(id))


@bp.post("/<site>/webhooks/<id>")
@needs("admin")
def change_webhook(site: str, id: str) -> Any:
    """Save the address and the types."""
    typed, endpoint, database = _typed(), _held(id), db.session()
    try:
        data = EndpointChangeIn().load(typed)
        endpoints.update(database, endpoint, **where_we_run(), actor=_actor(), **data)
    except (ValidationError, Invalid) as error:
        database.rollback()
        return _one(_endpoint(id), typed=typed, wrong=_wrong(error)), 422
    return _saved(site, id, "Saved.")


@bp.post("/<site>/webhooks/<id>/rotate")
@needs("admin")
def rotate_webhook(site: str, id: str) -> str:  # noqa: ARG001 -- as above
    """Make a new secret; the page that answers is the only one that shows it."""
    endpoint, at_once = _held(id), "at_once" in request.form
    hours = 0 if at_once else endpoints.ROTATION_HOURS
    endpoints.rotate(db.session(), endpoint, overlap_hours=hours, actor=_actor())
    db.session().commit()
    ending = "The old ones end now." if at_once else f"The old one signs beside it for {hours} hours."
    return _one(endpoint, secret=endpoint.secret, said=f"There is a new secret. {ending}")


@bp.post("/<site>/webhooks/<id>/enabled")
@needs("admin")
def switch_webhook(site: str, id: str) -> Any:
    enabled = request.form.get("enabled") == "yes"
    endpoints.update(db.session(), _held(id), **where_we_run(), actor=_actor(), enabled=enabled)
    return _saved(site, id, "Enabled. It gets what happens from now on." if enabled else "Disabled. Nothing is sent.")


@bp.post("/<site>/webhooks/<id>/test")
@needs("admin")
def try_webhook(site: str, id: str) -> Any:
    delivery = endpoints.send_test(db.session(), _endpoint(id), actor=_actor())
    db.session().commit()
    flash("A test is on its way. Open this page again to see what was answered.", "note")
    return redirect(url_for("review.webhook_delivery", site=site, id=id, delivery_id=delivery.id))


@bp.post("/<site>/webhooks/<id>/replay")
@needs("admin")
def replay_to_webhook(site: str, id: str) -> Any:
    """Send one event again, or without one everything that was given up."""
    database, endpoint, event_id = db.session(), _endpoint(id), request.form.get("event", "")
    if event_id:
        event = events.get(database, g.site.id, event_id)
        count = events.replay_to(database, endpoint, event, actor=_actor())
    else:
        count = events.replay_dead(database, endpoint, since=None, until=None, actor=_actor())
    return _saved(site, id, f"{count} {'is' if count == 1 else 'are'} being sent again.")


@bp.post("/<site>/webhooks/<id>/delete")
@needs("admin")
def remove_webhook(site: str, id: str) -> Any:
    endpoints.remove(db.session(), _endpoint(id), actor=_actor())
    db.session().commit()
    flash("Deleted, with its secret and its log.", "note")
    return redirect(url_for("review.webhooks", site=site))


@bp.get("/<site>/webhooks/<id>/deliveries/<delivery_id>")
@needs("admin")
def webhook_delivery(site: str, id: str, delivery_id: str) -> str:  # noqa: ARG001 -- as above
    """What was sent, and what was answered each time."""
    endpoint = _endpoint(id)
    found = delivery_log.show(db.session(), endpoint, delivery_id)
    return render_template("review/delivery.html", endpoint=endpoint, delivery=found, **_frame())


def _list(typed: dict[str, Any], wrong: dict[str, str]) -> str:
    found, _ = endpoints.page(db.session(), g.site.id, after=None, limit=endpoints.MOST_ENDPOINTS)
    return render_template("review/webhooks.html", endpoints=found, typed=typed, wrong=wrong, **_frame())


def _one(
    endpoint: WebhookEndpoint,
    *,
    secret: str = "",
    said: str = "",
    typed: dict[str, Any] | None = None,
    wrong: dict[str, str] | None = None,
) -> str:
    state = request.args.get("state")
    state = state if state in STATES else None
    rows, last = delivery_log.page(
        db.session(), endpoint, state=state, after=decode_id(request.args.get("cursor")), limit=SHOWN
    )
    typed = typed or {"url": endpoint.url, "event_types": endpoint.event_types}
    return render_template(
        "review/webhook.html", endpoint=endpoint, secret=secret, said=said, typed=typed, wrong=wrong or {}, rows=rows,
        cursor=encode_cursor([last] if last else None), state=state or "", states=("", *STATES), **_frame(),
    )  # fmt: skip


def _frame() -> dict[str, Any]:
    counts = queues.counts(db.session(), g.site.id)
    return {"queue": "webhooks", "oldest": None, "counts": counts, "types": EVENT_TYPES, "every": endpoints.EVERY_TYPE}


def _typed() -> dict[str, Any]:
    return {"url": request.form.get("url", "").strip(), "event_types": request.form.getlist("event_types")}


def _wrong(error: ValidationError | Invalid) -> dict[str, str]:
    errors = flatten(error.messages) if isinstance(error, ValidationError) else error.extra["errors"]
    # A fault of one type is shown at the list of types.
    return {item["pointer"].split("/")[1]: item["detail"] for item in errors}


def _endpoint(id: str) -> WebhookEndpoint:
    return endpoints.get(db.session(), g.site.id, id)


def _held(id: str) -> WebhookEndpoint:
    return endpoints.held(db.session(), g.site.id, id)


def _actor() -> str:
    return f"moderator:{current_user.moderator.id}"


def _saved(site: str, id: str, sentence: str) -> Any:
    db.session().commit()
    flash(sentence, "note")
    return redirect(url_for("review.webhook", site=site, id=id))
