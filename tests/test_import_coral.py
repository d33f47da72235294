"""``replydesk import coral``: collections as mongoexport writes them, of Coral and of Talk 4."""

import json

import pytest

from tests.moving import is_sound, json_lines, report, stored

CLOSED = {"$date": "2021-01-01T00:00:00Z"}
STORIES = [{"id": "s1", "url": "https://news.example/1", "metadata": {"title": "One"}, "closedAt": CLOSED}]
SPAM, TOXIC = "FLAG__COMMENT_DETECTED_SPAM", "FLAG__COMMENT_DETECTED_TOXIC"
USERS = [{"id": "u1", "username": "Ada", "role": "COMMENTER", "email": "ada@example.org"}, {"id": "u2"}]


def comment(id, body="<div>Words</div>", **changes):
    return {
        "_id": {"$oid": "60"}, "tenantID": "t1", "siteID": "site1", "id": id, "storyID": "s1", "authorID": "u1",
        "parentID": None, "childIDs": [], "childCount": 0, "ancestorIDs": [],
        "revisions": [{"id": "r0", "body": "Old"}, {"id": "r1", "body": body, "actionCounts": {}, "metadata": {}}],
        "status": "NONE", "actionCounts": {}, "tags": [], "createdAt": {"$date": "2020-05-06T07:08:09.123Z"},
    } | changes  # fmt: skip


@pytest.fixture
def file(tmp_path):
    return lambda *rows: json_lines(tmp_path / "comments.json", *rows)


def test_comments_come_with_the_names_of_stories_and_users(installation, tmp_path, file):
    names = ("--stories", json_lines(tmp_path / "stories.json", *STORIES), "--users",
             json_lines(tmp_path / "users.json", *USERS))  # fmt: skip
    told = report(installation, "coral", file(comment("a"), comment("b", parentID="a", authorID=None)), *names)

    found = stored(installation)
    assert (told["stored"], told["wrong"]) == (2, 0)
    assert found["coral:a"] == {
        "external_id": "coral:a", "post_external_id": "s1", "post_url": "https://news.example/1", "post_title": "One",
        "reader_external_id": "u1", "reader_name": "Ada", "text": "Words", "status": "published",
        "decided_by": "policy", "created_at": "2020-05-06T07:08:09.123000Z",
    }  # fmt: skip
    assert found["coral:b"]["parent_external_id"] == "coral:a"
    assert "reader_external_id" not in found["coral:b"]
    assert installation.client.get("/v1/posts/s1").json["comments"] == "closed"
    assert is_sound(installation)


@pytest.mark.parametrize(
    ("changes", "status", "reason", "human"),
    [
        ({"status": "NONE"}, "published", None, False),
        ({"status": "APPROVED"}, "published", None, True),
        ({"status": "REJECTED"}, "rejected", "abuse", True),
        ({"status": "REJECTED", "actionCounts": {SPAM: 1}}, "rejected", "spam", True),
        (
            {"status": "REJECTED", "actionCounts": {SPAM: 1, TOXIC: 1}},
            "rejected", "abuse", True,
        ),
        ({"status": "PREMOD"}, "pending", None, False),
        ({"status": "SYSTEM_WITHHELD"}, "pending", None, False),
        ({"status": "ACCEPTED"}, "published", None, True),
    ],
)  # fmt: skip
def test_each_status_has_its_meaning(installation, file, changes, status, reason, human):
    report(installation, "coral", file(comment("a", **changes)))

    found = stored(installation)["coral:a"]
    assert (found["status"], found.get("reason"), found["decided_by"] == "human") == (status, reason, human)


def test_decisions_become_labels_on_request_only(installation, file):
    rows = [comment("a", "Fine.", status="APPROVED"), comment("b", "By the system.", status="NONE"),
            comment("c", "Bad.", status="REJECTED")]  # fmt: skip
    report(installation, "coral", file(*rows), "--decisions")

    learnt = [
        json.loads(line) for line in installation.run("labels", "export", "--format", "jsonl").stdout.splitlines()
    ]

    assert {found["text"]: found["labels"]["toxicity"] for found in learnt} == {"Fine.": 0.0, "Bad.": 1.0}


