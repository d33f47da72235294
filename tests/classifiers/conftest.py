"""A tiny model trained on rows that are made here, and the shipped one."""

import random

import pytest

import classifiers
from classifiers import artifact
from classifiers.data import TrainingRow
from classifiers.train import train

SUBJECTS = ("the mayor", "that driver", "your cousin", "my landlord", "the referee", "this council")
PRAISE = (
    "{who} did a decent job and I thank everybody for it",
    "I met {who} at the market and we had a long talk",
    "I disagree with {who} but the argument is fair",
    "has anybody asked {who} about the new timetable",
)
ABUSE = (
    "{who} is a stupid idiot and a pathetic liar",
    "shut up you filthy moron, {who} too",
    "what an idiot, only a moron would trust {who}",
    "go to hell you worthless stupid clown, says {who}",
)
ADVERTS = (
    "earn $500 a day from home with {who} at http://cash.example now!!!",
    "cheap pills for {who} without prescription www.pills.example",
    "subscribe to the channel of {who} and win a free phone",
    "best casino bonus, free spins, ask {who} http://casino.example",
)


def synthetic_rows(count=240, *, seed=0):
    """Rows with toxicity, insult and spam; about a third of each kind."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        kind = number % 3
        text = chance.choice((PRAISE, ABUSE, ADVERTS)[kind]).format(who=chance.choice(SUBJECTS))
        labels = {"toxicity": float(kind == 1), "insult": float(kind == 1), "spam": float(kind == 2)}
        rows.append(TrainingRow(f"{text} {number}", labels, source="made"))
    return rows


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory):
    """A model directory trained in a moment on made rows; never written to."""
    out = tmp_path_factory.mktemp("tiny") / "model"
    train([], out, extra_rows=synthetic_rows())
    return out


@pytest.fixture(scope="session")
def tiny(tiny_path):
    return artifact.load(tiny_path)


@pytest.fixture(scope="session")
def bundled():
    return artifact.load(classifiers.bundled_path())
