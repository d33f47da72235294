"""Write ``moderation/examples.json``, the examples of the API document, by living through a site's day: ``make docs``.

Every answer is one that the service gave; only times and ids are set, so that the same code writes the same file.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import time_machine
from flask import Flask

from moderation.app import create_app
from moderation.db import db
from moderation.models import Base
from moderation.openapi import EXAMPLES
from moderation.services import sites
from tests.factories import THRESHOLDS, FakeScoring
from tests.installation import SCOPES

NOW = "2026-11-23T10:00:00Z"
ANA = {"id": "u-77", "name": "Ana"}
POST = {"id": "2041", "url": "https://news.example/2041", "title": "Bridge reopens"}
COMMENT = {"post": POST, "reader": ANA, "text": "Good news for everyone who commutes."}
RUDE = COMMENT | {"text": "You idiot.", "external_id": "wp-8122"}
MERGE = {"anonymous": "the token that was made"}
# Method, address, body; what stands in braces is the id that an earlier answer gave under that name.
DAY: tuple[tuple[str, str, Any], ...] = (
    ("PUT", "/v1/posts/2041", {"title": "Bridge reopens", "section": "city", "free": False, "comments": "open"}),
    ("GET", "/v1/posts/2041", None),
    ("POST", "/v1/webhook-endpoints", {"url": "https://news.example/hooks", "event_types": ["comment.published"]}),
    ("GET", "/v1/webhook-endpoints", None),
    ("POST", "/v1/score", {"texts": ["You idiot."], "explain": True, "decide": True}),
    ("POST", "/v1/comments", COMMENT | {"external_id": "wp-8121"}),
    ("POST", "/v1/comments", COMMENT | {"text": "A silly plan.", "external_id": "wp-8123"}),
    ("GET", "/v1/queue", None),
    ("POST", "/v1/comments/batch", {"items": [RUDE, {"text": "No post."}]}),
    ("GET", "/v1/comments", None),
    ("GET", "/v1/comments/{rude}", None),
    ("GET", "/v1/comments/{rude}/statement", None),
    ("POST", "/v1/comments/{rude}/appeals", {"reader": ANA, "text": "It was a quotation."}),
    ("POST", "/v1/comments/{good}/flags", {"reader": {"id": "u-12"}, "reason": "off_topic", "note": "Not about it."}),
    ("POST", "/v1/comments/{silly}/decisions", {"status": "rejected", "reason": "abuse", "note": "The third time."}),
    ("GET", "/v1/comments/{silly}/history", None),
    ("PUT", "/v1/comments/{good}", {"text": "Good news for everybody who commutes."}),
    ("GET", "/v1/posts/2041/comments", None),
    ("DELETE", "/v1/comments/{good}", None),
    ("PUT", "/v1/plans/monthly", {"unlocks": 0, "period": "month", "trial_days": 0, "grace_days": 7}),
    ("PUT", "/v1/plans/five", {"unlocks": 5, "period": "month", "rollover_cap": 5}),
    ("GET", "/v1/plans/five", None),
    ("GET", "/v1/plans", None),
    ("POST", "/v1/readers/u-77/grants", {"unlocks": 5, "kind": "bundle", "reference": "order-991", "expires_at": None}),
    ("POST", "/v1/readers/u-77/unlocks", {"post_id": "2041"}),
    ("PUT", "/v1/meter", {"window": "month", "posts": 5, "sections": {"sport": 2}}),
    ("GET", "/v1/meter", None),
    ("POST", "/v1/readers/u-12/views", {"post_id": "2042"}),
    ("POST", "/v1/anonymous-readers", None),
    ("GET", "/v1/anonymous-readers/{visitor}/access?post_id=2041", None),
    ("POST", "/v1/anonymous-readers/{visitor}/views", {"post_id": "2041"}),
    ("POST", "/v1/readers/u-12/merge", MERGE),
    ("DELETE", "/v1/meter", None),
    ("GET", "/v1/readers/u-77/unlocks", None),
    ("GET", "/v1/readers/u-77/access?post_id=2041", None),
    ("GET", "/v1/readers/u-77/entitlement-token", None),
    ("DELETE", "/v1/readers/u-77/unlocks/2041", None),
    ("POST", "/v1/readers/u-77/grants/refunds",
     {"kind": "bundle", "reference": "order-991", "refund_reference": "refund-17", "unlocks": 2}),
    ("GET", "/v1/readers/u-77/grants", None),
    ("GET", "/v1/readers/u-77/ledger", None),
    ("PUT", "/v1/readers/u-77/subscription", {"plan": "monthly"}),
    ("POST", "/v1/readers/u-77/subscription/renew", {"reference": "invoice-17"}),
    ("POST", "/v1/readers/u-77/subscription/change", {"plan": "five"}),
    ("POST", "/v1/readers/u-77/subscription/pause", None),
    ("POST", "/v1/readers/u-77/subscription/resume", None),
    ("POST", "/v1/readers/u-77/subscription/cancel", {"at": "period_end"}),
    ("GET", "/v1/readers/u-77/subscription", None),
    ("GET", "/v1/readers/u-77/subscription/history", None),
    ("GET", "/v1/readers/u-77", None),
    ("GET", "/v1/readers/u-12/export", None),
    ("DELETE", "/v1/readers/u-12", None),
    ("DELETE", "/v1/plans/monthly", None),
    ("GET", "/v1/policy", None),
    ("PUT", "/v1/policy", {"thresholds": {"spam": {"publish_below": 0.4, "reject_above": 0.95}},
                           "rules": [{"rule": "too_many_links", "action": "queue", "params": {"max_links": 2}}],
                           "note": "Fewer links."}),
    ("PUT", "/v1/hook", {"url": "https://news.example/hook", "send": ["email"]}),
    ("GET", "/v1/hook", None),
    ("POST", "/v1/hook/secret", None),
    ("DELETE", "/v1/hook", None),
    ("GET", "/v1/events?limit=1", None),
    ("POST", "/v1/events/{event}/replay", None),
    ("POST", "/v1/webhook-endpoints/{endpoint}/rotate", {"overlap_hours": 24}),
    ("POST", "/v1/webhook-endpoints/{endpoint}/test", None),
    ("GET", "/v1/webhook-endpoints/{endpoint}/deliveries?state=waiting", None),
    ("GET", "/v1/webhook-endpoints/{endpoint}/deliveries/{delivery}", None),
    ("POST", "/v1/webhook-endpoints/{endpoint}/replay", {"since": "2026-11-23T10:00:00Z"}),
    ("PATCH", "/v1/webhook-endpoints/{endpoint}", {"event_types": ["comment.published", "comment.rejected"]}),
    ("GET", "/v1/webhook-endpoints/{endpoint}", None),
    ("DELETE", "/v1/webhook-endpoints/{endpoint}", None),
)  # fmt: skip
_ID = re.compile(r"\b([a-z]{3,4})_[0-9a-z]{20,40}\b")


class Scoring(FakeScoring):
    """The tests' stand-in under the bundled model's name: an example need not change with each training."""

    def score(self, texts: Any, only: Any = None) -> Any:
        return [replace(scored, model_version="tiers-40f2027e") for scored in super().score(texts, only)]


def written() -> str:
    """Return the file as this code writes it."""
    with tempfile.TemporaryDirectory() as folder, time_machine.travel(NOW, tick=False) as clock:
        app = create_app({"DATA": folder, "ENV": "development", "SECRET_KEY": "docs"})
        app.extensions["scoring"] = Scoring()
        told = json.dumps(dict(sorted(live(app, clock))), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        with app.app_context():
            db.engine.dispose()
    return _with_set_ids(told)


def live(app: Flask, clock: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through the day; yield an example for each operation, the first that was answered with success."""
    client, ids, seen = app.test_client(), dict[str, str](), set[str]()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {_key(app)}"
    urls = app.url_map.bind("localhost")
    for method, address, body in DAY:
        path = address.format(**ids)
        sent = {"anonymous": ids["visitor"]} if body == MERGE else body
        answer = client.open(path, method=method, json=sent, headers={"If-Match": "*"})
        if answer.status_code not in (200, 201, 202, 204):
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text}")
        told = answer.json if answer.data else None
        clock.shift(1)
        _remember(ids, method, address, told)
        operation = urls.match(path.split("?")[0], method=method)[0].replace(".", "_").replace("-", "_")
        if operation not in seen:
            seen.add(operation)
            yield operation, {"request": body, "status": answer.status_code, "response": told}