def test_talk_4_is_read_too(installation, tmp_path, file):
    old = {"id": "a", "body": "Two\nlines <3", "asset_id": "s9", "author_id": "u1", "parent_id": None,
           "status": "ACCEPTED", "created_at": {"$date": {"$numberLong": "1588748889123"}}}  # fmt: skip
    assets = json_lines(tmp_path / "assets.json", {"id": "s9", "url": "https://news.example/9", "title": "Nine"})
    report(installation, "coral", file(old), "--stories", assets)

    found = stored(installation)["coral:a"]
    assert (found["text"], found["post_title"], found["created_at"]) == (
        "Two\nlines <3", "Nine", "2020-05-06T07:08:09.123000Z",
    )  # fmt: skip


def test_a_deleted_one_keeps_its_place(installation, file):
    gone = comment("a", deletedAt={"$date": "2021-05-06T07:08:09Z"}, revisions=[], authorID=None, status="REJECTED")
    report(installation, "coral", file(gone, comment("b", parentID="a")), "--decisions")

    found = stored(installation)
    assert (found["coral:a"]["text"], found["coral:a"]["deleted_at"]) == ("", "2021-05-06T07:08:09Z")
    assert found["coral:b"]["parent_external_id"] == "coral:a"
    assert installation.run("labels", "export", "--format", "jsonl").stdout == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "no_id"), ({"id": {"$oid": "1"}}, "bad_value"), ({"storyID": None}, "no_id"),
        ({"revisions": []}, "empty"), ({"revisions": [7]}, "empty"), ({"revisions": {"body": "x"}}, "empty"),
        ({"revisions": [{"body": ["x"]}]}, "bad_value"), ({"status": "MAYBE"}, "bad_status"),
        ({"createdAt": None}, "bad_time"), ({"createdAt": {"$date": {"$numberLong": "9" * 17}}}, "bad_time"),
        ({"createdAt": {"$date": True}}, "bad_value"), ({"createdAt": {"$date": 1e300}}, "bad_value"),
        ({"revisions": [{"body": "x" * 10_000_000}]}, "too_long"), ({"authorID": "x" * 300}, "bad_id"),
    ],
)  # fmt: skip
def test_a_wrong_comment_is_told_with_its_line_and_costs_no_other(installation, file, changes, reason):
    told = report(installation, "coral", file(comment("a"), comment("b") | changes, comment("c")))

    assert {why: found["first"][0]["where"] for why, found in told["skipped"].items()} == {reason: "line 2"}
    assert set(stored(installation)) == {"coral:a", "coral:c"}


def test_missing_parents_circles_repeated_ids_and_broken_lines_are_told(installation, file):
    path = file(comment("a", parentID="nobody"), comment("b", parentID="c"), comment("c", parentID="b"), comment("a"))
    path.write_bytes(path.read_bytes() + b'{"id": "\xff"}\n{"id":\n[1]\n')

    told = report(installation, "coral", path)

    assert {why: found["count"] for why, found in told["skipped"].items()} == {"not_utf8": 1, "not_json": 2}
    assert (told["stored"], told["there"]) == (3, 1)
    assert told["threads"] == {"reattached": 0, "parent_missing": 1, "parent_elsewhere": 0, "cycles_broken": 1}
    assert is_sound(installation)


def test_names_that_cannot_be_read_cost_no_comment(installation, tmp_path, file):
    users = tmp_path / "users.json"
    users.write_bytes(b'{"id": 7}\n{"id":\n\xff\n{"id": "u1", "username": "Ada"}\n')

    told = report(installation, "coral", file(comment("a")), "--users", users)

    assert (told["stored"], stored(installation)["coral:a"]["reader_name"]) == (1, "Ada")
