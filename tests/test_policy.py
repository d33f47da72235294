import copy

import pytest

from moderation.policy import DEFAULT_RULES, Action, Facts, Policy, Rule, Status, Threshold, decide
from tests.factories import THRESHOLDS, comment

LINES = {"toxicity": Threshold(0.5, 0.9), "spam": Threshold(0.6, 0.95)}
PLAIN = {"characters": 20, "visible_characters": 17}


def verdict(scores, rules=DEFAULT_RULES, **facts):
    return decide(scores, Policy(1, LINES, rules), Facts(**(PLAIN | facts)))


@pytest.mark.parametrize(
    ("toxicity", "spam", "status"),
    [
        (0.0, 0.0, Status.PUBLISHED),
        (0.4999, 0.5999, Status.PUBLISHED),
        (0.5, 0.0, Status.PENDING),
        (0.8999, 0.0, Status.PENDING),
        (0.9, 0.0, Status.REJECTED),
        (0.6, 0.95, Status.REJECTED),
        (1.0, 1.0, Status.REJECTED),
    ],
)
def test_two_lines_a_label_decide(toxicity, spam, status):
    assert verdict({"toxicity": toxicity, "spam": spam}).status is status


@pytest.mark.parametrize(
    ("facts", "status", "code"),
    [
        ({"reader_banned": True}, Status.REJECTED, "banned_reader"),
        ({"post_mode": "closed"}, Status.REJECTED, "closed_post"),
        ({"visible_characters": 0}, Status.REJECTED, "empty"),
        ({"honeypot_filled": True}, Status.REJECTED, "honeypot"),
        ({"characters": 10_001}, Status.REJECTED, "too_long"),
        ({"blocked_words": ["grock"]}, Status.REJECTED, "blocked_word"),
        ({"same_text_by_reader": 1}, Status.REJECTED, "duplicate"),
        ({"post_mode": "premoderated"}, Status.PENDING, "premoderated_post"),
        ({"reader_premoderated": True}, Status.PENDING, "premoderated_reader"),
        ({"same_text_on_site": 3}, Status.PENDING, "repeated_text"),
        ({"links": 4}, Status.PENDING, "too_many_links"),
    ],
)
def test_each_rule_names_itself(facts, status, code):
    found = verdict({}, **facts)

    assert (found.status, [reason.code for reason in found.reasons]) == (status, [code])
    assert found.reasons[0].detail.endswith(".")


def test_the_strictest_action_wins_and_its_reason_comes_first():
    found = verdict({"toxicity": 0.99}, post_mode="premoderated")

    assert found.status is Status.REJECTED
    assert [reason.code for reason in found.reasons] == ["abuse", "premoderated_post"]


def test_a_trusted_role_ends_the_reading():
    rules = [
        Rule("banned_reader", Action.REJECT),
        Rule("trusted_role", Action.PUBLISH, params={"roles": ["staff"]}),
    ]

    assert verdict({"toxicity": 0.99}, rules, reader_roles=["staff"]).status is Status.PUBLISHED
    assert verdict({"toxicity": 0.99}, rules, reader_roles=["member"]).status is Status.REJECTED
    assert verdict({}, rules, reader_roles=["staff"], reader_banned=True).status is Status.REJECTED


@pytest.mark.parametrize(("published", "status"), [(None, Status.PENDING), (0, Status.PENDING), (2, Status.PUBLISHED)])
def test_new_readers_are_looked_at_first(published, status):
    rules = [Rule("new_reader", Action.QUEUE, params={"published_needed": 2})]

    assert verdict({}, rules, reader_published=published).status is status


def test_without_scores_nothing_is_published():
    assert verdict(None).status is Status.PENDING
    assert verdict(None, post_mode="closed").status is Status.REJECTED


def put(client, change):
    policy = client.get("/v1/policy").json
    body = {"thresholds": policy["thresholds"], "rules": copy.deepcopy(policy["rules"])}
    change(body)
    return client.put("/v1/policy", json=body)


def rule(body, name):
    return next(item for item in body["rules"] if item["rule"] == name)


def test_a_new_policy_decides_the_next_comment(client):
    saved = put(client, lambda body: body["thresholds"].update(insult={"publish_below": 0.8, "reject_above": 0.9}))

    decided = client.post("/v1/comments", json=comment("That is silly.")).json

    assert (saved.status_code, saved.json["version"]) == (200, 2)
    assert (decided["status"], decided["policy_version"]) == ("published", 2)


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("A grock!", True),
        ("GROCK", True),
        ("grocks", False),
        ("agrock", False),
        ("Gröck", False),
        ("the Ünwort.", True),
    ],
)
def test_blocked_words_are_whole_words_in_any_script(client, text, blocked):
    put(client, lambda body: rule(body, "blocked_words")["params"].update(words=["grock", "ünwort"]))

    stored = client.post("/v1/comments", json=comment(text)).json

    assert (stored["status"] == "rejected") is blocked


def test_a_hostile_pattern_costs_nothing(client):
    put(client, lambda body: rule(body, "blocked_words")["params"].update(patterns=["(a+)+b"]))

    stored = client.post("/v1/comments", json=comment("a" * 9_000)).json

    assert stored["status"] == "published"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda b: rule(b, "blocked_words")["params"].update(patterns=["ok", "(?=look)"]), "/patterns/1"),
        (lambda b: rule(b, "blocked_words")["params"].update(patterns=["("]), "/patterns/0"),
        (lambda b: rule(b, "too_many_links")["params"].update(max_links=-1), "/params/max_links"),
        (lambda b: rule(b, "too_many_links")["params"].update(max_links=True), "/params/max_links"),
        (lambda b: rule(b, "too_long")["params"].update(most=3), "/params/most"),
        (lambda b: b["rules"].append({"rule": "magic", "action": "queue"}), "/rule"),
        (lambda b: b["rules"].append({"rule": "duplicate", "action": "explode"}), "/action"),
        (
            lambda b: b["thresholds"].update(insult={"publish_below": 0.9, "reject_above": 0.1}),
            "/publish_below",
        ),
        (
            lambda b: b["thresholds"].update(kindness={"publish_below": 0.1, "reject_above": 0.9}),
            "/kindness/key",
        ),
        (lambda b: b["thresholds"].update(insult={"publish_below": 0.1}), "/reject_above"),
    ],
)
def test_a_bad_policy_is_refused_and_changes_nothing(client, change, pointer):
    response = put(client, change)

    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"].endswith(pointer)
    assert client.get("/v1/policy").json["version"] == 1


def test_policies_of_sites_are_apart(client, other):
    put(client, lambda body: body["thresholds"].update(insult={"publish_below": 0.8, "reject_above": 0.9}))

    assert other.get("/v1/policy").json["thresholds"]["insult"] == THRESHOLDS["insult"]
