from datetime import timedelta

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.models import Allowance
from tests.engagement import (
    START,
    access,
    at,
    configure,
    events,
    give,
    ledger,
    left,
    problem,
    rows,
    unlock,
    url,
)


class TestUnlocking:
    def test_an_unlock_spends_one(self, client):
        give(client, 2)

        response = client.post(url("/unlocks"), json={"post_id": "2041"})

        assert response.status_code == 201
        assert set(response.json) == {"id", "post_id", "unlock_left", "unlocked_at", "expires_at"}
        assert (response.json["post_id"], response.json["unlock_left"]) == ("2041", 1)
        assert response.json["id"].startswith("unl_")
        assert access(client)["because"] == "unlocked"

    def test_an_open_post_costs_nothing(self, client):
        give(client, 2)
        first = unlock(client)

        again = client.post(url("/unlocks"), json={"post_id": "2041"})

        assert (again.status_code, again.json) == (200, first)
        assert len(ledger(client)) == 2

    def test_without_unlocks_nothing_opens(self, client, app):
        before = rows(app)

        response = client.post(url("/unlocks"), json={"post_id": "2041"})

        assert problem(response) == (409, "no_unlocks_left")
        assert response.json["unlock_left"] == 0
        assert access(client)["allowed"] is False
        assert rows(app) == before

    def test_what_has_run_out_opens_nothing_even_before_the_worker_came(self, client):
        with at():
            give(client, 3, expires_at=(START + timedelta(days=1)).isoformat())

        with at(days=1):
            response = client.post(url("/unlocks"), json={"post_id": "2041"})

        assert problem(response) == (409, "no_unlocks_left")

    def test_an_account_that_is_empty_opens_nothing_whatever_its_grants_say(self, client, app):
        give(client, 1)
        with app.app_context():
            db.session.execute(sa.update(Allowance).values(unlocks_left=0))
            db.session.commit()

        response = client.post(url("/unlocks"), json={"post_id": "2041"})

        assert problem(response) == (409, "no_unlocks_left")

    def test_what_runs_out_first_is_spent_first(self, client):
        # At three moments, so that the order of the grants is not that of their ends.
        for hour, days in enumerate((None, 9, 3)):
            with at(hours=hour):
                give(client, 1, expires_at=days and (START + timedelta(days=days)).isoformat())
        with at(hours=3):
            unlock(client, "a")
            unlock(client, "b")

        with at(days=10):
            assert left(client) == 1
            assert [item["kind"] for item in ledger(client)] == ["grant"] * 3 + ["unlock"] * 2

    def test_the_event_and_the_audit_row_come_with_it(self, client, app):
        give(client, 2)
        before = rows(app)

        opened = unlock(client)

        assert [after - once for after, once in zip(rows(app), before, strict=True)] == [0, 1, 1, 1, 1]
        [told] = events(app, "unlock.created")
        assert (told["id"], told["reader_id"], told["unlock_left"]) == (opened["id"], "u-77", 1)

    def test_a_repeated_idempotency_key_gets_the_first_answer(self, client):
        give(client, 2)
        headers = {"Idempotency-Key": "k-1"}
        first = client.post(url("/unlocks"), json={"post_id": "2041"}, headers=headers)

        again = client.post(url("/unlocks"), json={"post_id": "2041"}, headers=headers)
        other = client.post(url("/unlocks"), json={"post_id": "9"}, headers=headers)

        assert (again.status_code, again.data) == (201, first.data)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert problem(other) == (422, "idempotency_key_reused")
        assert left(client) == 1

    def test_a_key_that_met_an_empty_account_works_after_a_grant(self, client):
        headers = {"Idempotency-Key": "k-1"}
        refused = client.post(url("/unlocks"), json={"post_id": "2041"}, headers=headers)
        give(client, 1)

        later = client.post(url("/unlocks"), json={"post_id": "2041"}, headers=headers)

        assert (refused.status_code, later.status_code) == (409, 201)

    def test_an_unlock_ends_after_the_sites_days_and_then_costs_again(self, client, app):
        configure(app, unlock_days=30)
        with at():
            give(client, 2)
            opened = unlock(client)

        with at(days=30):
            closed = access(client)
            listed = client.get(url("/unlocks")).json["items"]
            again = client.post(url("/unlocks"), json={"post_id": "2041"})

        assert opened["expires_at"] == "2031-03-02T10:00:00Z"
        assert (closed["allowed"], listed) == (False, [])
        assert (again.status_code, again.json["unlock_left"]) == (201, 0)

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/post_id"),
            ([], "#"),
            ({"post_id": ""}, "#/post_id"),
            ({"post_id": 2041}, "#/post_id"),
            ({"post_id": None}, "#/post_id"),
            ({"post_id": "p" * 256}, "#/post_id"),
            ({"post_id": "a\x00"}, "#/post_id"),
            ({"post_id": "1", "post": "2"}, "#/post"),
        ],
    )
    def test_a_wrong_field_is_named(self, client, body, pointer):
        response = client.post(url("/unlocks"), json=body)

        assert response.status_code == 422
        assert [error["pointer"] for error in response.json["errors"]] == [pointer]


