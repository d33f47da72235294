"""What every classifier keeps to: each one x each check."""

import numpy as np
import pytest

from classifiers.base import LABELS, Span
from classifiers.wordlist import WordlistClassifier

HOSTILE = {
    "empty": "",
    "blank": " \t\n ",
    "NUL": "you\x00are",
    "lone surrogates": "a \ud800 b \udfff",
    "stacked marks": "e" + "\u0301" * 10_000,
    "one character": "a" * 100_000,
    "one punctuation mark": "!" * 100_000,
    "a megabyte": "you are wrong about the bridge, you idiot " * 25_000,
    "a megabyte without blanks": "idiotsandwich" * 80_000,
    "right to left": "\u202eidiot\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "families": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 " * 50,
    "entities": "&lt;b&gt; &#0; &#x110000; &nosuch; &amp;amp; &#999999999;",
    "other scripts": "\u4f60\u597d \ud55c\uad6d\uc5b4 \u3164 \u0f40\u0f90",
    "noncharacters": "\ufffe\uffff\U0010ffff\ufeff",
    "backslashes": "\\d+(a+)+$ %s {0} ${x}",
}
SENTENCES = (
    "Good news for everyone who commutes.",
    "you are a stupid idiot and everybody knows it",
    "caf\xe9 \u2014 \u201cidiot\u201d",
    "1d10t i d i o t idiooooot",
    "visit http://casino.example now!!!",
)


@pytest.fixture(params=["wordlist", "tiny", "bundled"])
def classifier(request):
    return WordlistClassifier() if request.param == "wordlist" else request.getfixturevalue(request.param)


def test_has_a_name_a_version_and_the_labels(classifier):
    assert classifier.name
    assert classifier.version
    assert classifier.labels == LABELS


def test_gives_a_float32_probability_for_every_text_and_label(classifier):
    scores = classifier.predict_proba(SENTENCES)

    assert scores.dtype == np.float32
    assert scores.shape == (len(SENTENCES), len(LABELS))
    assert ((scores >= 0) & (scores <= 1)).all()


def test_no_text_gives_no_row(classifier):
    assert classifier.predict_proba([]).shape == (0, len(LABELS))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_scored_and_explained(classifier, text):
    scores = classifier.predict_proba([text])
    spans = classifier.explain(text)

    assert np.isfinite(scores).all()
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


def test_a_text_scores_the_same_alone_and_among_others(classifier):
    texts = [*SENTENCES, *HOSTILE.values()]

    together = classifier.predict_proba(texts)
    alone = np.concatenate([classifier.predict_proba([text]) for text in texts])
    many = classifier.predict_proba(list(SENTENCES) * 300)

    assert np.array_equal(together, alone)
    assert np.array_equal(many[: len(SENTENCES)], many[-len(SENTENCES) :])


def test_asking_twice_gives_the_same_answer(classifier):
    assert np.array_equal(classifier.predict_proba(SENTENCES), classifier.predict_proba(SENTENCES))
    assert classifier.explain(SENTENCES[1]) == classifier.explain(SENTENCES[1])


def test_explains_abuse_by_the_word_that_tells(classifier):
    text = "Well, you are a stupid idiot, and everybody knows it."

    spans = classifier.explain(text)

    assert all(isinstance(span, Span) and span.weight > 0 and span.label in LABELS for span in spans)
    assert any("idiot" in text[span.start : span.end] for span in spans)


def test_explains_by_places_in_the_raw_text(classifier):
    text = "\u201cWell\u201d\u2026 \U0001f600 you \u202ffucking \u0456d\u0456ot\u200b!"

    found = [text[span.start : span.end] for span in classifier.explain(text)]

    assert any("d\u0456ot" in piece for piece in found)


def test_says_nothing_about_a_harmless_text(classifier):
    assert [span for span in classifier.explain("Good news for everyone who commutes.") if span.weight > 3] == []
