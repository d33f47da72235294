"""Decisions on their way between Coral and our desk, over a written exchange with Coral's API."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from moderation import errands
from moderation.db import db
from moderation.models import CoralComment, CoralLook, utc_now
from moderation.services import sites
from moderation.services.coral import accounts, way_back
from tests.coral_site import (
    TOKEN,
    a_look,
    ask,
    origin,
    recorded,
    saying,
    set_up,
    tell,
)
from tests.receiver import receiving, reset, status

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


@pytest.fixture
def desk(app, client, api, allowed):
    """Our desk decides; a comment is held, and Coral has told its id."""
    set_up(app, url=origin(api), decides="desk")
    caller = app.test_client()
    ask(caller, "You silly person.")
    assert tell(caller, type=ENTERED) is True
    api.answers = [saying(a_look("<div>You silly person.</div>"))]
    assert errands.do_due(app) == 1
    return caller


def the_comment(client):
    [found] = client.get("/v1/comments").json["items"]
    return found


def decide(client, status, reason=None):
    url = f"/v1/comments/{the_comment(client)['id']}"
    seen = {"If-Match": client.get(url).headers["ETag"]}
    answer = client.post(f"{url}/decisions", json={"status": status, "reason": reason}, headers=seen)
    assert answer.status_code == 201, answer.json


def rows(app, model):
    with app.app_context():
        return db.session.scalars(sa.select(model)).all()


def described(app):
    with app.app_context():
        return accounts.describe(db.session(), sites.by_name(db.session(), "demo"))


def sent(api, n=-1):
    return json.loads(api.requests[n]["body"])


def test_a_look_asks_what_was_recorded_with_the_sites_token(app, client, api, desk):
    assert sent(api) == recorded("look")["request"]
    assert api.requests[-1]["path"] == "/api/graphql"
    assert api.requests[-1]["headers"]["authorization"] == f"Bearer {TOKEN}"
    assert the_comment(client)["external_id"] == "coral:c1"
    assert rows(app, CoralLook) == []


@pytest.mark.parametrize(
    ("status", "reason", "name"), [("published", None, "approve"), ("rejected", "abuse", "reject")]
)
def test_a_decision_at_our_desk_reaches_coral_once(app, client, api, desk, status, reason, name):
    exchange = recorded(name)
    api.answers = [saying(exchange["answer"])]
    decide(client, status, reason)

    done = errands.do_due(app)

    asked = sent(api)
    mutation = asked["variables"]["input"].pop("clientMutationId")
    del exchange["request"]["variables"]["input"]["clientMutationId"]
    assert done == 1
    assert asked == exchange["request"]
    assert mutation == f"{the_comment(client)['id']}-2"
    assert errands.do_due(app) == 0
    assert [link.error for link in rows(app, CoralComment)] == [""]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (saying({"errors": [{"message": "FORBIDDEN"}]}), "Coral says: FORBIDDEN"),
        (saying({"errors": [7]}, status=401), "Coral says: an error"),
        (status(502), "not one of Coral's GraphQL API. (HTTP 502)"),
        (saying([]), "not one of Coral's GraphQL API. (HTTP 200)"),
        (saying({"data": {"approveComment": {"comment": {"status": "SYSTEM_WITHHELD"}}}}), "edited there meanwhile"),
        (saying({"data": {"approveComment": None}}), "edited there meanwhile"),
        (reset, "The connection was closed"),
    ],
)
def test_a_failure_is_told_and_tried_again_until_it_is_done(app, client, api, desk, answer, words):
    api.answers = [answer]
    decide(client, "published")
    errands.do_next(app)

    told = described(app)
    api.answers = [saying(recorded("approve")["answer"])] * 2
    with time_machine.travel(utc_now() + timedelta(seconds=6)):
        errands.do_due(app)

    assert words in told["last_error"]
    assert told["failing"] >= 1
    assert [(link.coral_status, link.error) for link in rows(app, CoralComment)] == [("APPROVED", "")]


def test_after_the_last_attempt_it_is_given_up_and_a_retry_begins_anew(app, client, api, desk):
    api.answer = status(503)
    decide(client, "published")
    now = utc_now()
    for _ in range(len(way_back.WAITS_SECONDS) + 1):
        now += timedelta(days=1)
        with time_machine.travel(now):
            errands.do_due(app)
    asked, given_up = len(api.requests), described(app)["given_up"]

    with time_machine.travel(now + timedelta(days=9)):
        silent = errands.do_due(app)
        with app.app_context():
            accounts.retry_now(db.session(), sites.by_name(db.session(), "demo"))
            db.session.commit()
        api.answer = saying(recorded("approve")["answer"])
        errands.do_due(app)

    assert asked == 1 + len(way_back.WAITS_SECONDS) + 1
    assert (given_up, silent, described(app)["given_up"]) == (1, 0, 0)


def test_an_answer_that_was_lost_is_asked_for_again_when_the_lease_has_ended(app, client, api, desk, monkeypatch):
    decide(client, "published")
    with monkeypatch.context() as lost:
        lost.setattr(errands, "_call", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            errands.do_next(app)
    api.answers = [saying(recorded("approve")["answer"])]
    held = errands.do_due(app)

    with time_machine.travel(utc_now() + timedelta(seconds=31)):
        done = errands.do_due(app)

    assert (held, done) == (0, 1)


def test_what_the_policy_decided_is_not_sent(app, client, api, allowed):
    set_up(app, url=origin(api), decides="desk")
    caller = app.test_client()
    ask(caller)
    tell(caller, type="COMMENT_CREATED")
    api.answers = [saying(a_look("Good news for everyone who commutes.", status="NONE"))]

    assert errands.do_due(app) == 1
    assert rows(app, CoralComment)[0].coral_status == "NONE"


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"status": "APPROVED"}, "published", None),
        ({"status": "REJECTED"}, "rejected", "abuse"),
        ({"status": "REJECTED", "code": "SPAM"}, "rejected", "spam"),
        ({"status": "REJECTED", "code": "IRRELEVANT_CONTENT"}, "rejected", "off_topic"),
        ({"status": "REJECTED", "code": "MISINFORMATION"}, "rejected", "other"),
    ],
)
def test_what_coral_s_people_decide_stands_at_our_desk_and_does_not_come_back(
    app, client, api, desk, changes, status, reason
):
    code = changes.pop("code", None)
    history = {"nodes": [changes | {"moderator": {"id": "m1"}, "rejectionReason": {"code": code} if code else None}]}
    tell(desk)
    api.answers = [saying(a_look(**changes, statusHistory=history))]

    assert errands.do_due(app) == 1

    last = client.get(f"/v1/comments/{the_comment(client)['id']}/history").json["items"][-1]
    assert (last["kind"], last["actor"], last["new_status"], last["reason"]) == ("decided", "coral:m1", status, reason)


def test_a_status_that_no_person_gave_is_not_taken_for_a_decision(app, client, api, desk):
    tell(desk)
    api.answers = [
        saying(a_look(status="APPROVED", statusHistory={"nodes": [{"status": "APPROVED", "moderator": None}]}))
    ]
    errands.do_due(app)

    assert the_comment(client)["status"] == "pending"


def test_a_decision_here_is_not_overrun_by_one_there(app, client, api, desk):
    decide(client, "rejected", "abuse")
    history = {"nodes": [{"status": "APPROVED", "moderator": {"id": "m1"}}]}
    tell(desk)
    api.answers = [saying(a_look(status="APPROVED", statusHistory=history)), saying(recorded("reject")["answer"])]

    assert errands.do_due(app) == 2
    assert the_comment(client)["status"] == "rejected"
    assert sent(api)["query"] == recorded("reject")["request"]["query"]


@pytest.mark.parametrize(
    "changes",
    [{"author": {"id": "a2"}}, {"story": {"id": "s2"}}, {"body": "Another text."}, {"deleted": True}, {"id": "c9"}],
)
def test_another_author_story_or_text_is_not_joined(app, client, api, allowed, changes):
    set_up(app, url=origin(api), decides="desk")
    caller = app.test_client()
    ask(caller, "You silly person.")
    tell(caller, type=ENTERED)
    api.answers = [saying(a_look(**changes))]
    errands.do_due(app)

    assert rows(app, CoralComment)[0].coral_id is None
    assert rows(app, CoralLook) == []


@pytest.mark.parametrize(
    ("asked", "html"),
    [
        ("I &lt;3 you, silly &amp; you", "I &lt;3 you, silly &amp; you"),
        ("I <3 you, silly & you", "<div>I &lt;3 you, silly &amp; you</div>"),
        ("See silly https://a.example", '<div>See silly <a href="https://a.example">https://a.example</a><br></div>'),
    ],
)
def test_text_and_html_of_the_same_letters_are_the_same_comment(app, client, api, allowed, asked, html):
    set_up(app, url=origin(api), decides="desk")
    caller = app.test_client()
    ask(caller, asked)
    tell(caller, type=ENTERED)
    api.answers = [saying(a_look(html))]
    errands.do_due(app)

    assert rows(app, CoralComment)[0].coral_id == "c1"


def test_an_edited_comment_takes_the_place_of_the_old_one(app, client, api, desk):
    old = the_comment(client)["id"]
    ask(desk, "You very silly person.", action="EDIT")
    tell(desk)
    api.answers = [saying(a_look("You very silly person.", revision={"id": "r2", "body": "You very silly person."}))]

    errands.do_due(app)

    assert the_comment(client)["text"] == "You very silly person."
    assert client.get(f"/v1/comments/{old}").status_code == 404
    [_, link] = rows(app, CoralComment)
    assert (link.coral_id, link.revision_id) == ("c1", "r2")


def test_an_edit_that_changes_no_letter_is_no_repeat(client, desk):
    said = ask(desk, "You silly  person.", action="EDIT")

    assert said["status"] == "SYSTEM_WITHHELD"
    assert len(client.get("/v1/comments").json["items"]) == 1


def test_a_private_address_is_never_called(app, client, api):
    set_up(app, url=origin(api))
    tell(app.test_client())

    errands.do_next(app)

    assert api.requests == []
    assert "private or reserved" in described(app)["last_error"]
