from datetime import timedelta

import pytest
import sqlalchemy as sa
import standardwebhooks
import time_machine

from moderation.db import db
from moderation.models import Decision, utc_now
from moderation.policy import Action, Facts, Policy, Rule, hook_to_ask
from tests.akismet_client import SENT, Caller, make_key, said
from tests.factories import comment
from tests.receiver import post, status
from tests.site_hook import a_site_that_is_asked, asked, enable, last_decision, says, set_hook
from tests.test_review_pages import form_of

PLAIN = {"characters": 20, "visible_characters": 17}


@pytest.mark.parametrize(
    ("answer", "text", "expected"),
    [
        ({"action": "none"}, "Good news.", "published"),
        ({"action": "none"}, "You idiot.", "rejected"),
        ({"action": "publish"}, "You idiot.", "published"),
        ({"action": "queue"}, "Good news.", "pending"),
        ({"action": "reject"}, "Good news.", "rejected"),
        ({"action": "reject", "reason": None, "detail": ""}, "Good news.", "rejected"),
    ],
)
def test_the_site_s_answer_is_one_step_of_the_policy(client, hook, answer, text, expected):
    hook.answer = says(answer)

    stored = post(client, text)

    assert stored["status"] == expected
    assert last_decision(client, stored["id"])["hook"]["action"] == answer["action"]


def test_the_site_s_reason_and_sentence_are_those_of_the_rejection(client, hook):
    hook.answer = says({"action": "reject", "reason": "off_topic", "detail": "We do not speak of bridges."})

    stored = post(client)

    assert stored["reasons"] == [{"code": "off_topic", "detail": "We do not speak of bridges."}]
    assert "We do not speak of bridges." in client.get(f"/v1/comments/{stored['id']}/statement").json["facts"]


def test_the_site_is_told_the_comment_its_scores_and_what_the_policy_would_do(client, hook):
    ana = {"id": "u-77", "name": "Ana", "email": "ana@example.org", "ip": "203.0.113.9", "roles": ["member"]}
    client.post("/v1/comments", json=comment("That is silly.", external_id="wp-1", reader=ana))

    [told] = asked(hook)
    data = told["data"]
    assert told["type"] == "comment.check"
    assert (data["comment"]["text"], data["comment"]["external_id"]) == ("That is silly.", "wp-1")
    assert data["comment"]["reader"] == {"id": "u-77", "name": "Ana", "url": None, "roles": ["member"]}
    assert data["scores"]["insult"] == 0.7
    assert (data["policy"]["status"], data["policy"]["reasons"][0]["label"]) == ("pending", "insult")


def test_email_and_address_are_sent_where_the_site_asks_for_them(client, hook):
    set_hook(client, hook.url, send=["email", "ip"])

    client.post("/v1/comments", json=comment(reader={"id": "u-7", "email": "ana@example.org", "ip": "203.0.113.9"}))

    reader = asked(hook)[0]["data"]["comment"]["reader"]
    assert (reader["email"], reader["ip"]) == ("ana@example.org", "203.0.113.9")


def test_each_question_is_signed_as_standard_webhooks_say(client, hook):
    new = client.post("/v1/hook/secret").json["secret"]
    post(client)

    [request] = hook.requests
    for secret in (hook.secret, new):
        assert standardwebhooks.Webhook(secret).verify(request["body"], request["headers"])["type"] == "comment.check"


def test_the_overlap_of_a_rotation_ends(client, hook):
    client.post("/v1/hook/secret")

    with time_machine.travel(utc_now() + timedelta(hours=24, seconds=1)):
        post(client)

        assert len(hook.requests[0]["headers"]["webhook-signature"].split()) == 1
        assert client.get("/v1/hook").json["old_secret_until"] is None


def test_a_dry_run_keeps_the_answer_and_changes_nothing(app, client, monkeypatch):
    with a_site_that_is_asked(app, client, monkeypatch, dry_run=True) as hook:
        hook.answers = [says({"action": "reject", "reason": "spam"}), status(500)]

        stored, failed = post(client), post(client, "Another one.")

    assert (stored["status"], stored["reasons"], failed["status"]) == ("published", [], "published")
    kept = last_decision(client, stored["id"])["hook"]
    assert (kept["action"], kept["reason"], kept["dry_run"]) == ("reject", "spam", True)
    assert last_decision(client, failed["id"])["hook"]["error"] == "It answered with the status 500."


def test_where_an_earlier_rule_has_decided_the_site_is_not_asked(client, hook):
    client.put("/v1/posts/2041", json={"comments": "closed"})

    stored = post(client)

    assert (stored["status"], hook.requests) == ("rejected", [])
    assert last_decision(client, stored["id"])["hook"] is None


def test_the_same_submission_again_asks_nobody(client, hook):
    client.post("/v1/comments", json=comment(external_id="wp-1"))

    again = client.post("/v1/comments", json=comment(external_id="wp-1"))

    assert (again.status_code, len(hook.requests)) == (200, 1)


