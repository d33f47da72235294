import json

from tests.factories import comment
from tests.receiver import receiving, status
from tests.site_hook import enable, says


def set_up(installation, monkeypatch, url):
    monkeypatch.setenv("REPLYDESK_WEBHOOK_ALLOW_PRIVATE", "1")
    ended = installation.run("hook", "set", "--url", url, "--send", "email")
    assert ended.exit_code == 0, ended.output
    return ended


def test_a_hook_is_set_its_secret_shown_once_and_tried(installation, monkeypatch):
    with receiving() as receiver:
        receiver.answer = says({"action": "none"})
        made, again = (set_up(installation, monkeypatch, receiver.url) for _ in range(2))
        tried = installation.run("hook", "test")
        receiver.answer = status(500)
        failed = installation.run("hook", "test")

    assert (made.stdout.startswith("whsec_"), "whsec_" in again.output) == (True, False)
    assert json.loads(tried.stdout)["action"] == "none"
    assert (failed.exit_code, failed.output) == (1, "replydesk: It answered with the status 500.\n")
    assert len(receiver.requests) == 2


def test_a_new_secret_is_shown_and_the_hook_without_one(installation, monkeypatch):
    made = set_up(installation, monkeypatch, "https://news.example/hook")

    rotated, shown = installation.run("hook", "rotate"), installation.run("hook", "show", "--json")

    assert rotated.stdout.startswith("whsec_")
    assert rotated.stdout != made.stdout
    expected = {"url": "https://news.example/hook", "send": ["email"], "failing": False, "last_error": ""}
    assert json.loads(shown.stdout) == expected


def test_an_address_of_this_machine_is_refused_unless_the_operator_allows_it(installation):
    ended = installation.run("hook", "set", "--url", "http://127.0.0.1:9000/")

    assert ended.exit_code == 1
    assert installation.run("hook", "show").output == "replydesk: This site has no hook.\n"


def test_the_doctor_tells_of_a_rule_without_a_hook_and_of_a_hook_without_answers(installation, monkeypatch):
    enable(installation.client)
    missing = installation.run("doctor")
    set_up(installation, monkeypatch, "https://news.invalid/hook")
    installation.client.post("/v1/comments", json=comment())

    failing = installation.run("doctor")

    assert (missing.exit_code, failing.exit_code) == (1, 1)
    assert "asks a hook that is not set: replydesk hook set --site demo" in missing.output
    assert "The hook of the site demo gives no answers: " in failing.output


def test_a_removed_hook_is_gone(installation, monkeypatch):
    set_up(installation, monkeypatch, "https://news.example/hook")

    assert installation.run("hook", "remove").output == "demo has no hook any more.\n"
    assert installation.run("hook", "remove").exit_code == 1
