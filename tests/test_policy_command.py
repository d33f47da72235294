"""`replydesk policy`: show, set and simulate."""

import json

import pytest


def show(installation):
    return json.loads(installation.run("policy", "show").stdout)


@pytest.fixture
def proposed(installation, tmp_path):
    """Write a changed copy of the policy in force to a file: ``change`` gets it as a dictionary."""

    def write(change):
        policy = show(installation)
        change(policy)
        file = tmp_path / "policy.json"
        file.write_text(json.dumps(policy))
        return file

    return write


def rule(policy, name):
    return next(item for item in policy["rules"] if item["rule"] == name)


def block_lanterns(policy):
    rule(policy, "blocked_words")["params"]["words"] = ["lanterns"]


def publish_nothing(policy):
    policy["thresholds"]["spam"] = {"publish_below": 0.0, "reject_above": 1.0}


def test_show_gives_what_the_api_gives(installation):
    assert show(installation) == installation.client.get("/v1/policy").json


def test_what_show_printed_can_be_changed_and_set(installation, proposed):
    result = installation.run("policy", "set", proposed(block_lanterns), "--note", "No lanterns here.")

    assert result.stdout == "Policy version 2 is in force.\n"
    assert installation.submit("I sell lanterns.")["reasons"][0]["code"] == "blocked_word"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p: p.update(colour="red"), "#/colour: Unknown key."),
        (
            lambda p: p["thresholds"].update(rudeness={"publish_below": 0, "reject_above": 1}),
            "#/thresholds/rudeness",
        ),
        (
            lambda p: p["thresholds"]["spam"].update(publish_below=2),
            "#/thresholds/spam/value/publish_below: ",
        ),
        (
            lambda p: rule(p, "blocked_words")["params"].update(patterns=["(a"]),
            "Not a pattern that RE2 understands",
        ),
    ],
)
@pytest.mark.parametrize("command", ["set", "simulate"])
def test_a_wrong_policy_is_refused_by_the_fields_name_and_nothing_changes(
    installation, proposed, command, change, sentence
):
    result = installation.run("policy", command, proposed(change))

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert show(installation)["version"] == 1


def test_a_file_that_is_no_json_is_one_sentence(installation, tmp_path):
    (tmp_path / "policy.json").write_text("{")

    result = installation.run("policy", "set", tmp_path / "policy.json")

    assert result.exit_code == 1
    assert "policy.json: not a JSON document" in result.stderr


def test_with_several_sites_one_must_be_named(installation):
    installation.add_site("other", installation.app.test_client())

    result = installation.run("policy", "show")

    assert result.exit_code == 2
    assert "there are: demo, other." in result.stderr
    assert installation.run("policy", "show", "--site", "other").exit_code == 0


class TestSimulate:
    def simulate(self, installation, file):
        result = installation.run("policy", "simulate", file, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def test_tells_what_would_change_and_changes_nothing(self, installation, proposed):
        sold = installation.submit("I sell lanterns and nothing else.")["id"]
        installation.submit("The weather was fine on Monday.")

        answer = self.simulate(installation, proposed(block_lanterns))

        assert answer == {
            "comments": 2,
            "before": {"published": 2, "pending": 0, "rejected": 0},
            "after": {"published": 1, "pending": 0, "rejected": 1},
            "changed": 1,
            "changes": {"published -> rejected": 1},
            "examples": {"published -> rejected": [sold]},
        }
        assert installation.client.get(f"/v1/comments/{sold}").json["status"] == "published"
        assert show(installation)["version"] == 1

    def test_the_policy_in_force_would_change_nothing(self, installation, proposed):
        for text in ("The weather was fine.", "You stupid idiot.", "\u200b"):
            installation.submit(text)
        for _ in range(2):
            installation.submit("Twice by the same reader in one day.")

        answer = self.simulate(installation, proposed(dict))

        assert answer["changed"] == 0
        assert answer["before"] == answer["after"]
        assert answer["before"] == {
            status: len(installation.client.get(f"/v1/comments?status={status}").json["items"])
            for status in ("published", "pending", "rejected")
        }

    def test_other_thresholds_are_applied_to_the_stored_scores(self, installation, proposed):
        installation.submit("The weather was fine on Monday.")

        answer = self.simulate(installation, proposed(publish_nothing))

        assert answer["changes"] == {"published -> pending": 1}

    def test_a_new_reader_is_one_who_had_nothing_published_before(self, installation, proposed):
        def look_at_the_first(policy):
            rule(policy, "new_reader")["enabled"] = True

        for text in ("The weather was fine on Monday.", "The weather was bad on Tuesday."):
            installation.submit(text)

        answer = self.simulate(installation, proposed(look_at_the_first))

        assert answer["changes"] == {"published -> pending": 1}

    def test_comments_before_a_day_can_be_left_out(self, installation, proposed):
        installation.submit("The weather was fine on Monday.")
        file = proposed(publish_nothing)

        result = installation.run("policy", "simulate", file, "--json", "--since", "2100-01-01")

        assert json.loads(result.stdout)["comments"] == 0

    def test_people_read_a_table(self, installation, proposed):
        installation.submit("The weather was fine on Monday.")

        table = installation.run("policy", "simulate", proposed(publish_nothing)).stdout

        assert "1 of 1 comments would be decided differently." in table
        assert "published -> pending: 1, for example cmt_" in table
