"""``replydesk import jsonl``: our own form, and what every import has in common."""

import json

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.models import Audit, Event, Post
from moderation.schemas.comments import MAX_TEXT
from moderation.services.moving.record import MOST_CHARACTERS
from tests.moving import is_sound, json_lines, report, row, stored


@pytest.fixture
def file(tmp_path):
    return lambda *rows: json_lines(tmp_path / "comments.jsonl", *rows)


def count(installation, model):
    with installation.app.app_context():
        return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def test_the_limit_of_a_text_is_that_of_the_api():
    assert MOST_CHARACTERS == MAX_TEXT


def test_everything_that_a_row_says_is_stored(installation, file):
    told = report(installation, "jsonl", file(row()))

    found = installation.client.get("/v1/comments").json["items"]
    assert (told["read"], told["stored"], told["wrong"]) == (1, 1, 0)
    assert stored(installation) == {"a1": row()}
    assert [(c["reader_name"], c["status"], c["created_at"]) for c in found] == [
        ("Ana", "published", "2021-03-04T05:06:07.123456Z")
    ]
    assert found[0]["scores"]["toxicity"] < 0.5
    assert is_sound(installation)


def test_the_history_says_that_it_was_imported_and_no_site_is_told(installation, file):
    report(installation, "jsonl", file(row(), row(external_id="a2")))

    id = installation.client.get("/v1/comments").json["items"][0]["id"]
    history = installation.client.get(f"/v1/comments/{id}/history").json["items"]
    assert [(item["kind"], item["actor"], item["new_status"]) for item in history] == [
        ("imported", "import:jsonl", "published")
    ]
    assert count(installation, Event) == 0
    with installation.app.app_context():
        acts = db.session.scalars(sa.select(Audit).where(Audit.action == "comments.imported")).all()
    assert [act.data["count"] for act in acts] == [2]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": "x" * (MAX_TEXT + 1)}, "too_long"),
        ({"text": " \n"}, "empty"),
        ({"text": "\x00"}, "empty"),
        ({"text": 7}, "bad_value"),
        ({"text": None}, "empty"),
        ({"external_id": None}, "no_id"),
        ({"external_id": "x" * 256}, "bad_id"),
        ({"external_id": "\ud800"}, "bad_id"),
        ({"post_external_id": None, "post_url": None}, "no_id"),
        ({"created_at": "yesterday"}, "bad_time"),
        ({"created_at": "1970-01-01T00:00:00Z"}, "bad_time"),
        ({"created_at": "2999-01-01T00:00:00Z"}, "bad_time"),
        ({"created_at": "0001-01-01T00:00:00+23:59"}, "bad_time"),
        ({"status": "maybe"}, "bad_status"),
        ({"reason": "because"}, "bad_reason"),
        ({"decided_by": "nobody"}, "bad_decided_by"),
        ({"colour": "red"}, "unknown_column"),
        ({"scores": [{"label": "toxicity", "value": 3, "model_version": "m"}]}, "bad_scores"),
        ({"scores": {"toxicity": 1}}, "bad_scores"),
    ],
)
def test_a_wrong_row_is_told_with_its_line_and_costs_nobody_else_anything(installation, file, changes, reason):
    path = file(row(external_id="before"), row(**changes), row(external_id="after"))

    result = installation.run("import", "jsonl", path, "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert "1 of 3 records were skipped as wrong." in result.stderr
    assert [(why, found["count"], found["first"][0]["where"]) for why, found in told["skipped"].items()] == [
        (reason, 1, "line 2")
    ]
    assert set(stored(installation)) == {"before", "after"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"external_id": "a1", ', "not_json"),
        (b"[1]", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"external_id": "a\xff"}', "not_utf8"),
        (b'{"external_id": "a1", "post_url": "p", "text": "' + b"x" * 10_000_000 + b'"}', "too_long"),
    ],
)
def test_a_broken_line_is_passed_over(installation, file, line, reason):
    path = file(row(external_id="before"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + line + b"\n\n" + json.dumps(row()).encode())

    told = report(installation, "jsonl", path)

    assert (told["read"], told["stored"], list(told["skipped"])) == (3, 2, [reason])


def test_a_text_is_freed_of_what_no_page_should_see(installation, file):
    report(installation, "jsonl", file(row(text="a\x00b\ud800c" + "\u0301" * 500)))

    assert stored(installation)["a1"]["text"] == "abc" + "\u0301" * 30


def test_without_a_status_the_policy_decides(installation, file):
    words = "Cheap pills and replica watches at http://spam.example http://a.example http://b.example www.c.example"
    report(installation, "jsonl", file(row(status=None), row(external_id="a2", text=words, status=None)))

    found = stored(installation)
    assert (found["a1"]["status"], found["a2"]["status"] == "published") == ("published", False)
    assert is_sound(installation)


def test_decisions_of_the_source_become_labels_on_request_only(installation, file):
    judged = [
        row(external_id="a1", status="rejected", reason="spam", decided_by="human", text="Buy now."),
        row(external_id="a2", decided_by="human", decided_at="2022-01-01T00:00:00Z", text="I agree with that."),
        row(external_id="a3", status="rejected", reason="deleted", decided_by="human", text="Gone."),
        row(external_id="a4", status="rejected", reason="abuse", text="By their policy."),
    ]
    report(installation, "jsonl", file(*judged))
    silent = installation.run("labels", "export", "--format", "jsonl").stdout
    report(installation, "jsonl", file(*(made | {"external_id": f"b{n}"} for n, made in enumerate(judged))),
           "--decisions")  # fmt: skip

    learnt = [
        json.loads(line) for line in installation.run("labels", "export", "--format", "jsonl").stdout.splitlines()
    ]

    assert silent == ""
    assert {found["text"]: found["labels"].get("spam") for found in learnt} == {
        "Buy now.": 1.0,
        "I agree with that.": 0.0,
    }
    assert {found["actor"] for found in learnt} == {"import:jsonl"}
    assert is_sound(installation)


def test_a_rejection_has_a_statement_whatever_its_reason(installation, file):
    report(installation, "jsonl", file(*(
        row(external_id=reason, status="rejected", reason=reason) for reason in ("spam", "rule", "deleted", "duplicate")
    )))  # fmt: skip

    for found in installation.client.get("/v1/comments").json["items"]:
        answer = installation.client.get(f"/v1/comments/{found['id']}/statement")
        assert answer.status_code == 200
        assert answer.json["facts"]
        assert not answer.json["automated_decision"]


def test_no_score_takes_the_scores_of_the_file_and_rescore_makes_them(installation, file):
    scores = [{"label": "toxicity", "value": 0.25, "model_version": "theirs"}]
    report(installation, "jsonl", file(row(scores=scores), row(external_id="a2")), "--no-score")

    before = {c["external_id"]: (c["scores"], c["model_version"]) for c in comments(installation)}
    assert installation.run("rescore").exit_code == 0
    after = {c["external_id"]: len(c["scores"]) for c in comments(installation)}

    assert before == {"a1": ({"toxicity": 0.25}, "theirs"), "a2": ({}, "")}
    assert after == {"a1": 7, "a2": 7}


def comments(installation):
    return installation.client.get("/v1/comments").json["items"]


def test_imported_comments_stand_in_the_thread_where_their_time_is(installation, file):
    report(installation, "jsonl", file(
        row(external_id="late", created_at="2022-01-01T00:00:00Z"), row(external_id="early"),
        row(external_id="hidden", status="rejected", reason="abuse"), row(external_id="waits", status="pending"),
    ))  # fmt: skip
    installation.submit("And one of today.", post={"id": "2041"}, external_id="now")

    thread = installation.client.get("/v1/posts/2041/comments?shape=flat").json["items"]
    queue = installation.client.get("/v1/queue").json["items"]

    assert [found["created_at"][:4] for found in thread][:2] == ["2021", "2022"]
    assert len(thread) == 3
    assert [found["external_id"] for found in queue] == ["waits"]
    with installation.app.app_context():
        assert db.session.scalar(sa.select(Post.thread_version).where(Post.id == "2041")) >= 2


def test_an_unknown_column_is_passed_over_on_request(installation, file):
    told = report(installation, "jsonl", file(row(colour="red")), "--ignore-unknown")

    assert (told["stored"], told["wrong"]) == (1, 0)


def test_people_read_what_became_of_it(installation, file):
    result = installation.run(
        "import", "jsonl", file(row(), row(external_id="a2", parent_external_id="no"), row(text=""))
    )

    assert "3 read, 2 stored, 0 already there" in result.stdout
    assert "skipped as empty: 1 (line 3 has no text)" in result.stdout
    assert "1 replies answer what is not in the file and stand at the top" in result.stdout
    assert "\r" not in result.stderr
