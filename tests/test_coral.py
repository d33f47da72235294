"""Coral's external moderation phase: signed questions, answered in Coral's words."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from moderation import coral, worker
from moderation.db import db
from moderation.models import CoralAnswer, utc_now
from moderation.policy import Status
from tests.coral_site import ADDRESS, HOOK_SECRET, SECRET, ask, request_of, send, set_up, signature, tell

EXAMPLE = """{
  "action": "NEW",
  "comment": {
    "body": "You are a clown.",
    "parentID": null
  },
  "author": {
    "id": "a1",
    "role": "COMMENTER"
  },
  "story": {
    "id": "s1",
    "url": "https://news.example/a"
  },
  "site": {
    "id": "site1"
  },
  "tenantID": "t1",
  "tenantDomain": "coral.example"
}"""
TOXIC = {"actionType": "FLAG", "reason": "COMMENT_DETECTED_TOXIC"}
SPAM = {"actionType": "FLAG", "reason": "COMMENT_DETECTED_SPAM"}


@pytest.fixture
def coral_site(app, client):
    set_up(app)
    return app.test_client()


def comments(client):
    return client.get("/v1/comments").json["items"]


def stored_answers(app):
    with app.app_context():
        return db.session.scalar(sa.select(sa.func.count()).select_from(CoralAnswer))


def test_the_signature_of_the_worked_example_is_believed():
    header = "sha256=44b836c7837dad07b1f5e01bee4b7a4dba714c321cdf087f753b582dcc2e87b9"

    assert coral.is_signed(header, EXAMPLE.encode(), ["empsec_example"])
    assert not coral.is_signed(header, EXAMPLE.encode() + b"\n", ["empsec_example"])
    assert not coral.is_signed(header, EXAMPLE.encode(), ["empsec_other"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Good news for everyone who commutes.", None),
        ("You silly person.", {"status": "SYSTEM_WITHHELD", "actions": [TOXIC]}),
        (
            "You idiot.",
            {
                "status": "REJECTED",
                "actions": [TOXIC],
                "moderationAction": {"status": "REJECTED", "rejectionReason": {"code": "ABUSIVE"}},
            },
        ),
        (
            "buypills now",
            {
                "status": "REJECTED",
                "actions": [SPAM],
                "moderationAction": {"status": "REJECTED", "rejectionReason": {"code": "SPAM"}},
            },
        ),
        ("http://a.example http://b.example http://c.example http://d.example", {"status": "PREMOD"}),
        ("", None),
        ("<p></p>", None),
    ],
)
def test_a_verdict_is_said_in_corals_words(coral_site, text, said):
    assert ask(coral_site, text) == said


@pytest.mark.parametrize(
    ("reasons", "code"),
    [
        ([{"code": "abuse", "label": "identity_attack", "detail": "x"}], {"code": "HATE_SPEECH"}),
        ([{"code": "abuse", "label": "obscene", "detail": "x"}], {"code": "OFFENSIVE"}),
        ([{"code": "abuse", "label": "threat", "detail": "x"}], {"code": "ABUSIVE"}),
        ([{"code": "blocked_word", "detail": "x"}], {"code": "BANNED_WORD"}),
        ([{"code": "too_long", "detail": "Too long."}], {"code": "OTHER", "customReason": "Too long."}),
        (
            [{"code": "too_long", "detail": "x"}, {"code": "spam", "detail": "y"}],
            {"code": "OTHER", "customReason": "x"},
        ),
        ([], {"code": "OTHER"}),
    ],
)
def test_a_rejection_has_the_code_of_what_weighs_most(reasons, code):
    said = coral.answer(Status.REJECTED, reasons)

    assert said["moderationAction"]["rejectionReason"] == code


def test_html_is_read_as_a_reader_reads_it(coral_site):
    assert ask(coral_site, "<div>You sil<b>ly</b> person.<br></div>")["status"] == "SYSTEM_WITHHELD"


@pytest.mark.parametrize("secret", [SECRET, HOOK_SECRET])
def test_any_of_the_secrets_is_enough_while_one_is_rolled(coral_site, secret):
    raw = json.dumps(request_of(), indent=2).encode()

    answer = send(coral_site, raw, header=signature(raw, "empsec_unknown", secret))

    assert answer.status_code == 204


@pytest.mark.parametrize(
    "header",
    ["", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "0" * 64, "sha256=\xe9" + "0" * 63, "sha256=," * 5_000],
)
def test_a_bad_signature_is_401_and_leaves_nothing_behind(app, client, coral_site, header):
    answer = send(coral_site, request_of("You idiot."), header=header)

    assert (answer.status_code, answer.json["code"]) == (401, "signature_unknown")
    assert answer.content_type == "application/problem+json"
    assert stored_answers(app) == 0


@pytest.mark.parametrize("site", ["other", "nobody", "d%00mo", "x" * 1_000])
def test_a_site_believes_its_own_secrets_only(coral_site, site):
    answer = send(coral_site, request_of(), address=f"/integrations/coral/{site}")

    assert (answer.status_code, answer.json["code"]) == (401, "signature_unknown")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 400), (b"null", 400), (b"[" * 100_000, 400), (b"\xff\xfe", 400),
        (b"1" * 10_000, 400), (b'{"comment": 7}', 422), (b'{"comment": {"body": null}}', 422), (b"{}", 422),
        (b'{"comment": {"body": "Good news."}}', 204),
        (b'{"comment": {"body": "Good news.", "parentID": 7}, "author": [], "story": "s", "more": 1e999}', 204),
        (b'{"comment": {"body": "\\ud800\\u0000 news"}, "author": {"id": "\\u0000"}}', 204),
    ],
)  # fmt: skip
def test_what_is_signed_and_odd_is_never_a_fault_of_ours(app, client, coral_site, raw, status):
    answer = send(coral_site, raw)

    assert answer.status_code == status
    assert comments(client) == []
    assert stored_answers(app) == int(status == 204)


def test_ids_of_any_length_and_texts_of_any_size_are_answered(app, client):
    set_up(app, url="http://127.0.0.1:9", decides="desk")
    long = {"author": {"id": "a" * 5_000, "role": "R" * 5_000}, "story": {"id": "s" * 5_000, "url": "u" * 9_000}}

    assert ask(app.test_client(), "silly " * 100_000, **long)["status"] == "REJECTED"
    assert len(comments(client)[0]["text"]) == 50_000


@pytest.mark.parametrize("decides", ["coral", "desk"])
def test_the_same_question_within_ten_minutes_has_the_same_answer_and_no_second_comment(app, client, decides):
    set_up(app, url="http://127.0.0.1:9", decides=decides)
    coral_site = app.test_client()
    first = ask(coral_site, "You silly person.")
    app.extensions["scoring"].scores_nothing = True
    try:
        again = ask(coral_site, "You silly person.")
    finally:
        app.extensions["scoring"].scores_nothing = False

    assert again == first
    assert len(comments(client)) == (1 if decides == "desk" else 0)


def test_after_ten_minutes_it_is_a_new_question_and_the_answer_is_forgotten(app, coral_site):
    ask(coral_site, "You silly person.")

    with time_machine.travel(utc_now() + timedelta(minutes=10, seconds=1)):
        worker.do_chores(app)
        kept = stored_answers(app)
        again = ask(coral_site, "You silly person.")

    assert kept == 0
    assert again["status"] == "SYSTEM_WITHHELD"


@pytest.mark.parametrize(
    "changes", [{"tenantID": "t2"}, {"story": {"id": "s2"}}, {"author": {"id": "a2"}}, {"action": "EDIT"}]
)
def test_another_tenant_story_author_or_action_is_another_question(app, coral_site, changes):
    ask(coral_site, "You silly person.")

    ask(coral_site, "You silly person.", **changes)

    assert stored_answers(app) == 2


def test_where_coral_decides_nothing_is_stored_but_the_answer(client, coral_site):
    ask(coral_site, "You silly person.")

    assert comments(client) == []
    assert client.get("/v1/queue").json["items"] == []


def test_the_encoder_has_no_more_time_than_the_budget_leaves(app, coral_site):
    app.config["CORAL_BUDGET_MS"] = 300
    ask(coral_site)
    app.config["CORAL_BUDGET_MS"] = 800

    assert 0.0 < app.extensions["scoring"].within_seconds <= 0.2


def test_without_a_model_a_comment_is_held_for_people(app, coral_site):
    app.extensions["scoring"].scores_nothing = True
    try:
        said = ask(coral_site)
    finally:
        app.extensions["scoring"].scores_nothing = False

    assert said == {"status": "PREMOD"}


def test_a_dry_run_answers_and_keeps_nothing(app, coral_site):
    answer = send(coral_site, request_of("You silly person."), address=f"{ADDRESS}?dry_run=true")

    assert answer.json["status"] == "SYSTEM_WITHHELD"
    assert stored_answers(app) == 0


def test_a_role_can_be_trusted_by_the_sites_rules(app, client, coral_site):
    policy = client.get("/v1/policy").json
    rules = [rule | {"enabled": True} if rule["rule"] == "trusted_role" else rule for rule in policy["rules"]]
    changed = client.put("/v1/policy", json={"thresholds": policy["thresholds"], "rules": rules})
    assert changed.status_code == 200, changed.json

    assert ask(coral_site, "You idiot.", author={"id": "e1", "role": "STAFF"}) is None
    assert ask(coral_site, "You idiot.", author={"id": "e2", "role": "COMMENTER"})["status"] == "REJECTED"


def test_a_webhook_without_an_api_token_is_taken_and_let_go(coral_site):
    assert tell(coral_site) is False
