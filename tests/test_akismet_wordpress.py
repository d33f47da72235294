"""docs/examples/replydesk-akismet.php, run by PHP among the functions of WordPress that it calls."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

PHP = shutil.which("php")
pytestmark = pytest.mark.skipif(PHP is None, reason="no PHP on this machine: the WordPress snippet was NOT run")
HARNESS = Path(__file__).parent / "akismet_wordpress.php"
CHECK = "https://rest.akismet.com/1.1/comment-check?api_key=abc"


def ask(**questions):
    words = [PHP, "-d", "error_reporting=-1", "-d", "display_errors=stderr", HARNESS]
    ended = subprocess.run(words, input=json.dumps(questions), capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr == ""
    return json.loads(ended.stdout)


def test_what_is_for_akismet_goes_to_the_desk_and_its_answer_comes_back():
    answer = {"headers": {}, "body": "true"}

    said = ask(url=CHECK, answer=answer)

    assert said["requests"] == [{"url": "https://desk.example/1.1/comment-check?api_key=abc", "headers": []}]
    assert said["answer"]["body"] == "true"


def test_a_comment_that_waits_for_people_gets_no_verdict():
    said = ask(url=CHECK, answer={"headers": {"x-akismet-recheck-after": "900"}, "body": "false"})

    assert said["answer"]["body"] == ""


@pytest.mark.parametrize("url", ["https://api.wordpress.org/plugins/", "https://rest.akismet.com.evil.example/1.1/x"])
def test_other_requests_go_their_way(url):
    said = ask(url=url, answer={"headers": {}, "body": ""})

    assert (said["requests"], said["answer"]) == ([], False)


def test_each_comment_that_is_held_is_asked_about_whatever_became_of_those_before():
    said = ask(held={"3": "error", "4": "false", "5": "true"})

    assert said["moved"] == [[4, "approve"], [5, "spam"]]
    assert [mark for mark in said["marks"] if mark[1] == "akismet_error"] == [
        [4, "akismet_error", None],
        [5, "akismet_error", None],
    ]


def test_a_site_that_looks_at_every_comment_itself_goes_on_doing_so():
    said = ask(held={"4": "false"}, options={"comment_moderation": "1"})

    assert said["moved"] == []
