"""Where Coral's people decide, their decisions become labels here."""

import pytest
import sqlalchemy as sa

from moderation import errands
from moderation.db import db
from moderation.models import CoralComment, CoralLook, Feedback
from tests.coral_site import a_look, ask, origin, saying, set_up, tell
from tests.receiver import receiving

ENTERED = "COMMENT_ENTERED_MODERATION_QUEUE"


@pytest.fixture
def api():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def allowed(app):
    app.config["WEBHOOK_ALLOW_PRIVATE"] = True
    yield
    app.config["WEBHOOK_ALLOW_PRIVATE"] = False


def rows(app, model):
    with app.app_context():
        return db.session.scalars(sa.select(model)).all()


@pytest.mark.parametrize(
    ("status", "code", "flags", "labels"),
    [
        ("APPROVED", None, {}, "all fine"),
        ("REJECTED", "SPAM", {}, {"spam": 1.0}),
        ("REJECTED", "HATE_SPEECH", {}, {"toxicity": 1.0, "identity_attack": 1.0}),
        ("REJECTED", "IRRELEVANT_CONTENT", {"COMMENT_DETECTED_TOXIC": 1}, None),
        ("REJECTED", None, {"COMMENT_DETECTED_TOXIC": 1}, {"toxicity": 1.0}),
        ("REJECTED", None, {"COMMENT_DETECTED_SPAM": 2, "COMMENT_REPORTED_ABUSIVE": 1}, {"spam": 1.0}),
        ("REJECTED", None, {}, None),
        ("SYSTEM_WITHHELD", None, {"COMMENT_DETECTED_TOXIC": 1}, None),
    ],
)
def test_where_coral_decides_its_decisions_become_labels(app, client, api, allowed, status, code, flags, labels):
    set_up(app, url=origin(api))
    caller = app.test_client()
    ask(caller, "You silly person.")
    reason = {"code": code} if code else None
    told = a_look(
        "<p>You silly person.</p>", status=status, actionCounts={"flag": {"reasons": flags}},
        statusHistory={"nodes": [{"status": status, "moderator": {"id": "m1"}, "rejectionReason": reason}]},
    )  # fmt: skip
    api.answers = [saying(told), saying(told)]
    tell(caller)
    tell(caller)

    assert errands.do_due(app) == 1

    found = [(row.source, row.actor, row.text, row.labels) for row in rows(app, Feedback)]
    expected = [("coral", "coral:m1", "You silly person.", labels)] if labels else []
    if labels == "all fine":
        assert set(found[0][3].values()) == {0.0}
        expected = [(*expected[0][:3], found[0][3])]
    assert found == expected


def test_only_decisions_are_looked_at_where_coral_decides(app, client, api, allowed):
    set_up(app, url=origin(api))
    caller = app.test_client()

    assert [tell(caller, type=ENTERED), tell(caller, type="STORY_CREATED"), tell(caller)] == [False, False, True]


def test_a_comment_that_is_gone_at_coral_ends_the_look(app, api, allowed, client):
    set_up(app, url=origin(api))
    tell(app.test_client())
    api.answers = [saying({"data": {"comment": None}})]

    assert errands.do_due(app) == 1
    assert rows(app, CoralLook) == []


def test_erasing_a_reader_forgets_which_comment_it_was_and_export_tells_before(app, client, api, allowed):
    set_up(app, url=origin(api), decides="desk")
    caller = app.test_client()
    ask(caller, "You silly person.")
    tell(caller, type=ENTERED)
    api.answers = [saying(a_look("<div>You silly person.</div>"))]
    errands.do_due(app)
    held = client.get("/v1/readers/a1/export").json["coral_comments"]

    assert client.delete("/v1/readers/a1").status_code == 204

    assert [row["coral_id"] for row in held] == ["c1"]
    assert rows(app, CoralComment) == []


def test_what_is_told_while_a_look_is_under_way_is_looked_at_again(app, client, api, allowed, monkeypatch):
    set_up(app, url=origin(api))
    caller, call = app.test_client(), errands._call
    tell(caller)
    approved = {"nodes": [{"status": "APPROVED", "moderator": {"id": "m1"}}]}
    rejected = {"nodes": [{"status": "REJECTED", "moderator": {"id": "m1"}, "rejectionReason": {"code": "SPAM"}}]}
    api.answers = [
        saying(a_look(status="APPROVED", statusHistory=approved)),
        saying(a_look(status="REJECTED", statusHistory=rejected)),
    ]

    def meanwhile(*arguments):
        answer = call(*arguments)
        if len(api.requests) == 1:
            tell(caller)
        return answer

    monkeypatch.setattr(errands, "_call", meanwhile)

    assert errands.do_due(app) == 2
    assert [row.labels["spam"] for row in rows(app, Feedback)] == [1.0]
    assert rows(app, CoralLook) == []
