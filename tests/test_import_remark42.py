"""``replydesk import remark42``: a backup as Remark42 writes it."""

import gzip
import json

import pytest

from moderation.services.moving import lines
from tests.moving import is_sound, report, stored

META = {
    "version": 1,
    "users": [{"id": "github_1", "blocked": {"status": False, "until": "0001-01-01T00:00:00Z"}, "verified": True}],
    "posts": [{"url": "https://blog.example/two/", "read_only": True}],
}


def comment(id, text="<p>Words</p>\n", **changes):
    return {
        "id": id, "pid": "", "text": text, "orig": "Words",
        "user": {"name": "Ada", "id": "github_1", "picture": "", "ip": "293ec5b0", "admin": False},
        "locator": {"site": "blog", "url": "https://blog.example/one/"}, "score": 1, "votes": {"u": True}, "vote": 0,
        "time": "2020-05-06T09:08:09.123456789+02:00", "title": "One",
    } | changes  # fmt: skip


def backup(path, *rows, meta=META):
    text = "".join(json.dumps(row) + "\n" for row in ([meta] if meta else []) + list(rows))
    path.write_bytes(gzip.compress(text.encode()))
    return path


@pytest.fixture
def file(tmp_path):
    return lambda *rows, **more: backup(tmp_path / "backup.gz", *rows, **more)


def test_comments_come_with_their_threads_times_and_authors(installation, file):
    told = report(installation, "remark42", file(
        comment("a"), comment("b", '<p>A <a href="https://c.example">reply</a></p>', pid="a",
                user={"id": "x", "name": "Bo"}),
        comment("c", locator={"url": "https://blog.example/two/"}),
    ))  # fmt: skip

    found = stored(installation)
    assert (told["read"], told["stored"], told["wrong"]) == (3, 3, 0)
    assert found["remark42:a"] == {
        "external_id": "remark42:a", "post_external_id": "https://blog.example/one/",
        "post_url": "https://blog.example/one/", "post_title": "One", "reader_external_id": "remark42:github_1",
        "reader_name": "Ada", "text": "Words", "status": "published", "decided_by": "policy",
        "created_at": "2020-05-06T07:08:09.123456Z",
    }  # fmt: skip
    assert found["remark42:b"]["parent_external_id"] == "remark42:a"
    assert found["remark42:b"]["text"] == "A reply (https://c.example)"
    assert installation.client.get("/v1/posts/https%3A%2F%2Fblog.example%2Ftwo%2F").json["comments"] == "closed"
    assert is_sound(installation)


def test_a_deleted_one_keeps_its_place_and_teaches_nothing(installation, file):
    gone = comment("a", "", delete=True, user={"name": "deleted", "id": "deleted"})
    report(installation, "remark42", file(gone, comment("b", pid="a")), "--decisions")

    found = stored(installation)
    assert (found["remark42:a"]["status"], found["remark42:a"]["reason"]) == ("rejected", "deleted")
    assert "reader_external_id" not in found["remark42:a"]
    assert found["remark42:b"]["parent_external_id"] == "remark42:a"
    assert installation.run("labels", "export", "--format", "jsonl").stdout == ""
    assert is_sound(installation)


def test_a_second_run_stores_nothing_twice(installation, file):
    path = file(comment("a"), comment("b", pid="a"))
    report(installation, "remark42", path)

    told = report(installation, "remark42", path)

    assert (told["stored"], told["there"]) == (0, 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "no_id"), ({"id": "x" * 300}, "bad_id"), ({"id": 7}, "bad_value"), ({"text": ""}, "empty"),
        ({"text": "x" * 10_000_000}, "too_long"), ({"text": None}, "empty"), ({"locator": None}, "no_id"),
        ({"time": "0001-01-01T00:00:00Z"}, "bad_time"), ({"time": None}, "bad_time"),
        ({"user": {"id": "\ud800"}}, "bad_id"), ({"user": {"id": ["x"]}}, "bad_value"),
    ],
)  # fmt: skip
def test_a_wrong_comment_is_told_with_its_line_and_costs_no_other(installation, file, changes, reason):
    told = report(installation, "remark42", file(comment("a"), comment("b") | changes, comment("c")))

    assert {why: found["first"][0]["where"] for why, found in told["skipped"].items()} == {reason: "line 3"}
    assert set(stored(installation)) == {"remark42:a", "remark42:c"}


def test_missing_parents_circles_and_repeated_ids_are_told(installation, file):
    told = report(installation, "remark42", file(
        comment("a", pid="nobody"), comment("b", pid="c"), comment("c", pid="b"), comment("d", pid="d"), comment("a"),
        comment("a", "<p>Another text</p>"), comment("e", pid="a", locator={"url": "https://blog.example/else/"}),
    ))  # fmt: skip

    assert (told["stored"], told["there"], told["skipped"]["id_taken"]["count"]) == (5, 1, 1)
    assert told["threads"] == {"reattached": 0, "parent_missing": 1, "parent_elsewhere": 1, "cycles_broken": 2}
    assert is_sound(installation)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "The file is empty."),
        (json.dumps(comment("a")).encode(), "The first line is not that of a backup of Remark42"),
        (b"<disqus/>", "The first line is not that of a backup of Remark42"),
        (b'{"version": 9}\n', "has the version 9"),
        (b'{"version": [9]}\n', "has the version [9]"),
    ],
)
def test_another_file_gets_one_sentence(installation, tmp_path, raw, sentence):
    path = tmp_path / "file"
    path.write_bytes(raw)

    result = installation.run("import", "remark42", path)

    assert (result.exit_code, sentence in result.stderr) == (1, True), result.stderr
    assert result.stderr.count("\n") == 1


def test_a_truncated_backup_stores_what_came_before(installation, tmp_path):
    path = backup(tmp_path / "backup.gz", *(comment(f"c{n}", f"Words {n} {'x' * n}") for n in range(200)))
    path.write_bytes(path.read_bytes()[:-400])

    result = installation.run("import", "remark42", path, "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert "cannot be read on" in told["broken"]
    assert 0 < told["stored"] < 200


def test_a_decompression_bomb_is_read_no_further_than_a_line_may_be_long(installation, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE_BYTES", 2**20)
    path = tmp_path / "backup.gz"
    with gzip.open(path, "wb") as bomb:
        bomb.write(json.dumps(META).encode() + b'\n{"id": "')
        for _ in range(64):
            bomb.write(b"0" * 2**20)

    result = installation.run("import", "remark42", path)

    assert (result.exit_code, "line 2 is longer than 1,048,576 bytes" in result.stderr) == (1, True), result.stderr
