"""Standing: earned by approved replies over time, lost by rejections, never bought."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.policy import Action, Facts, Policy, Rule, Status, Threshold, decide
from moderation.policy.standing import Reply, figure
from tests.desk import status_of, submit
from tests.engagement import give, overview, sell, subscribe, unlock
from tests.test_query_plans import plan_of, scans, statements_of

TODAY = date(2026, 11, 23)
LONG = "Good news for everyone who commutes by bridge."


def reply(days_ago=0, *, published=True, by_people=True, characters=60, text=None):
    day = TODAY - timedelta(days=days_ago)
    return Reply(day, published, by_people, characters, text or f"{days_ago} {published} {characters}")


def rejected(days_ago=0, **more):
    return reply(days_ago, published=False, **more)


@pytest.mark.parametrize(
    ("replies", "points"),
    [
        pytest.param([], 0, id="nobody"),
        pytest.param([reply()], 1, id="a day on which people approved"),
        pytest.param([reply(by_people=False)], 0.5, id="a day on which the policy alone did"),
        pytest.param([reply(text=str(n), by_people=n == 7) for n in range(500)], 1, id="one day counts once"),
        pytest.param([reply(n, characters=2) for n in range(365)], 0, id="ok, every day of a year"),
        pytest.param([reply(n, text="the same") for n in range(91)], 0.5, id="the same text counts when it was new"),
        pytest.param([reply(90)], 0.5, id="half of it fades in 90 days"),
        pytest.param([reply(-3)], 1, id="a day that is still to come is as today"),
        pytest.param([reply(n) for n in range(30)], 26.9, id="a month of approved days"),
        pytest.param(
            [*(reply(n) for n in range(30)), rejected(), rejected(by_people=False)], 22.4, id="two rejections"
        ),
        pytest.param([rejected(text=str(n)) for n in range(9)] + [reply()], 0, id="never below nothing"),
        pytest.param([rejected(180), reply(0)], 0.2, id="a loss fades, too"),
    ],
)
def test_the_formula(replies, points):
    assert figure(replies, TODAY).points == points


REPLIES = st.lists(
    st.builds(
        Reply, st.integers(0, 400).map(lambda n: TODAY - timedelta(days=n)), st.booleans(), st.booleans(),
        st.integers(0, 90), st.sampled_from("abcdefgh"),
    ),
    max_size=30,
)  # fmt: skip


@given(REPLIES, st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_of_the_rows_does_not_matter_and_a_rejection_never_helps(replies, random):
    shuffled = list(replies)
    random.shuffle(shuffled)

    before = figure(replies, TODAY)

    assert figure(shuffled, TODAY) == before
    assert 0 <= figure([*replies, rejected()], TODAY).points <= before.points
    assert before.points <= len({one.day for one in replies})


LINES = {"insult": Threshold(0.5, 0.9), "spam": Threshold(0.6, 0.7)}
TRUST = Rule("trusted_reader", Action.PUBLISH, params={"standing_needed": 20, "score_below": 0.8})


@pytest.mark.parametrize(
    ("scores", "standing", "status"),
    [
        ({"insult": 0.7}, 20, Status.PUBLISHED),
        ({"insult": 0.7}, 19.9, Status.PENDING),
        ({"insult": 0.7}, None, Status.PENDING),
        ({"insult": 0.8}, 99, Status.PENDING),
        ({"insult": 0.95}, 99, Status.REJECTED),
        ({"insult": 0.6, "spam": 0.75}, 99, Status.REJECTED),
        (None, 99, Status.PENDING),
    ],
)
def test_a_trusted_reader_skips_the_queue_below_the_line_and_no_reject_line(scores, standing, status):
    verdict = decide(scores, Policy(1, LINES, [TRUST]), Facts(20, 17, reader_standing=standing))

    assert verdict.status is status


def test_what_an_earlier_rule_queues_waits_for_a_trusted_reader_too():
    rules = [Rule("premoderated_post", Action.QUEUE), TRUST]

    verdict = decide(
        {"insult": 0.7}, Policy(1, LINES, rules), Facts(20, 17, post_mode="premoderated", reader_standing=50)
    )

    assert (verdict.status, [it.code for it in verdict.reasons]) == (
        Status.PENDING, ["premoderated_post", "trusted_reader"],
    )  # fmt: skip
    assert "0.70 would wait for people; below 0.80" in verdict.reasons[1].detail


def test_nobody_earns_by_a_calm_text_and_no_reason_is_told_for_it():
    verdict = decide({"insult": 0.1}, Policy(1, LINES, [TRUST]), Facts(20, 17, reader_standing=50))

    assert (verdict.status, verdict.reasons) == (Status.PUBLISHED, [])


def on_days(client, app, count, text=LONG, **changes):
    """Published replies of ``u-77`` on so many days up to today, as the site tells their time."""
    now = datetime.now(UTC)
    for n in range(count):
        moment = (now - timedelta(days=n)).isoformat()
        body = submit(client, f"{text} {n}", created_at=moment, **changes)
        assert body["status"] == "published"


def points(client):
    return overview(client)["standing"]["points"]


def test_it_is_lost_by_a_rejection_and_an_undo_and_a_won_appeal_give_it_back(jo, sam, client, app):
    on_days(client, app, 8)
    before = points(client)
    id = submit(client, "That is silly, and long enough.")["id"]
    jo.open(id)
    jo.decide(id, reason="abuse")
    lost = points(client)
    jo.post("/demo/undo")
    undone = points(client)
    jo.decide(id, reason="abuse")
    client.post(f"/v1/comments/{id}/appeals", json={"reader": {"id": "u-77"}, "text": "It was a quote."})
    sam.open(id, "appeals")
    sam.decide(id, do="overturn")

    assert (before, undone, round(before - lost, 1)) == (3.9, before, 3.0)
    assert overview(client)["standing"] | {"points": 0} == {
        "banned": False, "banned_until": None, "ban_reason": "", "premoderated": False, "points": 0,
        "days_approved": 8, "rejections": 0,
    }  # fmt: skip
    assert points(client) == before + 0.5  # the appeal's comment is of today, and people approved it


def test_a_rejection_stays_when_its_author_deletes_the_reply_and_an_approval_does_not(jo, client, app):
    on_days(client, app, 8)
    good = submit(client, f"{LONG} Once more.", created_at="2026-01-05T10:00:00Z")["id"]
    bad = submit(client, "You idiot, and long enough.")["id"]
    before = overview(client)["standing"]

    client.delete(f"/v1/comments/{good}")
    client.delete(f"/v1/comments/{bad}")

    after = overview(client)["standing"]
    assert (before["rejections"], after["rejections"]) == (1, 1)
    assert after["days_approved"] == before["days_approved"] - 1


def test_a_rule_alone_takes_nothing(client, app):
    on_days(client, app, 3)
    before = points(client)
    client.put("/v1/posts/2041", json={"comments": "closed"})

    assert submit(client, f"{LONG} Too late.")["status"] == "rejected"
    assert points(client) == before


def test_it_is_never_bought(client, app):
    on_days(client, app, 3)
    before = points(client)
    sell(client)
    give(client, 50, "u-77")
    subscribe(client, "monthly", "u-77")
    unlock(client, "2041", "u-77")

    assert points(client) == before
    assert overview(client, "u-78")["standing"]["points"] == 0


def trust(client, **params):
    policy = client.get("/v1/policy").json
    rules = [
        it | {"enabled": True, "params": params} if it["rule"] == "trusted_reader" else it for it in policy["rules"]
    ]
    answer = client.put("/v1/policy", json={"thresholds": policy["thresholds"], "rules": rules})
    assert answer.status_code == 200, answer.json


def test_a_policy_that_trusts_lets_the_next_reply_through(client, app):
    on_days(client, app, 12)
    assert submit(client)["status"] == "pending"
    trust(client, standing_needed=5, score_below=0.8)

    mine = submit(client, "That is silly, too.")
    another = submit(client, "That is silly, as well.", reader={"id": "u-78"})

    assert (mine["status"], mine["reasons"][0]["code"]) == ("published", "trusted_reader")
    assert another["status"] == "pending"
    # An edit does not count the reply that is edited.
    assert (
        client.put(f"/v1/comments/{mine['id']}", json={"text": "That is rather silly."}).json["status"] == "published"
    )
    assert status_of(client, another["id"]) == "pending"


@pytest.mark.parametrize("params", [{"standing_needed": 0}, {"score_below": 1.5}, {"score_below": True}, {"points": 3}])
def test_a_rule_of_trust_that_makes_no_sense_is_refused(client, params):
    rule = {"rule": "trusted_reader", "action": "publish", "params": params}

    refused = client.put("/v1/policy", json={"thresholds": {}, "rules": [rule]})

    assert refused.json["errors"][0]["pointer"] == f"#/rules/0/params/{next(iter(params))}"


def test_the_card_and_the_readers_page_show_what_it_is_made_of(jo, client, app):
    on_days(client, app, 3)
    id = submit(client)["id"]
    told = "<b>Standing 1.5</b>, of 3 days with approved replies and 0 rejections in a year"

    assert told in jo.open(id).text
    assert told in jo.get("/demo/readers/u-77").text
    assert "nothing in a year that would count yet" in jo.open(submit(client, reader={"id": "u-new"})["id"]).text


def test_the_policy_asks_for_it_once_a_comment_and_by_the_readers_own_index(client, app):
    on_days(client, app, 2)
    trust(client, standing_needed=5)

    told = [one for one in statements_of(app, lambda: submit(client)) if "date(comment.created_at)" in one[0]]

    plan = plan_of(app, *told[0])
    assert len(told) == 1
    assert scans(plan) == []
    # PostgreSQL takes any index while the rows are as few as here.
    named = "ix_comment_reader" if app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite") else "ndex"
    assert [step for step in plan if named in step], plan