def test_an_edit_is_asked_about_too(client, hook):
    stored = post(client)
    hook.answer = says({"action": "reject"})

    edited = client.put(f"/v1/comments/{stored['id']}", json={"text": "Another text."}).json

    assert edited["status"] == "rejected"
    assert asked(hook)[1]["data"]["comment"]["id"] == stored["id"]


def test_a_batch_asks_about_each_and_gives_every_one_an_answer(client, hook):
    hook.answers = [says({"action": "reject"})]

    items = client.post("/v1/comments/batch", json={"items": [comment("One."), {}, comment("Two.")]}).json["items"]

    assert [item["status"] for item in items] == [201, 422, 201]
    assert sorted(items[at]["comment"]["status"] for at in (0, 2)) == ["published", "rejected"]


def test_an_admin_enables_the_rule_on_the_policy_page(client, jo):
    fields = form_of(jo.get("/demo/policy").text)
    at = next(name.removesuffix(".timeout_ms") for name in fields if name.endswith(".timeout_ms"))

    jo.post("/demo/policy", **(fields | {f"{at}.enabled": "y", f"{at}.dry_run": "y", "note": "To try it."}))

    saved = client.get("/v1/policy").json["rules"][int(at)]
    assert (saved["enabled"], saved["params"]) == (True, {"timeout_ms": 500, "dry_run": True})
    assert "No hook is set" in jo.get("/demo/policy").text


def test_an_akismet_check_is_asked_about_once(app, client, hook):
    ask = Caller(app, make_key(app))
    hook.answer = says({"action": "reject", "reason": "spam"})

    assert [said(ask()), said(ask(recheck_reason="recheck"))] == [b"true", b"true"]
    assert said(ask(is_test="1")) == b"false"
    assert asked(hook)[0]["data"]["comment"]["text"] == SENT["comment_content"]
    assert len(hook.requests) == 1


def test_an_erased_reader_leaves_no_answer_behind(app, client, hook):
    hook.answer = says({"action": "queue", "detail": "Ana again."})
    stored = post(client)

    client.delete("/v1/readers/u-77")

    with app.app_context():
        kept = db.session.scalars(sa.select(Decision).where(Decision.comment_id == stored["id"])).all()
    assert [decision.hook for decision in kept] == [None, None]


def test_another_site_has_a_hook_of_its_own(client, other, hook):
    assert other.get("/v1/hook").status_code == 404
    assert post(other)["status"] == "published"
    assert hook.requests == []


def test_looking_asks_nobody(client, hook):
    scored = client.post("/v1/score", json={"texts": ["Good news."], "decide": True}).json

    assert (scored["items"][0]["status"], hook.requests) == ("published", [])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/url"),
        ({"url": "http://10.0.0.1:8000/"}, "#/url"),
        ({"url": "https://news.example/#a"}, "#/url"),
        ({"url": "https://news.example/", "send": ["password"]}, "#/send/0"),
        ({"url": "https://news.example/", "secret": "a"}, "#/secret"),
    ],
)
def test_a_bad_hook_is_refused_and_changes_nothing(client, body, pointer):
    refused = client.put("/v1/hook", json=body)

    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer)
    assert client.get("/v1/hook").status_code == 404


@pytest.mark.parametrize(
    "params", [{"timeout_ms": 49}, {"timeout_ms": 1_001}, {"timeout_ms": 1.5}, {"timeout_ms": True}, {"dry_run": 1}]
)
def test_parameters_out_of_their_range_are_refused(client, params):
    rule = {"rule": "site_hook", "action": "queue", "params": params}

    refused = client.put("/v1/policy", json={"thresholds": {}, "rules": [rule]})

    assert refused.json["errors"][0]["pointer"] == f"#/rules/0/params/{next(iter(params))}"


def test_a_policy_asks_once(client):
    rule = {"rule": "site_hook", "action": "queue"}

    refused = client.put("/v1/policy", json={"thresholds": {}, "rules": [rule, rule]})

    assert refused.json["errors"][0]["pointer"] == "#/rules/1/rule"


def test_the_place_in_the_list_is_the_order(app, client, monkeypatch):
    with a_site_that_is_asked(app, client, monkeypatch, at=0) as hook:
        client.put("/v1/posts/2041", json={"comments": "closed"})
        hook.answer = says({"action": "publish"})

        assert post(client)["status"] == "published"
    enable(client)
    assert client.get("/v1/policy").json["rules"][-1]["rule"] == "site_hook"


def test_a_rule_that_only_queues_leaves_the_site_a_say():
    rule = Rule("site_hook", Action.QUEUE, params={"timeout_ms": 500, "dry_run": False})
    policy = Policy(1, {}, [Rule("premoderated_post", Action.QUEUE), Rule("closed_post", Action.REJECT), rule])

    assert hook_to_ask(policy, Facts(**PLAIN, post_mode="premoderated")) is rule
    assert hook_to_ask(policy, Facts(**PLAIN, post_mode="closed")) is None
