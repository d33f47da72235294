"""What is suggested at the Perspective door becomes a training label, and no JSON at all breaks the door."""

import json

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.db import db
from moderation.models import Feedback
from tests.perspective import ANALYZE, SUGGEST, Caller, is_envelope, stored


@pytest.fixture
def door(app, site_key):
    return Caller(app, site_key["demo"])


def suggestion(value=1, attribute="TOXICITY", text="That is a fine lamp.", **more):
    scores = {attribute: {"summaryScore": {"value": value}}}
    return {"comment": {"text": text}, "attributeScores": scores, **more}


def rows_of(app):
    with app.app_context():
        return db.session.scalars(sa.select(Feedback).order_by(Feedback.id)).all()


def test_a_suggestion_as_coral_sends_it_becomes_a_label_with_provenance(app, door):
    sent = suggestion(
        1, "SEVERE_TOXICITY", communityId="Coral:https://news.example", clientToken="comment:17", languages=["en"],
        context={"entries": [{"text": '{"url": "https://news.example/1", "reply_to_id_Coral_comment_id": null}'}]},
    )  # fmt: skip

    response = door(SUGGEST, json=sent)

    assert (response.status_code, response.json) == (200, {"clientToken": "comment:17"})
    [row] = rows_of(app)
    assert (row.source, row.text, row.labels) == ("perspective", "That is a fine lamp.", {"severe_toxicity": 1.0})
    assert row.actor.startswith("key:")


def test_the_same_suggestion_again_changes_nothing_and_another_opinion_replaces_it(app, door):
    named = {"communityId": "c", "clientToken": "t"}
    door(SUGGEST, json=suggestion(1, **named))
    once = stored(app)
    door(SUGGEST, json=suggestion(1, **named))
    twice = stored(app)
    door(SUGGEST, json=suggestion(0.4, **named))
    door(SUGGEST, json=suggestion(1, "INSULT", **named))

    assert once == twice
    [row] = rows_of(app)
    assert row.labels == {"toxicity": 0.0, "insult": 1.0}


def test_suggestions_without_a_token_count_once_a_text(app, door):
    assert door(SUGGEST, json=suggestion(1)).json == {}
    assert door(SUGGEST, json=suggestion(0)).json == {}

    assert [row.labels for row in rows_of(app)] == [{"toxicity": 0.0}]


def test_span_scores_alone_are_taken_and_do_not_store_is_kept(app, door):
    spans = {"TOXICITY": {"spanScores": [{"begin": 0, "end": 4, "score": {"value": 0.9, "type": "PROBABILITY"}}]}}

    door(SUGGEST, json={"comment": {"text": "Well, idiot."}, "attributeScores": spans, "doNotStore": True})
    assert rows_of(app) == []
    door(SUGGEST, json={"comment": {"text": "Well, \x00idiot."}, "attributeScores": spans})
    assert [(row.text, row.labels) for row in rows_of(app)] == [("Well, idiot.", {"toxicity": 1.0})]


@pytest.mark.parametrize(
    "scores",
    [None, {}, [], {"FOO": {"summaryScore": {"value": 1}}}, {"TOXICITY": {}}, {"TOXICITY": {"summaryScore": {}}},
     {"TOXICITY": {"summaryScore": {"value": 2}}}, {"TOXICITY": {"summaryScore": {"value": "x"}}},
     {"TOXICITY": {"summaryScore": {"value": 1}}, "FOO": {"summaryScore": {"value": 1}}}],
)  # fmt: skip
def test_a_bad_suggestion_leaves_nothing_behind(app, door, scores):
    before = stored(app)

    response = door(SUGGEST, json={"comment": {"text": "A lamp."}, "attributeScores": scores})

    assert response.status_code == 400
    assert is_envelope(response)
    assert stored(app) == before


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
_NAME = st.sampled_from(["TOXICITY", "SPAM", "FLIRTATION"]) | st.text(max_size=8)
_SCORE = st.fixed_dictionaries({}, optional={"value": st.floats(0, 1) | _JSON, "type": _JSON}) | _JSON
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "comment": st.fixed_dictionaries({}, optional={"text": st.text() | _JSON, "type": _JSON}) | _JSON,
        "requestedAttributes": st.dictionaries(_NAME, st.just({}) | _JSON, max_size=3) | _JSON,
        "attributeScores": st.dictionaries(
            _NAME, st.fixed_dictionaries({}, optional={"summaryScore": _SCORE, "spanScores": st.lists(_SCORE) | _JSON})
        )
        | _JSON,
        "spanAnnotations": st.booleans() | _JSON, "languages": st.lists(st.just("en") | _JSON) | _JSON,
        "clientToken": _JSON, "communityId": _JSON, "context": _JSON, "doNotStore": _JSON,
    },
)  # fmt: skip


@given(body=_BODY | _JSON, path=st.sampled_from([ANALYZE, SUGGEST]))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_at_all_gets_a_fault_or_another_form_of_answer(app, door, body, path):
    before = stored(app)

    response = door(path, data=json.dumps(body))

    assert response.status_code in (200, 400), response.text
    if response.status_code == 400:
        assert is_envelope(response)
        assert stored(app) == before


@given(raw=st.binary(max_size=200), path=st.sampled_from([ANALYZE, SUGGEST]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_at_all_get_a_fault(door, raw, path):
    response = door(path, data=raw)

    assert response.status_code == 400
    assert is_envelope(response)
