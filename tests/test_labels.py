"""People's decisions as training rows: `replydesk labels export`."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from moderation.db import db
from moderation.models import Comment, Decision
from moderation.policy import LABELS
from moderation.services import comments, labels
from moderation.services.labels import LabelledRow

ABUSE = LABELS[:-1]


def export(installation, *words):
    result = installation.run("labels", "export", *words)
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def decided(installation, text, status, reason=None, **changes):
    id = installation.submit(text, **changes)["id"]
    installation.decide(id, status, reason)
    return id


def labels_in(row):
    return {label: row[label] for label in LABELS if row[label]}


def set_scores(installation, id, **scores):
    with installation.app.app_context():
        db.session.get(Comment, id).scores = dict.fromkeys(LABELS, 0.01) | scores
        db.session.commit()


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("published", None, dict.fromkeys(LABELS, "0")),
        ("rejected", "abuse", {"toxicity": "1"}),
        ("rejected", "spam", {"spam": "1"}),
    ],
)
def test_a_decision_says_only_what_it_means(installation, status, reason, expected):
    decided(installation, "The weather was fine on Monday.", status, reason)

    [row] = export(installation)

    assert labels_in(row) == expected


@pytest.mark.parametrize("reason", ["off_topic", "personal_data", "illegal", "other"])
def test_reasons_that_are_no_label_give_no_row(installation, reason):
    decided(installation, "The weather was fine on Monday.", "rejected", reason)

    assert export(installation) == []


def test_a_rejection_for_abuse_confirms_the_kinds_that_were_over_the_publish_line(installation):
    id = installation.submit("The weather was fine on Monday.")["id"]
    set_scores(installation, id, toxicity=0.2, insult=0.97, threat=0.03, spam=0.99)
    installation.decide(id, "rejected", "abuse")

    [row] = export(installation)

    assert labels_in(row) == {"toxicity": "1", "insult": "1"}


def test_a_row_tells_where_it_comes_from(installation):
    id = decided(installation, "The weather was fine, “they” said,\nand it was.", "published")
    before = datetime.now(UTC)

    [row] = export(installation)

    assert row["comment_id"] == id
    assert row["decision_id"].startswith("dec_")
    assert row["actor"].startswith("key:")
    assert (row["site"], row["weight"]) == ("demo", "1")
    assert row["text"] == "The weather was fine, “they” said,\nand it was."
    assert timedelta(0) <= before - datetime.fromisoformat(row["decided_at"]) < timedelta(minutes=1)


def test_json_lines_hold_the_same(installation):
    decided(installation, "The weather was fine on Monday.", "rejected", "spam")

    result = installation.run("labels", "export", "--format", "jsonl")

    assert json.loads(result.stdout)["labels"] == {"spam": 1.0}


def test_of_several_decisions_on_a_comment_the_last_counts(installation):
    id = decided(installation, "The weather was fine on Monday.", "rejected", "spam")
    installation.decide(id, "published")

    [row] = export(installation)

    assert row["spam"] == "0"


def test_a_decision_that_was_taken_back_does_not_count(installation):
    id = decided(installation, "The weather was fine on Monday.", "published")
    installation.decide(id, "rejected", "spam")
    with installation.app.app_context():
        last = db.session.scalar(sa.select(Decision).where(Decision.comment_id == id, Decision.reason == "spam"))
        comment = db.session.get(Comment, id)
        comments.set_status(
            db.session(), comment, last.old_status, actor="moderator:mod_1", kind="undone", undoes_id=last.id
        )
        db.session.commit()

    [row] = export(installation)

    assert row["spam"] == "0"


def test_verdicts_of_the_policy_are_no_labels(installation):
    installation.submit("The weather was fine on Monday.")

    assert export(installation) == []


def test_a_deleted_comment_teaches_nothing(installation):
    id = decided(installation, "The weather was fine on Monday.", "rejected", "spam")
    installation.client.delete(f"/v1/comments/{id}")

    assert export(installation) == []


def test_a_decision_belongs_to_the_text_that_was_seen(installation):
    id = decided(installation, "Buy my lamps.", "rejected", "spam")
    installation.client.put(f"/v1/comments/{id}", json={"text": "I like lamps."})
    installation.client.put(f"/v1/comments/{id}", json={"text": "I like all lamps."})

    [row] = export(installation)

    assert row["text"] == "Buy my lamps."


def test_the_same_text_counts_once_as_it_was_decided_last(installation):
    decided(installation, "Buy my wonderful lamps today.", "published", reader={"id": "u-1"})
    decided(installation, "Buy my  wonderful lamps TODAY.", "rejected", "spam", reader={"id": "u-2"})

    [row] = export(installation)

    assert labels_in(row) == {"spam": "1"}


def test_one_site_and_a_time_can_be_asked_for(installation):
    decided(installation, "The weather was fine on Monday.", "published")
    installation.add_site("other", installation.app.test_client())
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()

    assert len(export(installation, "--site", "demo")) == 1
    assert export(installation, "--site", "other") == []
    assert export(installation, "--since", tomorrow) == []


def test_a_wrong_site_or_time_is_answered_with_a_sentence(installation):
    unknown = installation.run("labels", "export", "--site", "nowhere")
    no_time = installation.run("labels", "export", "--since", "yesterday")

    assert (unknown.exit_code, no_time.exit_code) == (1, 2)
    assert "There is no site “nowhere”" in unknown.stderr
    assert "'yesterday' is no time" in no_time.stderr


def rows_of(**count_by_actor):
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    return [
        LabelledRow(f"cmt_{actor}{n}", "dec_1", "demo", actor, moment, "text", {"spam": 1.0})
        for actor, count in count_by_actor.items()
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("rows", "together"),
    [
        (rows_of(ana=1_000), {"ana": 1_000}),
        (rows_of(ana=1_000, ben=600), {"ana": 600, "ben": 600}),
        (rows_of(ana=1_000, ben=300, cem=200), {"ana": 500, "ben": 300, "cem": 200}),
        (rows_of(ana=1_000, ben=1), {"ana": 200, "ben": 1}),
        (rows_of(ana=150, ben=1), {"ana": 150, "ben": 1}),
        ([], {}),
    ],
)
def test_nobody_outweighs_all_others_beyond_a_small_sites_need(rows, together):
    found = {}
    for row in labels.balanced(rows):
        found[row.actor] = found.get(row.actor, 0.0) + row.weight

    assert found == pytest.approx(together, rel=1e-4)


def suggest(installation, text, value):
    key = {"Authorization": installation.client.environ_base["HTTP_AUTHORIZATION"]}
    body = {"comment": {"text": text}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": value}}}}
    assert installation.client.post("/v1alpha1/comments:suggestscore", json=body, headers=key).status_code == 200


def test_feedback_from_outside_is_a_row_of_half_the_weight_that_names_its_door(installation):
    suggest(installation, "The weather was fine on Monday.", 1)

    [row] = export(installation)

    assert labels_in(row) == {"toxicity": "1"}
    assert (row["weight"], row["source"], row["comment_id"]) == ("0.5", "perspective", "")
    assert row["decision_id"].startswith("fbk_")
    assert row["actor"].startswith("perspective:key:")


def test_a_decision_counts_before_feedback_on_the_same_text(installation):
    decided(installation, "The weather was fine on Monday.", "published")
    suggest(installation, "The weather was fine on  monday.", 1)

    [row] = export(installation)

    assert (row["source"], row["toxicity"]) == ("decision", "0")
