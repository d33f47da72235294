"""Visitors who did not sign in: a token counts like a reader, is merged once, and is never a fresh allowance."""

import json

import pytest

from moderation.db import db
from moderation.models import Event, MeterAccount
from tests.engagement import access, at, done, problem, sell, subscribe, unlock, url
from tests.meter import (
    DENIED,
    anonymous_access,
    anonymous_view,
    counted,
    merge,
    new_token,
    posts_of,
    read,
    set_meter,
    tell,
    view,
    viewed,
)
from tests.test_bad_input import is_problem


class TestTokens:
    def test_each_is_new_and_says_nothing(self, client, app):
        tokens = {new_token(client) for _ in range(20)}

        assert len(tokens) == 20
        assert {len(token) for token in tokens} == {47}
        assert all(token.startswith("anr_") for token in tokens)
        with app.app_context():
            stored = " ".join(str(vars(row)) for row in db.session.query(MeterAccount))
        assert not any(token in stored for token in tokens)

    def test_the_same_calls_count_for_it(self, client):
        set_meter(client, 2)
        token = new_token(client)
        with at():
            asked = anonymous_access(client, token)
            answers = [anonymous_view(client, token, post) for post in ("2041", "2041", "2042", "2043")]
            denied = anonymous_access(client, token, "2043")

        assert asked == {
            "allowed": True, "because": "meter", "unlock_left": 0, "meter_left": 2, "until": "2031-02-01T00:00:00Z",
        }  # fmt: skip
        assert [answer.status_code for answer in answers] == [201, 200, 201, 409]
        assert answers[0].json == {
            "post_id": "2041", "because": "meter", "meter_left": 1, "until": "2031-02-01T00:00:00Z",
        }  # fmt: skip
        assert problem(answers[3]) == (409, "meter_used_up")
        assert denied == DENIED

    def test_two_tokens_share_nothing(self, client):
        set_meter(client, 1)
        one, two = new_token(client), new_token(client)

        read(client, one, "2041")

        assert anonymous_access(client, two)["meter_left"] == 1
        assert view(client).status_code == 201

    def test_a_free_post_costs_it_nothing(self, client):
        set_meter(client, 1)
        tell(client, "free", free=True)
        token = new_token(client)

        assert anonymous_access(client, token, "free")["because"] == "free_post"
        assert anonymous_view(client, token, "free").status_code == 200
        assert anonymous_access(client, token)["meter_left"] == 1

    def test_without_a_meter_nothing_opens(self, client):
        token = new_token(client)

        assert anonymous_access(client, token) == DENIED | {"meter_left": None}
        assert problem(anonymous_view(client, token)) == (409, "not_metered")

    def test_a_dry_run_makes_and_counts_nothing(self, client, app):
        set_meter(client, 1)
        token = new_token(client)
        before = counted(app)

        made = done(client.post("/v1/anonymous-readers?dry_run=true"))["token"]
        answer = anonymous_view(client, token, query_string={"dry_run": "1"})
        merged = merge(client, token, query_string={"dry_run": "1"})

        assert (answer.status_code, merged.status_code) == (201, 201)
        assert counted(app) == before
        assert client.get(f"/v1/anonymous-readers/{made}/access?post_id=1").status_code == 404

    def test_one_that_is_used_up_tells_no_event(self, client, app):
        set_meter(client, 1)
        token = new_token(client)

        read(client, token, "2041")

        assert counted(app)[2] == 0

    @pytest.mark.parametrize(
        "token", ["anr_none", "anr_" + "A" * 43, "u-77", "%00", "x" * 1_000, "%F0%9F%98%80", "..%2f.."]
    )
    def test_an_unknown_one_is_not_found(self, client, app, token):
        set_meter(client)
        before = counted(app)

        for response in (
            client.get(f"/v1/anonymous-readers/{token}/access?post_id=1"),
            client.post(f"/v1/anonymous-readers/{token}/views", json={"post_id": "1"}),
        ):
            assert is_problem(response)
            assert response.status_code == 404
        assert counted(app) == before

    def test_another_sites_token_is_unknown(self, client, other):
        set_meter(client)
        set_meter(other)
        token = new_token(client)

        assert other.get(f"/v1/anonymous-readers/{token}/access?post_id=1").status_code == 404
        assert anonymous_view(other, token).status_code == 404
        assert merge(other, token).status_code == 404
        assert anonymous_view(client, token).status_code == 201