class TestRefunds:
    def test_a_refund_closes_the_post_and_gives_the_unlock_back(self, client):
        give(client, 1)
        unlock(client)

        response = client.delete(url("/unlocks/2041"))

        assert (response.status_code, response.json["unlock_left"]) == (200, 1)
        assert access(client)["allowed"] is False
        assert [(item["kind"], item["unlocks"]) for item in ledger(client)] == [
            ("grant", 1), ("unlock", -1), ("refund", 1),
        ]  # fmt: skip

    @pytest.mark.parametrize(("hours", "status"), [(0, 200), (23, 200), (24, 409), (1_000, 409)])
    def test_the_window_is_a_day(self, client, hours, status):
        with at():
            give(client, 1)
            unlock(client)

        with at(hours=hours):
            response = client.delete(url("/unlocks/2041"))

        assert response.status_code == status
        if status == 409:
            assert response.json["code"] == "state_forbids"
            assert response.json["refundable_until"] == "2031-02-01T10:00:00Z"

    def test_the_site_sets_the_window(self, client, app):
        configure(app, refund_hours=1)
        with at():
            give(client, 1)
            unlock(client)

        with at(hours=1):
            response = client.delete(url("/unlocks/2041"))

        assert problem(response) == (409, "state_forbids")

    def test_a_unit_whose_grant_has_run_out_runs_out_at_once(self, client):
        with at():
            give(client, 1, expires_at=(START + timedelta(hours=2)).isoformat())
            unlock(client)

        with at(hours=3):
            response = client.delete(url("/unlocks/2041"))
            listed = ledger(client)

        assert (response.status_code, response.json["unlock_left"]) == (200, 0)
        assert [item["kind"] for item in listed] == ["grant", "unlock", "refund", "expiry"]

    def test_what_is_not_open_cannot_be_given_back(self, client):
        give(client, 1)
        unlock(client)
        client.delete(url("/unlocks/2041"))

        assert problem(client.delete(url("/unlocks/2041"))) == (404, "not_found")
        assert problem(client.delete(url("/unlocks/never"))) == (404, "not_found")
        assert left(client) == 1

    def test_a_post_id_with_a_slash_can_be_given_back(self, client):
        give(client, 1)
        unlock(client, "2026/11/bridge")

        assert client.delete(url("/unlocks/2026/11/bridge")).status_code == 200


class TestReading:
    def test_unlocks_are_listed_and_paged(self, client):
        give(client, 5)
        ids = [unlock(client, f"post-{n}")["id"] for n in range(5)]

        first = client.get(url("/unlocks?limit=3")).json
        second = client.get(url(f"/unlocks?limit=3&cursor={first['next_cursor']}")).json

        assert sorted(item["id"] for item in first["items"] + second["items"]) == sorted(ids)
        assert {item["unlock_left"] for item in first["items"]} == {0}
        assert second["next_cursor"] is None

    def test_the_ledger_is_paged_oldest_first_and_its_sum_is_the_balance(self, client):
        give(client, 5)
        for n in range(4):
            unlock(client, f"post-{n}")

        pages, cursor = [], ""
        while cursor is not None:
            page = client.get(url(f"/ledger?limit=2{cursor and f'&cursor={cursor}'}")).json
            pages, cursor = [*pages, page["items"]], page["next_cursor"]

        items = [item for page in pages for item in page]
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [item["sequence"] for item in items] == [1, 2, 3, 4, 5]
        assert sum(item["unlocks"] for item in items) == items[-1]["balance"] == left(client) == 1
        assert set(items[0]) == {
            "sequence", "unlocks", "kind", "reference", "post_id", "balance", "created_at",
        }  # fmt: skip

    def test_who_was_never_named_has_empty_lists(self, client, app):
        before = rows(app)

        answers = [client.get(url(rest, "nobody")).json for rest in ("/unlocks", "/ledger")]

        assert answers == [{"items": [], "next_cursor": None}] * 2
        assert rows(app) == before
