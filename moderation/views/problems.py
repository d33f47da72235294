"""/problems/{code}: what the ``type`` of a problem document leads to (RFC 9457, section 3.1.1)."""

from collections.abc import Mapping

from flask import Blueprint, render_template

from moderation.errors import NotFound

bp = Blueprint("problems", __name__)
# Code: its status and what a client does about it. docs/errors.md is written from here.
REMEDIES: Mapping[str, tuple[int, str]] = {
    "malformed_json": (400, "The body is not JSON in UTF-8. Mend the client; nothing was stored."),
    "signature_invalid": (400, "Sign with a secret that was set for this site, and send within five minutes."),
    "cursor_invalid": (400, "Send back exactly what came as `next_cursor`, or begin without a cursor."),
    "idempotency_key_invalid": (400, "Send a key of printable ASCII that is not too long; a UUID is fine."),
    "unauthenticated": (401, "Send a valid key as `Authorization: Bearer`. It may have been revoked or rotated."),
    "signature_unknown": (401, "Sign with a secret that was set for this site: `replydesk integration show`."),
    "forbidden": (403, "The key lacks the scope named in `needed`; make a key that has it."),
    "not_found": (404, "There is no such thing on this site; things of other sites answer the same."),
    "method_not_allowed": (405, "See the `Allow` header."),
    "conflict": (409, "The present state forbids it; look at it, then decide."),
    "external_id_reused": (409, "The `external_id` belongs to a comment with another content; edit that one with PUT."),
    "state_forbids": (409, "The state, named in the answer, does not allow this change."),
    "no_unlocks_left": (409, "Offer the reader a bundle or a subscription."),
    "meter_used_up": (409, "Offer a subscription. `renews_at` says when there is a free post again."),
    "not_metered": (409, "Nothing opens this post for the reader; see `GET /v1/meter` for what the meter counts."),
    "anonymous_reader_merged": (409, "Ask the visitor to sign in. Keep the token; make no new one for this browser."),
    "subscribers_only": (409, "Offer a plan that lets its subscribers comment; see `replydesk commenting`."),
    "claimed_by_other": (409, "A colleague is looking at this comment; take another one."),
    "stale_version": (412, "It changed since you saw it. Read `current`, and decide again if you still want to."),
    "body_too_large": (413, "Send less at once; see `REPLYDESK_MAX_BODY_BYTES` in settings."),
    "unsupported_media_type": (415, "Send `Content-Type: application/json`."),
    "validation_failed": (422, "`errors` names each wrong field and why. Nothing was stored."),
    "idempotency_key_reused": (422, "This key belongs to another request; take a new one for a new request."),
    "precondition_required": (428, "Send `If-Match` with the `ETag` that you saw."),
    "rate_limited": (429, "Wait for as long as `Retry-After` says."),
    "fault": (500, "A fault of ours. Report it with the request's id; the same `Idempotency-Key` makes a repeat safe."),
    "not_ready": (503, "Nothing was stored. Try again after `Retry-After`, with the same `Idempotency-Key`."),
}  # fmt: skip


@bp.get("/problems/<code>")
def show(code: str) -> str:
    if code not in REMEDIES:
        raise NotFound("There is no problem of this name.")
    status, remedy = REMEDIES[code]
    return render_template("docs/problem.html", code=code, status=status, parts=remedy.split("`"))
