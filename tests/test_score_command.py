"""`replydesk score`: texts in, one JSON line out for each, in order, without a database."""

import gzip
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from moderation.cli import replydesk
from moderation.policy import LABELS


@pytest.fixture
def score(tmp_path, monkeypatch):
    """Call the command where no data folder can be made: it needs none."""
    monkeypatch.setenv("REPLYDESK_DATA", str(tmp_path / "file" / "data"))
    (tmp_path / "file").write_text("")

    def call(*words, input=None):
        return CliRunner().invoke(replydesk, ["score", *map(str, words)], input=input, prog_name="replydesk")

    return call


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def rows(*texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def test_each_line_is_answered_in_order_with_scores_status_and_reasons(score):
    result = score(input=rows("Good news for everyone who commutes.", "You stupid idiot, shut up.", ""))

    polite, rude, empty = lines(result)
    assert result.exit_code == 0
    assert set(polite) == {"scores", "status", "reasons", "model_version"}
    assert set(polite["scores"]) == set(LABELS)
    assert all(0 <= value <= 1 for value in polite["scores"].values())
    assert (polite["status"], polite["reasons"]) == ("published", [])
    assert (rude["status"], rude["reasons"][0]["code"]) == ("rejected", "abuse")
    assert (empty["status"], empty["reasons"][0]["code"]) == ("rejected", "empty")


def test_a_file_of_json_lines_packed_or_not_gives_the_same(score, tmp_path):
    plain, packed = tmp_path / "in.jsonl", tmp_path / "in.jsonl.gz"
    plain.write_text(rows("One line.", "Another line."))
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert score(plain).stdout == score(packed).stdout
    assert len(lines(score(plain))) == 2


def test_a_csv_packed_or_not_gives_the_same_as_json_lines(score, tmp_path):
    plain, packed = tmp_path / "in.csv", tmp_path / "in.CSV.gz"
    plain.write_text('id,text\r\n1,One line.\r\n2,"Two\nlines, “quoted”."\r\n', encoding="utf-8-sig")
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    result = score(plain)

    assert result.stdout == score(packed).stdout
    assert result.stdout == score(input=rows("One line.", "Two\nlines, “quoted”.")).stdout


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"nope", "not a JSON document."),
        (b"", "not a JSON document."),
        (b"[1]", 'not an object with a "text".'),
        (b'{"body": "a"}', 'not an object with a "text".'),
        (b'{"text": 5}', "text: Not a valid string."),
        (b'{"text": null}', "text: Field may not be null."),
        (b'{"text": "a\\u0000b"}', "text: Holds a NUL or half of a surrogate pair, which is no text."),
        (b'{"text": "a\\ud800b"}', "text: Holds a NUL or half of a surrogate pair, which is no text."),
        (b'{"text": "\xff"}', "not in UTF-8."),
        (b"[" * 100_000, "not a JSON document."),
    ],
)
def test_a_malformed_line_is_answered_in_its_place_and_named_on_standard_error(score, line, error):
    good = b'{"text": "Fine words."}'

    result = score(input=b"\n".join([good, line, good]) + b"\n")

    first, second, third = lines(result)
    assert second == {"error": f"line 2: {error}"}
    assert first == third
    assert result.stderr == f"line 2: {error}\nreplydesk: 1 of 3 rows could not be read.\n"
    assert result.exit_code == 1


def test_malformed_csv_rows_are_named_by_their_line(score, tmp_path):
    file = tmp_path / "in.csv"
    file.write_bytes(b"id,text\n1,fine\n2\n3,caf\xe9\n4,fine\n")

    result = score(file)

    assert [line.get("error") for line in lines(result)] == [
        None,
        "line 3: has 1 cells; the first line has 2.",
        "line 4: text: Holds a NUL or half of a surrogate pair, which is no text.",
        None,
    ]
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("in.csv", b"id,body\n1,a\n", "The CSV has no column “text” in its first line."),
        ("in.csv.gz", b"no gzip", "not CSV: Not a gzipped file"),
        ("in.jsonl.gz", gzip.compress(b'{"text": "a"}\n', mtime=0)[:-9], "The file cannot be unpacked"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(score, tmp_path, name, content, sentence):
    file = tmp_path / name
    file.write_bytes(content)

    result = score(file)

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_a_model_directory_that_is_none_is_one_sentence(score, tmp_path):
    result = score("--model", tmp_path / "none", input=rows("Fine words."))

    assert result.exit_code == 1
    assert result.stderr.startswith("replydesk: The model cannot be used: ")


def test_a_file_that_is_missing_is_a_wrong_use(score, tmp_path):
    assert score(tmp_path / "none.jsonl").exit_code == 2


def test_the_version_says_which_tier_answered(score):
    linear, full = (score("--tier", tier, input=rows("You idiot.")) for tier in ("linear", "full"))

    [one], [both] = ([json.loads(line) for line in found.stdout.splitlines()] for found in (linear, full))
    assert one["model_version"] == f"{both['model_version']}+linear"
    assert one["scores"] != both["scores"]


def test_no_input_gives_no_output(score):
    result = score(input="")

    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("module", ["moderation.app", "moderation.cli.score", "moderation.cli.models"])
def test_neither_serving_nor_scoring_brings_scikit_learn_in(module):
    code = f"import sys, {module}; sys.exit(sorted({{'sklearn', 'scipy'}} & set(sys.modules)) or 0)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


class TestThroughAPipe:
    @pytest.fixture
    def process(self):
        command = [sys.executable, "-c", "from moderation.cli import main; main()", "score"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, **pipes) as process:
            yield process
            process.kill()

    def test_a_line_is_answered_before_the_next_one_comes(self, process):
        answers = []
        for text in ("First.", "Second."):
            process.stdin.write(rows(text).encode())
            process.stdin.flush()
            answers.append(json.loads(process.stdout.readline())["status"])

        assert answers == ["published", "published"]

    def test_a_reader_that_goes_away_is_no_fault(self, process):
        process.stdout.close()
        process.stdout = None

        _, errors = process.communicate(rows(*["Fine words."] * 1_000).encode(), timeout=60)

        assert errors == b""
