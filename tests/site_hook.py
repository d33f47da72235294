"""The test words of a site's own rule: a policy that asks, and a site's server that answers as told."""

import json
from contextlib import contextmanager

from moderation import hook_calls
from tests.receiver import receiving


def says(answer, code=200, **headers):
    """Answer with this JSON value, or with these bytes as they are."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def respond(handler):
        handler.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def enable(client, *, action="queue", at=None, **params):
    """Put the rule in force; ``at`` is its place in the list, the last by default."""
    policy = client.get("/v1/policy").json
    rules = [rule for rule in policy["rules"] if rule["rule"] != "site_hook"]
    rule = {"rule": "site_hook", "action": action, "enabled": True, "params": params}
    rules.insert(len(rules) if at is None else at, rule)
    saved = client.put("/v1/policy", json={"thresholds": policy["thresholds"], "rules": rules})
    assert saved.status_code == 200, saved.json


def set_hook(client, url, **changes):
    answer = client.put("/v1/hook", json={"url": url} | changes)
    assert answer.status_code in (200, 201), answer.json
    return answer.json


@contextmanager
def a_site_that_is_asked(app, client, monkeypatch, **rule):
    """The rule in force and a receiver in its hook's place, which says nothing against anything."""
    monkeypatch.setitem(app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    hook_calls._breakers.clear()
    with receiving() as receiver:
        receiver.answer = says({"action": "none"})
        receiver.secret = set_hook(client, receiver.url)["secret"]
        enable(client, **rule)
        yield receiver


def asked(receiver):
    """What the hook was asked, as JSON values."""
    return [json.loads(request["body"]) for request in receiver.requests]


def last_decision(client, id):
    return client.get(f"/v1/comments/{id}/history").json["items"][-1]
