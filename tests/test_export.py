"""``replydesk export``: a site's comments as JSON Lines, and back."""

import csv
import io
import json

import pytest

from tests.moving import is_sound, json_lines, report, row, stored


def test_what_was_imported_is_exported_byte_for_byte(installation, tmp_path):
    rows = [
        row(),
        row(external_id="a2", created_at="2021-03-05T00:00:00Z", parent_external_id="a1", text=" a \u2028 b\r\n"),
        row(external_id="a3", created_at="2021-03-06T00:00:00Z", status="rejected", reason="off_topic",
            decided_by="human", decided_at="2021-03-07T00:00:00Z"),
        row(external_id="a4", created_at="2021-03-07T00:00:00Z", status="rejected", reason="duplicate"),
        row(external_id="a5", created_at="2021-03-08T00:00:00Z", status="pending", reader_external_id=None,
            reader_email=None, reader_url=None),
        row(external_id="a6", created_at="2021-03-09T00:00:00Z", text="", reader_name=None,
            deleted_at="2021-04-01T00:00:00Z"),
        row(external_id="a7", created_at="2021-03-10T00:00:00Z", parent_external_id="a6"),
    ]  # fmt: skip
    report(installation, "jsonl", json_lines(tmp_path / "in.jsonl", *rows))

    assert list(stored(installation).values()) == rows
    assert is_sound(installation)


def read(path):
    """The rows of an export, by column."""
    text = path.read_bytes().decode()
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    return [json.loads(line) for line in text.splitlines()]


HARD_TEXTS = [
    "a\rb", "a\r\nb\nc", '"', '""', 'say "no", then', "=1+1", "+1", "-1", "@x", "\tx", "\rx", "'x", "\ufeffx",
    " a \u2028 b\u0085 ", "\U0001f600 e\u0301", "x,y;z", "\\n", "#", "  ", "\x1a", "0",
]  # fmt: skip


def test_a_csv_gives_every_text_back_byte_for_byte(installation, tmp_path):
    rows = [row(external_id=f"a{n:02}", text=f"{text}.") for n, text in enumerate(HARD_TEXTS)]
    rows += [row(external_id=f"b{n:02}", text=text) for n, text in enumerate(HARD_TEXTS) if text.strip()]
    report(installation, "jsonl", json_lines(tmp_path / "in.jsonl", *rows))
    before = stored(installation)
    installation.add_site("twin", installation.app.test_client())
    path = tmp_path / "out.csv"
    assert installation.run("export", path, "--site", "demo", "--format", "csv").exit_code == 0

    told = report(installation, "csv", path, "--site", "twin")

    found = [json.loads(line) for line in installation.run("export", "--site", "twin").stdout.splitlines()]
    after = {made["external_id"]: {k: v for k, v in made.items() if k != "scores"} for made in found}
    assert (told["stored"], told["wrong"]) == (len(rows), 0)
    assert after == before


def test_a_csv_on_standard_output_is_the_same_as_in_a_file(installation, tmp_path):
    report(installation, "jsonl", json_lines(tmp_path / "in.jsonl", row(text="a\r\nb\nc")))
    installation.run("export", tmp_path / "out.csv", "--format", "csv")

    result = installation.run("export", "--format", "csv")

    assert result.stdout_bytes == (tmp_path / "out.csv").read_bytes()


def test_for_spreadsheets_no_cell_can_be_taken_for_a_formula(installation, tmp_path):
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "x=1"]
    rows = [row(external_id=f"a{n}", text=text, reader_name="=cmd") for n, text in enumerate(texts)]
    report(installation, "jsonl", json_lines(tmp_path / "in.jsonl", *rows))
    path = tmp_path / "out.csv"

    assert installation.run("export", path, "--format", "csv", "--for-spreadsheets").exit_code == 0

    found = read(path)
    assert [made["text"] for made in sorted(found, key=lambda made: made["external_id"])] == [
        f"'{text}" for text in texts[:-1]
    ] + ["x=1"]
    assert {made["reader_name"] for made in found} == {"'=cmd"}


def test_for_spreadsheets_is_for_csv_only(installation):
    result = installation.run("export", "--for-spreadsheets")

    assert (result.exit_code, "goes with --format csv" in result.stderr) == (2, True)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_export_then_import_into_an_empty_site_gives_the_same_export(installation, tmp_path, form):
    first = installation.submit("Good news for everyone.", external_id="s1")
    reply = installation.submit("Indeed, it is.", parent_id=first["id"])
    installation.submit("You are a stupid idiot and I hate you.", external_id="s2")
    installation.decide(reply["id"], "rejected", "off_topic")
    gone = installation.submit("Soon gone.", external_id="s3")
    seen = {"If-Match": installation.client.get(f"/v1/comments/{gone['id']}").headers["ETag"]}
    assert installation.client.delete(f"/v1/comments/{gone['id']}", headers=seen).status_code in (200, 204)
    installation.add_site("twin", installation.app.test_client())
    paths = [tmp_path / f"demo.{form}", tmp_path / f"twin.{form}"]

    assert installation.run("export", paths[0], "--site", "demo", "--format", form).exit_code == 0
    told = report(installation, form, paths[0], "--site", "twin")
    assert installation.run("export", paths[1], "--site", "twin", "--format", form).exit_code == 0

    ours, theirs = (sorted(read(path), key=lambda row: row["external_id"]) for path in paths)
    assert (told["stored"], told["wrong"], len(ours)) == (4, 0, 4)
    assert theirs == ours
    assert is_sound(installation)


def test_a_site_that_takes_its_own_export_back_has_everything_already(installation, tmp_path):
    first = installation.submit("Good news for everyone.")
    installation.submit("Indeed, it is.", parent_id=first["id"])
    path = tmp_path / "demo.jsonl"
    installation.run("export", path)

    told = report(installation, "jsonl", path)

    assert (told["stored"], told["there"], told["threads"]["parent_missing"]) == (0, 2, 0)


def test_codes_of_our_own_policy_are_the_work_of_a_rule(installation):
    words = "Good news for everyone http://a.example http://b.example http://c.example http://d.example"
    shown = installation.submit(words, external_id="s1", signals={"honeypot_filled": True})

    assert shown["status"] == "rejected"
    assert stored(installation)["s1"]["reason"] == "rule"


def test_scores_go_out_with_the_version_that_gave_them(installation):
    shown = installation.submit("Good news for everyone.", external_id="s1")

    line = json.loads(installation.run("export").stdout)

    assert {item["label"]: item["value"] for item in line["scores"]} == shown["scores"]
    assert {item["model_version"] for item in line["scores"]} == {shown["model_version"]}


def test_a_file_that_is_there_is_not_overwritten(installation, tmp_path):
    path = tmp_path / "there.jsonl"
    path.write_text("precious")

    result = installation.run("export", path)

    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert path.read_text() == "precious"
    assert installation.run("export", tmp_path / "nowhere" / "x").exit_code == 1
