"""``replydesk import isso``: a database that Isso wrote, and files that only look like one."""

import gzip
import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.moving import is_sound, report, stored

ADD = "INSERT INTO comments (tid, id, parent, created, mode, text, author, voters) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
WRITTEN = Path(__file__).parent / "recorded" / "isso.sql"


def database(path, *statements):
    """What Isso itself wrote (its dump tells how), and then ``statements``, each with its values."""
    with closing(sqlite3.connect(path)) as file:
        file.executescript(WRITTEN.read_text())
        for sql, *values in statements:
            file.execute(sql, values)
        file.commit()
    return path


def add(id, text="Words", *, tid=1, parent=None, created=1600000500.0, mode=1, author="Ada"):
    return (ADD, tid, id, parent, created, mode, text, author, b"")


@pytest.fixture
def file(tmp_path):
    return lambda *statements: database(tmp_path / "comments.db", *statements)


def test_what_isso_wrote_comes_in_whole(installation, file):
    told = report(installation, "isso", file())

    found = stored(installation)
    mail = sha256(b"ada@example.org").hexdigest()
    first = found["isso:1"]
    assert (told["read"], told["stored"], told["wrong"]) == (5, 5, 0)
    assert first.pop("reader_external_id") == f"isso:email:{mail}"
    assert first == {
        "external_id": "isso:1", "post_external_id": "/2020/first/", "post_title": "First & foremost",
        "reader_name": "Ada", "reader_url": "https://ada.example", "text": "Hello *world*", "status": "published",
        "decided_by": "policy", "created_at": "2020-09-13T12:26:40.250000Z",
    }  # fmt: skip
    assert found["isso:2"]["parent_external_id"] == "isso:1"
    assert found["isso:3"]["status"] == "pending"
    assert (found["isso:4"]["status"], found["isso:4"]["reason"], found["isso:4"]["text"]) == (
        "rejected",
        "deleted",
        "",
    )
    assert found["isso:5"]["parent_external_id"] == "isso:4"
    assert found["isso:5"]["post_url"] == "https://b.example/second"
    assert is_sound(installation)


def test_the_file_stays_as_it_is_and_can_be_imported_again(installation, file):
    path = file()
    before, siblings = path.read_bytes(), set(path.parent.iterdir())
    path.chmod(0o400)
    report(installation, "isso", path)

    told = report(installation, "isso", path)

    assert (told["stored"], told["there"]) == (0, 5)
    assert path.read_bytes() == before
    assert {name for name in set(path.parent.iterdir()) - siblings if name.name.startswith("comments.db")} == set()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (add(6, "x" * 10_000_000), "too_long"),
        (add(6, " \n"), "empty"),
        (add(6, tid=99), "no_post"),
        (add(6, tid=None), "no_post"),
        (add(6, created="yesterday"), "bad_time"),
        (add(6, created=1e300), "bad_time"),
        (add(6, created=float("inf")), "bad_time"),
        (add(6, created=0.0), "bad_time"),
        (add(6, mode=3), "bad_status"),
        (add(6, mode="x" * 1_000), "bad_status"),
        (add(6, b"a\xffb"), "not_utf8"),
        ((ADD.replace("?, ?, ?)", "CAST(? AS TEXT), ?, ?)"), 1, 6, None, 1.6e9, 1, b"a\xff", "", b""), "not_utf8"),
    ],
)  # fmt: skip
def test_a_wrong_comment_is_told_and_costs_no_other(installation, file, statement, reason):
    told = report(installation, "isso", file(statement, add(7)))

    assert {why: found["first"][0]["where"] for why, found in told["skipped"].items()} == {reason: "comment 6"}
    assert (told["stored"], "isso:7" in stored(installation)) == (6, True)


def test_missing_parents_and_circles_are_told(installation, file):
    path = file(add(6, parent=99), add(7, parent=8), add(8, parent=7), add(9, parent=9), add(10, parent=5))

    told = report(installation, "isso", path)

    assert told["threads"] == {"reattached": 0, "parent_missing": 1, "parent_elsewhere": 1, "cycles_broken": 2}
    assert is_sound(installation)


def no_sqlite(path):
    path.write_text("Hello")


def half(path):
    whole = database(path, *(add(n, f"Words {n} " * 50) for n in range(6, 500))).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def gzipped(path):
    path.write_bytes(gzip.compress(database(path).read_bytes()))


def other_tables(path):
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE comments (id)")


def views(path):
    """A view that never ends, under the name of a table."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE threads (id, uri, title)")
        file.execute(
            "CREATE VIEW comments AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
            " SELECT id, 1 AS tid, 0 AS parent, 1.6e9 AS created, 1 AS mode, 'x' AS text, '' AS author,"
            " '' AS email, '' AS website FROM n"
        )


def unfinished(path):
    database(path)
    path.with_name(f"{path.name}-wal").write_bytes(b"x")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (no_sqlite, "file is not a database"), (gzipped, "file is not a database"),
        (other_tables, "has no tables threads and comments"), (views, "has no tables threads and comments"),
        (unfinished, "stop Isso"), (half, "malformed"), (Path.touch, "has no tables"),
    ],
)  # fmt: skip
def test_what_is_no_database_of_isso_gets_one_sentence(installation, tmp_path, make, sentence):
    path = tmp_path / "comments.db"
    make(path)

    result = installation.run("import", "isso", path)

    assert (result.exit_code, sentence in result.stderr) == (1, True), result.stderr
    assert "Traceback" not in result.output


def test_a_dry_run_tells_the_same_and_stores_nothing(installation, file):
    told = report(installation, "isso", file(), "--dry-run")

    assert (told["stored"], stored(installation)) == (5, {})
    assert json.dumps(told)
