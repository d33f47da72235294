"""docs/metering.md: every curl and command that is shown works as it stands, in the order in which it stands."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner

from moderation.cli import replydesk
from tests.engagement import travel
from tests.meter import set_meter, viewed
from tests.test_docs import shell_blocks
from tests.test_engagement_docs import send

PAGE = (Path(__file__).parent.parent / "docs" / "metering.md").read_text()


def with_token(line, token):
    """The line as the shell would send it, with the token that an earlier line has made."""
    line = re.sub(r"^TOKEN=\$\((.*) \| jq -r \.token\)$", r"\1", line)
    return line.replace("$TOKEN", token)


def test_every_curl_that_is_shown_works_one_after_the_other(client):
    lines = [line for line in shell_blocks(PAGE) if "curl " in line]
    token, answers = "", []
    for line in lines:
        answer = send(client, with_token(line, token))
        token = answer.json.get("token", token)
        answers.append((line, answer))

    assert len(answers) >= 10
    assert [(line, answer.json) for line, answer in answers if answer.status_code >= 400] == []
    assert [answer.json["posts_merged"] for line, answer in answers if "/merge" in line] == [0]


def test_every_command_that_is_shown_works(installation):
    lines = [line for line in shell_blocks(PAGE) if line.startswith("replydesk ")]
    assert len(lines) >= 5

    ended = [CliRunner().invoke(replydesk, shlex.split(line)[1:]) for line in lines]

    assert [(line, result.stderr) for line, result in zip(lines, ended, strict=True) if result.exit_code] == []


def test_the_access_that_is_shown_is_what_is_answered(client):
    shown = json.loads(re.search(r'^{"allowed".*}$', PAGE, re.MULTILINE)[0])
    set_meter(client, 5)
    with travel(datetime(2026, 11, 25, tzinfo=UTC)):
        viewed(client, "2041", "u-80")
        answer = client.get("/v1/readers/u-80/access?post_id=2042").json

    assert answer == shown
