"""Counting: a post counts once a window, nothing is spent without need, and never more than the rule gives."""

import json

import pytest

from moderation.db import db
from moderation.models import Allowance, Event, MeterAccount, Reader
from tests.engagement import access, at, done, give, problem, sell, subscribe, turn, unlock, url
from tests.meter import counted, set_meter, tell, view, viewed
from tests.test_bad_input import is_problem

END = "2031-02-01T00:00:00Z"


def told(app):
    with app.app_context():
        found = db.session.query(Event).filter_by(type="meter.used_up").order_by(Event.id)
        return [json.loads(event.body)["data"] for event in found]


class TestCounting:
    def test_a_view_is_counted_once_and_access_says_so(self, client):
        set_meter(client, 2)
        with at():
            before = access(client)
            first, again = view(client), view(client)
            after = access(client)

        assert before == {"allowed": True, "because": "meter", "unlock_left": 0, "meter_left": 2, "until": END}
        assert first.status_code == 201
        assert first.json == {"post_id": "2041", "because": "meter", "meter_left": 1, "until": END}
        assert (again.status_code, again.json) == (200, first.json)
        assert after == before | {"meter_left": 1}

    def test_asking_counts_nothing_and_costs_no_row(self, client, app):
        set_meter(client, 1)
        before = counted(app)

        for n in range(5):
            assert access(client, f"post-{n}", "nobody")["allowed"] is True

        assert counted(app) == before
        with app.app_context():
            assert [db.session.query(model).count() for model in (Allowance, Reader)] == [0, 0]

    def test_what_is_used_up_is_refused_and_says_when_it_is_not(self, client):
        set_meter(client, 1)
        with at():
            viewed(client)
            response = view(client, "2042")
            denied = access(client, "2042")

        assert problem(response) == (409, "meter_used_up")
        assert (response.json["meter_left"], response.json["renews_at"]) == (0, END)
        assert is_problem(response)
        assert denied == {"allowed": False, "because": "none", "unlock_left": 0, "meter_left": 0, "until": None}

    def test_a_counted_post_stays_open_when_the_meter_is_used_up(self, client):
        set_meter(client, 1)
        viewed(client)

        assert access(client) | {"until": None} == {
            "allowed": True, "because": "meter", "unlock_left": 0, "meter_left": 0, "until": None,
        }  # fmt: skip
        assert view(client).status_code == 200

    def test_a_dry_run_counts_nothing_and_says_what_it_would(self, client, app):
        set_meter(client, 1)
        before = counted(app)

        answers = [view(client, post, query_string={"dry_run": "true"}) for post in ("2041", "2042")]

        assert [(answer.status_code, answer.json["meter_left"]) for answer in answers] == [(201, 0), (201, 0)]
        assert counted(app) == before

    def test_a_repeated_idempotency_key_is_answered_as_before(self, client, app):
        set_meter(client, 2)
        headers = {"Idempotency-Key": "k-1"}

        first = view(client, headers=headers)
        view(client, "2042")
        again = view(client, headers=headers)

        assert (again.status_code, again.data) == (201, first.data)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert counted(app)[0] == 2

    @pytest.mark.parametrize(
        "body", [{}, {"post_id": ""}, {"post_id": "a\x00"}, {"post_id": "p" * 256}, {"post": "1"}, []]
    )
    def test_a_view_of_no_post_is_refused(self, client, app, body):
        set_meter(client)
        before = counted(app)

        response = client.post(url("/views"), data=json.dumps(body), content_type="application/json")

        assert problem(response) == (422, "validation_failed")
        assert counted(app) == before

    def test_a_smaller_meter_takes_nothing_away(self, client):
        set_meter(client, 3)
        for post in ("1", "2", "3"):
            viewed(client, post)

        set_meter(client, 1)

        assert [access(client, post)["because"] for post in ("1", "2", "3", "4")] == ["meter"] * 3 + ["none"]
        assert access(client)["meter_left"] == 0

    def test_a_smaller_meter_renews_when_enough_windows_have_ended(self, client):
        set_meter(client, 3, 10)
        for day in range(3):
            with at(days=day):
                viewed(client, f"post-{day}")
        set_meter(client, 2, 10)
        with at(days=3):
            response = view(client)

        assert response.json["renews_at"] == "2031-02-11T10:00:00Z"
        with at(days=11):
            assert view(client).status_code == 201

    def test_nothing_free_never_renews(self, client):
        set_meter(client, 0)

        assert view(client).json["renews_at"] is None
        assert access(client)["meter_left"] == 0


