"""The rules of the meter: set, read and removed, by the API and by the command."""

import json

import pytest

from moderation.db import db
from moderation.models import Audit
from tests.engagement import access, at, configure, done, give, problem, unlock, url
from tests.meter import counted, set_meter, view, viewed


class TestTheRules:
    def test_a_site_has_no_meter_until_it_is_set(self, client):
        assert problem(client.get("/v1/meter")) == (404, "not_found")
        assert access(client)["meter_left"] is None
        assert problem(view(client)) == (409, "not_metered")

    def test_a_meter_comes_back_as_it_was_sent(self, client):
        body = {"window": "month", "posts": 5, "sections": {"sport": 2, "ü ñ": 0}}

        response = client.put("/v1/meter", json=body)

        assert (response.status_code, response.json) == (201, body)
        assert client.get("/v1/meter").json == body
        assert client.put("/v1/meter", json=body | {"posts": 3}).status_code == 200
        assert client.get("/v1/meter").json["posts"] == 3

    @pytest.mark.parametrize("body", [{"window": 30, "posts": 0}, {"window": "month", "sections": {"sport": 1}}])
    def test_a_window_and_one_rule_are_enough(self, client, body):
        assert done(client.put("/v1/meter", json=body)) == {"posts": None, "sections": {}} | body

    def test_setting_the_same_again_is_not_told(self, client, app):
        set_meter(client)
        before = counted(app)

        set_meter(client)

        assert counted(app) == before

    def test_without_its_meter_a_site_gives_nothing_and_forgets_nothing(self, client):
        set_meter(client, 1)
        viewed(client)

        assert client.delete("/v1/meter").status_code == 204
        assert access(client)["allowed"] is False
        assert problem(client.delete("/v1/meter")) == (404, "not_found")
        set_meter(client, 1)
        assert (access(client)["because"], access(client, "2042")["allowed"]) == ("meter", False)

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/window"),
            ({"window": "month"}, "#/posts"),
            ({"window": "month", "posts": None, "sections": {}}, "#/posts"),
            ({"window": "week", "posts": 1}, "#/window"),
            ({"window": 0, "posts": 1}, "#/window"),
            ({"window": 93, "posts": 1}, "#/window"),
            ({"window": 10**30, "posts": 1}, "#/window"),
            ({"window": True, "posts": 1}, "#/window"),
            ({"window": None, "posts": 1}, "#/window"),
            ({"window": 30, "posts": -1}, "#/posts"),
            ({"window": 30, "posts": 10**30}, "#/posts"),
            ({"window": 30, "posts": "5"}, "#/posts"),
            ({"window": 30, "posts": 1, "sections": {"sport": -1}}, "#/sections/sport"),
            ({"window": 30, "posts": 1, "sections": {"": 1}}, "#/sections/"),
            ({"window": 30, "posts": 1, "sections": {"a/b\x00": None}}, "#/sections/a~1b\x00"),
            ({"window": 30, "posts": 1, "sections": {"s" * 101: 1}}, f"#/sections/{'s' * 100}"),
            ({"window": 30, "posts": 1, "sections": ["sport"]}, "#/sections"),
            ({"window": 30, "posts": 1, "colour": "red"}, "#/colour"),
        ],
    )
    def test_a_wrong_rule_is_named_and_changes_nothing(self, client, body, pointer):
        set_meter(client, 7)

        response = client.put("/v1/meter", data=json.dumps(body), content_type="application/json")

        assert (response.status_code, response.json["code"]) == (422, "validation_failed")
        assert pointer in [error["pointer"] for error in response.json["errors"]]
        assert client.get("/v1/meter").json["posts"] == 7

    def test_a_dry_run_of_the_rules_changes_nothing(self, client):
        response = client.put("/v1/meter?dry_run=true", json={"window": "month", "posts": 5})

        assert response.status_code == 201
        assert client.get("/v1/meter").status_code == 404

    def test_another_site_has_its_own_meter_and_its_own_readers(self, client, other):
        set_meter(client, 1)
        viewed(client)

        assert problem(other.get("/v1/meter")) == (404, "not_found")
        set_meter(other, 1)
        assert access(other) == access(client, "2042", "nobody")

    def test_other_settings_of_the_site_stay(self, client, app):
        configure(app, refund_hours=3)

        set_meter(client)

        with app.app_context():
            acts = [row.action for row in db.session.query(Audit).filter(Audit.action.startswith("meter."))]
        assert acts == ["meter.saved"]
        give(client, 1)
        unlock(client)
        with at(days=1_000):
            assert client.delete(url("/unlocks/2041")).json["code"] == "state_forbids"


class TestTheCommand:
    def test_it_sets_shows_and_removes(self, installation):
        made = installation.run("meter", "set", "--window", "month", "--posts", "5", "--section", "sport=2")
        shown = installation.run("meter", "show")

        assert json.loads(made.stdout) == {"window": "month", "posts": 5, "sections": {"sport": 2}}
        assert shown.stdout == made.stdout
        assert done(installation.client.get("/v1/meter")) == json.loads(made.stdout)
        assert installation.run("meter", "remove").exit_code == 0
        assert installation.run("meter", "show").stdout == "null\n"
        assert installation.run("meter", "remove").exit_code == 1

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("--window", "week", "--posts", "5"), 1),
            (("--window", "30"), 1),
            (("--window", "30", "--posts", "-1"), 1),
            (("--window", "30", "--section", "sport"), 2),
            (("--window", "30", "--section", "=3"), 2),
            (("--posts", "5"), 2),
        ],
    )
    def test_it_refuses_what_the_api_refuses(self, installation, words, code):
        result = installation.run("meter", "set", *words)

        assert result.exit_code == code
        assert result.stderr
        assert installation.run("meter", "show").stdout == "null\n"
