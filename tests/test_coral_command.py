"""``replydesk integration``: Coral set up by a person, and asked by two workers at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.models import Comment, CoralAnswer, CoralComment, CoralLook, utc_now
from tests.coral_site import ask

SECRET = "empsec_example"
API = ("--url", "https://coral.example", "--token-stdin")


def set_coral(installation, *words, input=f"{SECRET}\n"):
    return installation.run("integration", "set", "coral", *words, input=input)


def shown(installation):
    result = installation.run("integration", "show", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_is_set_up_with_a_secret_and_says_where_coral_sends_to(installation):
    result = set_coral(installation, "--site", "demo", "--secret-stdin")

    assert result.exit_code == 0, result.output
    assert "/integrations/coral/demo\n" in result.stdout
    assert "/integrations/coral/demo/events\n" in result.stdout
    assert SECRET not in result.output
    assert ask(installation.app.test_client()) is None


def test_secret_and_token_are_read_one_after_the_other_and_neither_is_shown(installation):
    result = set_coral(installation, "--secret-stdin", *API, "--decides", "desk", input=f"{SECRET}\neyJ0b2tlbiI6MX0\n")

    told = shown(installation)
    assert result.exit_code == 0, result.output
    assert (told["url"], told["token"], told["decides"], told["secrets"]) == ("https://coral.example", True, "desk", 1)
    assert "eyJ0b2" not in result.output + json.dumps(told)


def test_a_second_secret_takes_the_place_of_the_first_unless_it_is_added(installation):
    set_coral(installation, "--secret-stdin")
    set_coral(installation, "--secret-stdin", "--add", input="whsec_example\n")
    both = shown(installation)["secrets"]

    set_coral(installation, "--secret-stdin", input="empsec_other\n")

    assert (both, shown(installation)["secrets"]) == (2, 1)


@pytest.mark.parametrize(
    ("words", "input", "code", "sentence"),
    [
        ((), "", 2, "Say one or more of"),
        (("--secret-stdin", "--url", "https://coral.example"), f"{SECRET}\n", 2, "--url and --token-stdin go together"),
        (("--secret-stdin",), "\n", 1, "A signing secret of Coral has"),
        (("--secret-stdin", "--decides", "desk"), f"{SECRET}\n", 1, "set --url and --token-stdin"),
        (API, "eyJ0b2tlbiI6MX0\n", 1, "Coral is not set up"),
        (("--secret-stdin", *API), f"{SECRET}\n\n", 1, "access token of Coral"),
        (("--secret-stdin", "--url", "http://10.0.0.1", "--token-stdin"), f"{SECRET}\ntoken-12\n", 1, "https://"),
        (("--secret-stdin", "--url", "https://10.0.0.1", "--token-stdin"), f"{SECRET}\ntoken-12\n", 1, "private"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_kept(installation, words, input, code, sentence):
    result = set_coral(installation, *words, input=input)

    assert (result.exit_code, sentence in result.stderr) == (code, True), result.stderr
    assert installation.run("integration", "show").exit_code == 1


def test_what_was_given_up_is_found_by_the_doctor_and_tried_again(installation):
    set_coral(installation, "--secret-stdin")
    with installation.app.app_context():
        site_id = db.session.scalar(sa.text("SELECT id FROM site"))
        db.session.add(CoralLook(site_id=site_id, coral_id="c1", asked_at=utc_now(), due_at=None, error="No answer."))
        db.session.commit()
    before = installation.run("doctor")

    result = installation.run("integration", "retry")

    assert (before.exit_code, "1 looks at comments of demo did not reach Coral" in before.output) == (1, True)
    assert result.stdout == "1 are tried again.\n"
    assert installation.run("doctor").exit_code == 0
    assert "Last error: No answer." in installation.run("integration", "show").stdout


def test_it_is_removed_and_believes_nothing_any_more(installation):
    set_coral(installation, "--secret-stdin")

    assert installation.run("integration", "remove", "coral").exit_code == 0

    assert installation.run("integration", "show").exit_code == 1


def test_many_at_once_with_the_same_question_get_one_answer_and_one_comment(installation):
    set_coral(installation, "--secret-stdin", *API, "--decides", "desk", input=f"{SECRET}\neyJ0b2tlbiI6MX0\n")

    # A server loads the model before its first request; here that is this one.
    assert installation.client.post("/v1/score", json={"texts": ["Good news."]}).status_code == 200

    def one(_):
        return ask(installation.app.test_client(), "You are an idiot and everybody hates you.")

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(one, range(24)))

    with installation.app.app_context():
        counts = [
            db.session.scalar(sa.select(sa.func.count()).select_from(model))
            for model in (CoralAnswer, CoralComment, Comment)
        ]
    assert said == [said[0]] * 24
    assert counts == [1, 1, 1]
