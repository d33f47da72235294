"""``replydesk integration``: Coral set up by a person, and asked by two workers at once."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from moderation import worker
from moderation.db import db
from moderation.models import Comment, CoralAnswer, CoralComment, CoralLook, utc_now
from tests.coral_site import a_look, ask, origin, saying, set_up, tell
from tests.receiver import receiving

SECRET = "empsec_example"
API = ("--url", "https://coral.example", "--token-stdin")


APPROVED = {"nodes": [{"status": "APPROVED", "moderator": {"id": "m1"}}]}


def labels(installation):
    exported = installation.run("labels", "export", "--format", "jsonl").stdout
    return [json.loads(line) for line in exported.splitlines()]


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


def test_the_workers_loop_does_the_errands_and_ends_with_it(installation, monkeypatch):
    monkeypatch.setitem(installation.app.config, "WEBHOOK_ALLOW_PRIVATE", True)
    stop = threading.Event()
    with receiving() as api:
        set_up(installation.app, url=origin(api))
        api.answer = saying(a_look(status="APPROVED", statusHistory=APPROVED))
        assert tell(installation.app.test_client()) is True
        loop = threading.Thread(target=worker.run, args=(installation.app, stop), daemon=True)
        loop.start()
        ends = time.monotonic() + 20
        while not labels(installation) and time.monotonic() < ends:
            time.sleep(0.05)
        stop.set()
        loop.join(10)

    assert [(row["text"], row["source"]) for row in labels(installation)] == [("You silly person.", "coral")]
    assert not loop.is_alive()
    assert "errands" not in [thread.name for thread in threading.enumerate() if thread.is_alive()]