def _remember(ids: dict[str, str], method: str, address: str, told: Any) -> None:
    if (method, address) == ("POST", "/v1/comments"):
        ids["silly" if "good" in ids else "good"] = told["id"]
    if address == "/v1/comments/batch":
        ids["rude"] = told["items"][0]["comment"]["id"]
    if (method, address) == ("POST", "/v1/webhook-endpoints"):
        ids["endpoint"] = told["id"]
    if address == "/v1/anonymous-readers":
        ids["visitor"] = told["token"]
    if address.endswith("/test"):
        ids["delivery"] = told["id"]
    if address.startswith("/v1/events"):
        ids["event"] = (told.get("items") or [told])[0]["id"]


def _key(app: Flask) -> str:
    with app.app_context():
        Base.metadata.create_all(db.engine)
        site = sites.create(db.session(), name="demo", thresholds=THRESHOLDS, actor="docs")
        key = sites.create_key(db.session(), site, scopes=SCOPES, actor="docs")[1]
        db.session.commit()
    return key


def _with_set_ids(text: str) -> str:
    numbers, known = count(1), dict[str, str]()

    def name(found: re.Match[str]) -> str:
        return known.setdefault(found[0], f"{found[1]}_01k9example{next(numbers):04}")

    text = re.sub(r'"next_cursor": "[^"]+"', '"next_cursor": "WyJldnRfMDFrOWV4YW1wbGUiXQ"', text)
    text = re.sub(r"anr_[\w-]{20,}", "anr_c2hvd24gb25jZSwga2VwdCBpbiBhIGNvb2tpZQ", text)
    text = re.sub(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "eyJhbGciOiJFZERTQSIs...", text)
    return re.sub(r"whsec_[\w+/=]+", "whsec_c2hvd24gb25jZSwga2VwdCBieSB5b3U=", _ID.sub(name, text))


if __name__ == "__main__":
    EXAMPLES.write_text(written())
