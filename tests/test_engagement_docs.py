"""docs/engagement.md: the picture is the state machine, and every curl that is shown works as it stands."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

from docs.tables import BEGIN, END, states
from moderation.services.lifecycle import FOLLOW_WHEN, IMPORT_WHEN, TRANSITIONS
from tests.test_docs import rows, shell_blocks

PAGE = (Path(__file__).parent.parent / "docs" / "engagement.md").read_text()
BLOCK = PAGE.split(BEGIN)[1].split(END)[0]


def test_the_page_holds_what_the_code_would_write():
    assert BLOCK.strip("\n").splitlines() == list(states())


def test_the_picture_shows_every_row_of_the_state_machine_and_no_other():
    drawn = {
        (happening, old, new)
        for old, new, happenings in re.findall(r"^    (\S+) --> (\w+): (.+)$", BLOCK, re.MULTILINE)
        for happening in happenings.split(", ")
    }

    assert drawn == {(row.happening, row.old or "[*]", row.new) for row in TRANSITIONS}


def test_the_table_tells_every_row_with_its_condition():
    told = {tuple(row) for row in rows(BLOCK)[1:]}
    follows = {("any or none", "follow", "any", FOLLOW_WHEN), ("none or `ended`", "import", "any", IMPORT_WHEN)}

    assert told == {(row.old or "none", row.happening, row.new, row.when) for row in TRANSITIONS} | follows


def send(client, line, tag=""):
    """Send what a line of curl would; ``-X`` or a body says the method, ``$TAG`` is the ETag that was seen last."""
    words = shlex.split(line.replace("$URL", "/v1").replace("$KEY", "X-Key: 1"))
    [address] = [word for word in words if word.startswith("/v1/")]
    options = dict(pairwise(words))
    body = json.loads(options["--json"]) if "--json" in options else None
    method = options.get("-X") or ("GET" if body is None else "POST")
    headers = dict([options["-H"].replace("$TAG", tag).split(": ")])
    return client.open(address, method=method, json=body, headers=headers)


def test_every_curl_that_is_shown_works_one_after_the_other(client):
    lines = [line for line in shell_blocks(PAGE) if line.startswith("curl ")]
    assert len(lines) > 20

    answers, tag = [], ""
    for line in lines:
        answers.append((line, send(client, line, tag)))
        tag = answers[-1][1].headers.get("ETag", tag)

    assert [(line, answer.json) for line, answer in answers if answer.status_code >= 400] == []


def test_the_access_that_is_shown_is_what_is_answered(client):
    shown = json.loads(re.search(r'^{"allowed".*}$', PAGE, re.MULTILINE)[0])

    assert client.get("/v1/readers/u-77/access?post_id=2041").json == shown