class TestMerging:
    def test_a_reader_who_signs_in_has_what_both_have_counted(self, client):
        set_meter(client, 5)
        token = new_token(client)
        read(client, token, "1", "2", "3")
        viewed(client, "3")
        viewed(client, "4")

        response = merge(client, token)

        assert (response.status_code, response.json) == (201, {"reader_id": "u-77", "posts_merged": 2})
        assert posts_of(client) == ["1", "2", "3", "4"]
        assert access(client, "5")["meter_left"] == 1
        assert view(client, "1").status_code == 200

    def test_again_into_the_same_reader_changes_nothing(self, client, app):
        set_meter(client, 5)
        token = new_token(client)
        read(client, token, "1")
        merge(client, token)
        before = counted(app)

        response = merge(client, token)

        assert (response.status_code, response.json) == (200, {"reader_id": "u-77", "posts_merged": 0})
        assert counted(app) == before

    def test_into_another_reader_is_refused_and_changes_nothing(self, client, app):
        set_meter(client, 5)
        token = new_token(client)
        read(client, token, "1")
        merge(client, token)
        before = counted(app)

        response = merge(client, token, "u-78")

        assert problem(response) == (409, "anonymous_reader_merged")
        assert counted(app) == before
        assert access(client, reader="u-78")["meter_left"] == 5

    def test_a_merged_token_is_never_a_fresh_allowance(self, client):
        set_meter(client, 5)
        tell(client, "free", free=True)
        token = new_token(client)
        read(client, token, "1")
        merge(client, token)

        assert anonymous_access(client, token, "1") == DENIED
        assert anonymous_access(client, token, "2") == DENIED
        assert problem(anonymous_view(client, token, "2")) == (409, "anonymous_reader_merged")
        assert anonymous_view(client, token, "free").status_code == 200

    def test_in_the_next_window_it_still_is_none(self, client):
        set_meter(client, 5)
        with at():
            token = new_token(client)
            read(client, token, "1")
            merge(client, token)
        with at(days=40):
            assert anonymous_access(client, token, "1") == DENIED
            assert anonymous_view(client, token).status_code == 409
            assert view(client).status_code == 201

    def test_a_token_that_read_nothing_is_merged_too(self, client):
        set_meter(client, 5)
        token = new_token(client)

        assert merge(client, token).json["posts_merged"] == 0
        assert anonymous_view(client, token).status_code == 409

    def test_more_than_the_meter_gives_stays_open_and_leaves_none(self, client, app):
        set_meter(client, 2)
        token = new_token(client)
        read(client, token, "1", "2")
        viewed(client, "3")

        merge(client, token)

        assert [access(client, post)["because"] for post in ("1", "2", "3", "4")] == ["meter"] * 3 + ["none"]
        assert access(client)["meter_left"] == 0
        with app.app_context():
            told = [json.loads(event.body)["data"] for event in db.session.query(Event).filter_by(type="meter.used_up")]
        assert [data["reader_id"] for data in told] == ["u-77"]

    def test_what_has_closed_is_not_merged(self, client):
        set_meter(client, 5)
        with at():
            token = new_token(client)
            read(client, token, "1", "2")
        with at(days=20):
            read(client, token, "3")

            assert merge(client, token).json["posts_merged"] == 1
            assert access(client)["meter_left"] == 4

    def test_of_the_same_post_the_longer_promise_is_kept(self, client):
        set_meter(client, 5, 10)
        with at():
            viewed(client, "1")
        with at(days=4):
            token = new_token(client)
            read(client, token, "1")
            merge(client, token)

            assert access(client, "1")["until"] == "2031-02-14T10:00:00Z"
            assert access(client, "2")["meter_left"] == 4

    def test_each_section_keeps_its_own_count(self, client):
        set_meter(client, 2, sport=2)
        tell(client, "s1", section="sport")
        token = new_token(client)
        read(client, token, "s1", "c1")

        merge(client, token)

        assert (access(client, "s1")["meter_left"], access(client, "c1")["meter_left"]) == (1, 1)

    def test_two_browsers_of_one_reader_are_merged_one_after_the_other(self, client):
        set_meter(client, 5)
        tokens = [new_token(client) for _ in range(2)]
        read(client, tokens[0], "1", "2")
        read(client, tokens[1], "2", "3")

        assert [merge(client, token).json["posts_merged"] for token in tokens] == [2, 1]
        assert posts_of(client) == ["1", "2", "3"]

    def test_a_subscribers_token_is_merged_without_touching_the_subscription(self, client):
        set_meter(client, 5)
        sell(client)
        subscribe(client)
        token = new_token(client)
        read(client, token, "1")

        assert merge(client, token).status_code == 201
        assert access(client, "1")["because"] == "subscription"

    @pytest.mark.parametrize(
        "body", [{}, {"anonymous": ""}, {"anonymous": 5}, {"anonymous": "a\x00"}, {"token": "x"}, []]
    )
    def test_a_wrong_body_is_refused(self, client, app, body):
        before = counted(app)

        response = client.post(url("/merge"), data=json.dumps(body), content_type="application/json")

        assert problem(response) == (422, "validation_failed")
        assert counted(app) == before

    def test_an_unknown_token_makes_no_reader(self, client, app):
        before = counted(app)

        assert problem(merge(client, "anr_none")) == (404, "not_found")
        assert counted(app) == before

    def test_a_repeated_idempotency_key_is_answered_as_before(self, client):
        set_meter(client, 5)
        token = new_token(client)
        read(client, token, "1")
        headers = {"Idempotency-Key": "k-1"}

        first, again = (merge(client, token, headers=headers) for _ in range(2))

        assert (first.status_code, again.status_code) == (201, 201)
        assert first.data == again.data


def test_an_unlock_is_not_for_tokens(client):
    token = new_token(client)
    done(client.post(url("/grants", token), json={"unlocks": 1, "kind": "gift"}))
    unlock(client, "2041", token)

    # A reader whose id reads like a token is another one: the site's ids and tokens never meet.
    assert anonymous_access(client, token)["allowed"] is False
