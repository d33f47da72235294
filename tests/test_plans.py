import pytest

from moderation.db import db
from moderation.models import Audit, PlanVersion
from tests.engagement import done, problem, sell, subscribe, turn

PLAN = {
    "name": "monthly", "unlocks": 5, "period": "month", "rollover_cap": 2, "trial_days": 14, "grace_days": 3,
    "opens": {"sections": ["sport"], "tags": []}, "may_comment": False, "comments_first": True,
}  # fmt: skip


def versions(app):
    with app.app_context():
        return db.session.query(PlanVersion).count()


def test_a_plan_comes_back_as_it_was_sent(client):
    response = client.put("/v1/plans/monthly", json=PLAN)

    assert (response.status_code, response.json) == (201, PLAN)
    assert client.get("/v1/plans/monthly").json == PLAN


@pytest.mark.parametrize(
    ("body", "opens"),
    [
        ({"period": "month"}, {"all": True}),
        ({"period": None, "unlocks": 0}, {"all": True}),
        ({"period": 30, "unlocks": 5}, {"sections": [], "tags": []}),
        ({"period": 30, "unlocks": 5, "opens": {"all": True}}, {"all": True}),
        ({"period": 1, "opens": {"tags": ["a"]}}, {"sections": [], "tags": ["a"]}),
    ],
)
def test_only_the_period_is_needed(client, body, opens):
    saved = done(client.put("/v1/plans/p", json=body))

    assert saved == {
        "name": "p", "unlocks": body.get("unlocks", 0), "period": body["period"], "rollover_cap": 0,
        "trial_days": 0, "grace_days": 0, "opens": opens, "may_comment": True, "comments_first": False,
    }  # fmt: skip


def test_saving_the_same_again_makes_no_version(client, app):
    sell(client)

    again = client.put("/v1/plans/monthly", json={"period": "month"})
    changed = client.put("/v1/plans/monthly", json={"period": "month", "grace_days": 1})

    assert (again.status_code, changed.status_code) == (200, 200)
    assert versions(app) == 2


@pytest.mark.parametrize("body", [{"period": "month"}, {"period": "month", "grace_days": 1}])
def test_a_retired_plan_can_be_sold_again(client, app, body):
    sell(client)

    retired = client.delete("/v1/plans/monthly")
    gone = client.get("/v1/plans/monthly")
    again = client.put("/v1/plans/monthly", json=body)

    assert (retired.status_code, problem(gone), again.status_code) == (204, (404, "not_found"), 201)
    assert client.get("/v1/plans/monthly").status_code == 200
    assert subscribe(client)["state"] == "active"
    with app.app_context():
        acts = [row.action for row in db.session.query(Audit).filter_by(subject="monthly").order_by(Audit.id)]
    assert acts == ["plan.saved", "plan.retired", "plan.saved"]


def test_a_plan_that_is_not_sold_cannot_be_retired(client):
    assert problem(client.delete("/v1/plans/gold")) == (404, "not_found")


def test_plans_are_listed_by_name_and_paged(client):
    for name in ("c", "a", "d", "b", "retired"):
        sell(client, name)
    client.delete("/v1/plans/retired")

    first = client.get("/v1/plans?limit=3").json
    second = client.get(f"/v1/plans?limit=3&cursor={first['next_cursor']}").json

    assert [item["name"] for item in first["items"]] == ["a", "b", "c"]
    assert [item["name"] for item in second["items"]] == ["d"]
    assert second["next_cursor"] is None


def test_the_list_shows_the_version_that_is_sold(client):
    sell(client, unlocks=1)
    sell(client, unlocks=2)

    assert [item["unlocks"] for item in client.get("/v1/plans").json["items"]] == [2]


def test_another_sites_plans_are_not_there(client, other):
    sell(client)
    sell(other, unlocks=9)

    assert client.get("/v1/plans/monthly").json["unlocks"] == 0
    assert len(other.get("/v1/plans").json["items"]) == 1
    other.delete("/v1/plans/monthly")
    assert client.get("/v1/plans/monthly").status_code == 200


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"period": "year"}, "#/period"),
        ({"period": 0}, "#/period"),
        ({"period": -7}, "#/period"),
        ({"period": 3_661}, "#/period"),
        ({"period": 10**30}, "#/period"),
        ({"period": 1.5}, "#/period"),
        ({"period": True}, "#/period"),
        ({"period": "30"}, "#/period"),
        ({"period": {}}, "#/period"),
        ({"unlocks": -1}, "#/unlocks"),
        ({"unlocks": 10**12}, "#/unlocks"),
        ({"unlocks": None}, "#/unlocks"),
        ({"rollover_cap": -1}, "#/rollover_cap"),
        ({"trial_days": 10**6}, "#/trial_days"),
        ({"grace_days": -1}, "#/grace_days"),
        ({"grace_days": "3"}, "#/grace_days"),
        ({"opens": "all"}, "#/opens"),
        ({"opens": {"all": "yes"}}, "#/opens/all"),
        ({"opens": {"all": True, "sections": ["a"]}}, "#/opens"),
        ({"opens": {"sections": "sport"}}, "#/opens/sections"),
        ({"opens": {"tags": [1]}}, "#/opens/tags/0"),
        ({"opens": {"colour": 1}}, "#/opens/colour"),
        ({"price": 9.5}, "#/price"),
        ({"name": "yearly"}, "#/name"),
        ({"name": 5}, "#/name"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(client, app, changes, pointer):
    response = client.put("/v1/plans/monthly", json=PLAN | changes)

    assert problem(response) == (422, "validation_failed")
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]
    assert versions(app) == 0


def test_without_a_period_there_is_no_plan(client):
    response = client.put("/v1/plans/monthly", json={"unlocks": 5})

    assert [error["pointer"] for error in response.json["errors"]] == ["#/period"]


def test_a_name_that_is_too_long_is_refused(client):
    assert problem(client.put(f"/v1/plans/{'p' * 101}", json={"period": 1})) == (422, "validation_failed")


def test_a_plan_may_be_named_in_any_script(client):
    sell(client, "месячный 50%25")
    begun = subscribe(client, "месячный 50%")

    assert begun["plan"] == "месячный 50%"
    assert turn(client, "cancel")["plan"] == "месячный 50%"