class TestGrounds:
    def test_a_post_that_something_else_opens_spends_nothing(self, client, app):
        set_meter(client, 1)
        sell(client)
        tell(client, "free", free=True)
        give(client, 1, "unlocker")
        unlock(client, "2041", "unlocker")
        subscribe(client, reader="subscriber")

        answers = [view(client, "free"), view(client, reader="unlocker"), view(client, reader="subscriber")]

        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert [answer.json["because"] for answer in answers] == ["free_post", "unlocked", "subscription"]
        assert [answer.json["meter_left"] for answer in answers] == [1, 1, 1]
        assert counted(app)[:2] == [0, 0]

    def test_of_several_grounds_the_meter_is_the_last(self, client):
        set_meter(client, 1)
        sell(client)
        give(client, 1)
        viewed(client)
        named = [access(client)["because"]]
        for step in (unlock, subscribe, lambda client: tell(client, "2041", free=True)):
            step(client)
            named.append(access(client)["because"])

        assert named == ["meter", "unlocked", "subscription", "free_post"]

    def test_when_paid_time_ends_the_meter_is_asked_again(self, client):
        set_meter(client, 1)
        sell(client)
        subscribe(client)
        view(client)

        turn(client, "cancel", at="now")

        assert (access(client)["because"], access(client)["meter_left"]) == ("meter", 1)

    def test_a_plan_that_does_not_open_the_post_leaves_the_meter(self, client):
        set_meter(client, 1)
        sell(client, opens={"sections": ["sport"]})
        subscribe(client)

        assert view(client).status_code == 201
        assert view(client, "2042").status_code == 409

    def test_a_banned_reader_keeps_what_they_paid_for_and_what_is_free(self, client, jo):
        set_meter(client, 1)
        sell(client, may_comment=True)
        subscribe(client, reader="payer")
        done(client.post("/v1/comments", json={"post": {"id": "1"}, "reader": {"id": "u-77"}, "text": "Words."}))
        done(client.post("/v1/comments", json={"post": {"id": "1"}, "reader": {"id": "payer"}, "text": "Other."}))
        jo.get("/demo/queues/pending")
        for reader in ("u-77", "payer"):
            jo.post(f"/demo/standing/{reader}", do="ban", days="7", reason="Threats.")
            assert client.get(url("", reader)).json["standing"]["banned"] is True

        assert (access(client)["because"], access(client, reader="payer")["because"]) == ("meter", "subscription")
        assert view(client).status_code == 201


class TestSections:
    def test_a_post_is_counted_by_its_sections_own_rule_or_by_the_general_one(self, client):
        set_meter(client, 1, sport=2, money=0)
        for post, section in (("s1", "sport"), ("s2", "sport"), ("s3", "sport"), ("m1", "money"), ("c1", "city")):
            tell(client, post, section=section)

        answers = {post: view(client, post) for post in ("s1", "s2", "s3", "m1", "c1", "never-named")}

        assert [answer.status_code for answer in answers.values()] == [201, 201, 409, 409, 201, 409]
        assert {answer.json["meter_left"] for answer in answers.values()} == {0, 1}
        assert access(client, "s1")["meter_left"] == 0

    def test_without_a_general_rule_only_named_sections_are_metered(self, client):
        set_meter(client, None, sport=1)
        tell(client, "s1", section="sport")

        assert view(client, "s1").status_code == 201
        assert problem(view(client, "c1")) == (409, "not_metered")
        assert access(client, "c1") == {
            "allowed": False, "because": "none", "unlock_left": 0, "meter_left": None, "until": None,
        }  # fmt: skip

    def test_a_section_is_named_exactly(self, client):
        set_meter(client, 5, sport=0)
        tell(client, "s1", section="Sport")

        assert access(client, "s1")["meter_left"] == 5

    def test_a_counted_post_stays_open_in_another_section(self, client):
        set_meter(client, 1, money=0)
        viewed(client)

        tell(client, "2041", section="money")

        assert (access(client)["because"], access(client)["meter_left"]) == ("meter", 0)
        assert view(client).status_code == 200
        assert access(client, "2042")["meter_left"] == 0


class TestTelling:
    def test_a_reader_who_has_used_it_up_is_told_of_once_a_window(self, client, app):
        set_meter(client, 2)
        with at():
            for post in ("1", "2", "3", "2"):
                view(client, post)
            set_meter(client, 3)
            viewed(client, "3")
        with at(days=1):
            for post in ("1", "2"):
                viewed(client, post)
            before = len(told(app))
            viewed(client, "3")

        first, second = told(app)
        assert before == 1
        assert first | {"id": "", "version": 0} == {
            "id": "", "version": 0, "reader_id": "u-77", "section": None, "posts": 2, "renews_at": END,
        }  # fmt: skip
        assert (second["posts"], second["renews_at"]) == (3, "2031-03-01T00:00:00Z")
        assert first["id"] == second["id"]
        assert first["version"] < second["version"]

    def test_a_rolling_meter_does_not_tell_again_at_every_view(self, client, app):
        set_meter(client, 2, 10)
        for day in range(0, 40, 5):
            with at(days=day):
                assert view(client, f"post-{day}").status_code == 201

        assert len(told(app)) <= 4

    def test_each_rule_tells_by_itself(self, client, app):
        set_meter(client, 1, sport=1)
        tell(client, "s1", section="sport")
        viewed(client, "s1")
        viewed(client, "c1")

        assert [data["section"] for data in told(app)] == ["sport", None]

    def test_a_dry_run_tells_nothing(self, client, app):
        set_meter(client, 1)

        view(client, query_string={"dry_run": "true"})

        assert told(app) == []


def test_the_first_view_makes_the_reader(client, app):
    set_meter(client)

    viewed(client, reader="newcomer")

    with app.app_context():
        assert db.session.get(Reader, (db.session.query(MeterAccount).one().site_id, "newcomer")) is not None
