"""The paper's first day: its articles, plans and made-up readers, sent in through the API as a site would.

Every step is idempotent, so that a start that was cut short is made good by the next; the last plan is
sent last and says that nothing is missing. After that nothing is sent again: what was changed since then
at the desk or over the API stays changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from flask import Flask

from moderation.views.demo import paper
from moderation.views.demo.client import ApiError, SiteClient, address, key_of

_PATH = "/demo/posts/"
_REJECTED = "rejected"


def sow(app: Flask) -> None:
    """Fill the demo site at its first start; without a model that scores, leave it for the next one."""
    api = SiteClient(app, key_of(app))
    try:
        if _is_sown(api):
            _move(api, app)
            return
        _posts(api, app)
        _replies(api)
        _plans(api)
    except ApiError as error:
        # The start itself will say what is wrong: it checks the model and the database next.
        app.logger.warning("demo: %s", error)


def _is_sown(api: SiteClient) -> bool:
    try:
        api.get(address("plans", paper.OFFERS[-1].plan))
    except ApiError as error:
        if error.code != "not_found":
            raise
        return False
    return True


def _posts(api: SiteClient, app: Flask) -> None:
    for article in paper.articles().values():
        said = {"title": article.title, "section": article.section, "free": article.free,
                "comments": article.comments, "url": _url(app, article.id)}  # fmt: skip
        api.put(address("posts", article.id), said)


def _url(app: Flask, id: str) -> str:
    root = app.config["PUBLIC_URL"].rstrip("/") or f"http://{app.config['BIND']}"
    return f"{root}{_PATH}{id}"


def _move(api: SiteClient, app: Flask) -> None:
    """Another port than at the first start: the desk's links to the articles follow."""
    for id in paper.articles():
        known, url = api.get(address("posts", id))["url"], _url(app, id)
        if known != url and known.endswith(f"{_PATH}{id}"):
            api.put(address("posts", id), {"url": url})


def _plans(api: SiteClient) -> None:
    for offer in paper.OFFERS:
        api.put(address("plans", offer.plan), offer.terms)


def _replies(api: SiteClient) -> None:
    """Send them in as few calls as their order allows: who answers comes after what is answered."""
    now = datetime.now(UTC)
    sent: dict[str, Any] = {}
    for batch in _batches(paper.made_up_replies()):
        items = [_item(row, sent, now) for row in batch]
        answers = api.post("/v1/comments/batch", {"items": items})["items"]
        sent |= {row["key"]: answer["comment"] for row, answer in zip(batch, answers, strict=True)}
    for row in paper.made_up_replies():
        _reactions(api, row, sent[row["key"]])


def _batches(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    depths: dict[str, int] = {}
    for row in rows:
        depths[row["key"]] = depths[row["parent"]] + 1 if "parent" in row else 0
    by_depth = sorted(rows, key=lambda row: depths[row["key"]])
    for _, group in groupby(by_depth, key=lambda row: depths[row["key"]]):
        yield list(group)


def _item(row: Mapping[str, Any], sent: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "external_id": f"courier-{row['key']}",
        "post": {"id": row["post"]},
        "parent_id": sent[row["parent"]]["id"] if "parent" in row else None,
        "reader": {"id": _id_of(row["reader"]), "name": row["reader"]},
        "text": row["text"],
        "created_at": (now - timedelta(minutes=row["minutes"])).isoformat(),
    }


def _id_of(name: str) -> str:
    return "made-up-" + "".join(c for c in name.lower() if c.isalnum())


def _reactions(api: SiteClient, row: Mapping[str, Any], comment: Mapping[str, Any]) -> None:
    """Somebody reports one of them, and the author of a rejected one asks again."""
    if report := row.get("report"):
        flag = {"reader": {"id": _id_of(report["reader"])}, "reason": report["reason"], "note": report["note"]}
        api.post(address("comments", comment["id"], "flags"), flag)
    if "appeal" in row and comment["status"] == _REJECTED:
        body = {"reader": {"id": _id_of(row["reader"])}, "text": row["appeal"]}
        api.post(address("comments", comment["id"], "appeals"), body)
