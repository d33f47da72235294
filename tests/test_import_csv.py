"""``replydesk import csv``: our own columns under a header."""

import csv
import io
from pathlib import Path

import pytest

from moderation.services.moving.table import COLUMNS
from tests.moving import is_sound, report, row, stored


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "comments.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def as_csv(*rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for found in rows for name in found)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


HEAD = "external_id,post_url,text,status\n"


def test_a_row_is_the_same_comment_as_in_json_lines(installation, file):
    rows = row(), row(external_id="a2", parent_external_id="a1", text='He said "no, thanks",\r\nand left.')

    told = report(installation, "csv", file(as_csv(*rows)))

    assert (told["read"], told["stored"], told["wrong"]) == (2, 2, 0)
    assert stored(installation) == {"a1": rows[0], "a2": rows[1]}
    assert is_sound(installation)


def test_a_byte_order_mark_and_columns_in_another_order_are_taken(installation, file):
    told = report(installation, "csv", file(b"\xef\xbb\xbftext,external_id,post_url\nWords,a1,https://p.example\n"))

    assert (told["stored"], stored(installation)["a1"]["post_external_id"]) == (1, "https://p.example")


def test_html_becomes_text_where_the_row_says_so(installation, file):
    report(
        installation, "csv", file("external_id,post_url,text,text_format\na1,p,<b>x</b> &amp; y,html\na2,p,<b>x</b>,\n")
    )

    assert {id: found["text"] for id, found in stored(installation).items()} == {"a1": "x & y", "a2": "<b>x</b>"}


def test_label_columns_of_a_training_set_are_passed_over(installation, file):
    told = report(installation, "csv", file("external_id,post_url,text,toxicity,spam\na1,p,Words,0.5,\n"))

    assert (told["stored"], told["wrong"]) == (1, 0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The file is empty."),
        ("a1,https://p.example,Words,published\n", "names no column external_id and no text"),
        ("external_id,text,colour,taste\n", "Unknown columns: colour, taste."),
        ("external_id,text,text\n", "names text twice"),
        ('"external_id', "line 1 is not CSV"),
        (b"\xff\xfe\x00\x01", "names no column"),
    ],
)
def test_a_header_that_is_wrong_stops_at_once_with_one_sentence(installation, file, text, sentence):
    result = installation.run("import", "csv", file(text))

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert stored(installation) == {}


@pytest.mark.parametrize(
    ("line", "reason", "where"),
    [
        ('bad,p,"a "bare" quote",published\n', "not_csv", "line 3"),
        ("bad,p,too,many,cells\n", "wrong_cells", "line 3"),
        ("bad,p\n", "wrong_cells", "line 3"),
        (b"bad,p,\xff\xfe,published\n", "not_utf8", "line 3"),
        (b"bad,p," + b"x" * 10_000_000 + b",published\n", "too_long", "line 3"),
        ("bad,p,,published\n", "empty", "line 3"),
    ],
)
def test_a_row_that_is_wrong_is_told_with_its_line(installation, file, line, reason, where):
    line = line if isinstance(line, bytes) else line.encode()
    path = file(HEAD.encode() + b"a1,p,Words,published\n" + line + b'a2,p,plain "quotes" inside,published\n')

    told = report(installation, "csv", path)

    assert (told["stored"], told["wrong"]) == (2, 1)
    assert [(why, found["first"][0]["where"]) for why, found in told["skipped"].items()] == [(reason, where)]
    assert stored(installation)["a2"]["text"] == 'plain "quotes" inside'


def test_a_quote_that_is_never_closed_costs_what_follows_it_and_says_so(installation, file):
    told = report(installation, "csv", file(HEAD + 'a1,p,Words,published\na2,p,"open,published\na3,p,lost,published\n'))

    assert (told["stored"], told["skipped"]["not_csv"]["first"][0]["where"]) == (1, "lines 3 to 4")


def test_every_column_stands_in_the_docs_and_no_other():
    page = (Path(__file__).parent.parent / "docs" / "moving.md").read_text()
    table = page.split("<!-- made by docs/tables.py: begin -->")[1].split("<!-- end -->")[0]

    assert [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")] == list(COLUMNS)


def test_the_example_in_the_docs_can_be_imported(installation, file):
    page = (Path(__file__).parent.parent / "docs" / "moving.md").read_text()

    told = report(installation, "csv", file(page.split("```csv\n")[1].split("```")[0]))

    assert (told["stored"], told["wrong"]) == (2, 0)
    assert stored(installation)["8122"]["parent_external_id"] == "8121"
