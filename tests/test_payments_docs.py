"""docs/payments.md: every curl that is shown works, and the signing that is shown is believed."""

import json
import re
import urllib.request
from pathlib import Path

from moderation.schemas.provider_events import BY_TYPE
from tests.engagement import left
from tests.generic_events import SECRET, set_up
from tests.test_docs import rows, shell_blocks
from tests.test_engagement_docs import send

PAGE = (Path(__file__).parent.parent / "docs" / "payments.md").read_text()


def test_every_curl_that_is_shown_works_and_answers_as_shown(client):
    lines = [line for line in shell_blocks(PAGE) if line.startswith("curl ")]
    shown = json.loads(re.search(r'^{"id": "ref_.*}$', PAGE, re.MULTILINE)[0])

    answers = [send(client, line) for line in lines]

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert answers[-1].json | {"id": "ref_...", "created_at": "..."} == shown


def test_the_signing_that_is_shown_is_believed(client, app, tmp_path, monkeypatch, capsys):
    set_up(app)
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.chdir(tmp_path)

    class Sent:
        def __init__(self, request):
            address = request.full_url.removeprefix("http://127.0.0.1:8000")
            self.answer = client.post(address, data=request.data, headers=dict(request.header_items()))

        def read(self):
            return self.answer.get_data()

    monkeypatch.setattr(urllib.request, "urlopen", Sent)
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], {})  # noqa: S102 -- our own page

    assert json.loads(capsys.readouterr().out) == {"event": "evt-1", "outcome": "applied"}
    assert '`{"event": "evt-1", "outcome": "applied"}`' in PAGE
    assert left(client) == 10


def test_every_type_stands_in_the_table_with_every_field():
    described = {row[0]: row[1] for row in rows(PAGE)}

    for type, schema in BY_TYPE.items():
        named = set(re.findall(r"`(\w+)`", described[type]))
        assert set(schema().fields) - {"site"} - named == set()
    assert "`data.site`" in PAGE
