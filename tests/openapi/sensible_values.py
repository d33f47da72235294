"""What JSON Schema cannot say about a request, told to Schemathesis as hooks: ``SCHEMATHESIS_HOOKS`` names this module.

Only values whose rule lies outside of the schema are replaced, and only in requests that are meant to be valid: a
cursor is what an answer gave, a plan is one that is sold, a time of writing is not in the future. Everything
else, and every request that is meant to be refused, goes out as it was made.
"""

import schemathesis

NOW = "2026-01-02T03:04:05Z"


def _valid(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.hook
def before_call(context, case, kwargs):
    if not _valid(case):
        return
    # Given by an answer, or an ETag of one: a stranger's is refused.
    case.query.pop("cursor", None)
    case.headers.pop("If-Match", None)
    if case.operation.label == "POST /v1/comments/{id}/decisions":
        case.headers["If-Match"] = "*"
    # A key belongs to one body.
    case.headers.pop("Idempotency-Key", None)
    if isinstance(case.body, dict):
        _mend(case.operation.label, case.body)


# Of these operations the keys that a stranger cannot know, and what stands in for others.
_LEFT_OUT = {
    "POST /v1/comments": ("created_at", "parent_id"),
    "PUT /v1/posts/{post_id}": ("id",),
    "PUT /v1/plans/{plan}": ("name",),
}
_SOLD, _REACHED = {"plan": "monthly"}, {"url": "https://hooks.example/"}
_PUT_IN = {
    "PUT /v1/readers/{reader_id}/subscription": _SOLD,
    "POST /v1/readers/{reader_id}/subscription/change": _SOLD,
    "POST /v1/webhook-endpoints": _REACHED,
    "PATCH /v1/webhook-endpoints/{id}": _REACHED,
    "PUT /v1/hook": _REACHED,
}


def _mend(label, body):
    for name in _LEFT_OUT.get(label, ()):
        body.pop(name, None)
    for name, value in _PUT_IN.get(label, {}).items():
        if name in body:
            body[name] = value
    if body.get("expires_at"):
        body["expires_at"] = "2030-01-01T00:00:00Z"
    if label == "PUT /v1/policy":
        _mend_policy(body)


def _mend_policy(body):
    for threshold in body["thresholds"].values():
        low, high = sorted((threshold["publish_below"], threshold["reject_above"]))
        threshold |= {"publish_below": low, "reject_above": high}
    for rule in body["rules"]:
        rule["params"] = {}
    hooks = [rule for rule in body["rules"] if rule["rule"] == "site_hook"]
    body["rules"] = [rule for rule in body["rules"] if rule not in hooks] + hooks[:1]
