"""The shipped model, as a newcomer meets it: ordinary people are left alone, plain abuse is not published."""

from pathlib import Path

import numpy as np
import pytest

import classifiers
from classifiers import artifact

# Written for this test by somebody who had not seen the model, its data or its mistakes.
POLITE = (Path(__file__).parent / "polite_comments.txt").read_text().splitlines()
# The other list is unfair on purpose: "damn", "idiot", "kill", and names of groups, all harmless. Training has seen
# its kind, not its lines.
HARD_WORDS = (Path(__file__).parent / "hard_words.txt").read_text().splitlines()
PLAIN_ABUSE = (
    "You are a stupid idiot and everybody here knows it.",
    "Shut your mouth, you pathetic loser.",
    "What a worthless piece of trash you are.",
    "Go to hell, you disgusting moron.",
    "Fuck you and your whole family.",
    "You people are scum and should be ashamed to be alive.",
    "The mayor is a corrupt fat pig and a liar.",
    "Only a brain-dead imbecile would write this rubbish.",
    "I will find you and I will kill you.",
    "Somebody should shoot this bastard.",
    "You dumb bitch, nobody asked for your opinion.",
    "Kill yourself, nobody would miss you.",
)
PLAIN_SPAM = (
    "Earn $500 a day from home, click http://fast-cash.example now!!!",
    "Cheap pills without prescription at www.pills.example best price",
    "Check out my new video on my channel please subscribe and I will subscribe back",
    "Buy followers and likes cheap at http://followers.example",
    "I made 5000 dollars a week with bitcoin, contact Mr Andrew on WhatsApp +1 555 0100 200",
)


@pytest.fixture(scope="module", params=[artifact.FULL, artifact.LINEAR])
def model(request):
    """Both tiers, and the first alone, as it answers where there is no time for the second."""
    return artifact.load(classifiers.bundled_path(), request.param)


def over(model, texts, line):
    """Which texts have a score at or over this line of the default policy."""
    lines = np.array([model.thresholds[label][line] for label in model.labels])
    return [text for text, row in zip(texts, model.predict_proba(texts), strict=True) if (row >= lines).any()]


def test_of_two_hundred_ordinary_polite_comments_at_most_two_wait_and_none_is_rejected(model):
    assert len(set(POLITE)) == 200

    assert over(model, POLITE, "reject_above") == []
    assert len(over(model, POLITE, "publish_below")) <= 2


def test_hard_words_used_harmlessly_are_never_rejected_and_seldom_wait(model):
    assert len(set(HARD_WORDS)) == 200

    assert over(model, HARD_WORDS, "reject_above") == []
    assert len(over(model, HARD_WORDS, "publish_below")) <= 12


@pytest.mark.parametrize("texts", [PLAIN_ABUSE, PLAIN_SPAM], ids=["abuse", "spam"])
def test_what_is_plain_is_not_published(model, texts):
    held_back = over(model, list(texts), "publish_below")

    assert [text for text in texts if text not in held_back] == []


def test_no_comment_of_these_lists_is_among_what_was_learnt():
    learnt = (Path(classifiers.__file__).parent / "ordinary.csv").read_text()

    assert [text for text in (*POLITE, *HARD_WORDS) if text in learnt] == []
