"""The encoder tier as it is shipped: onnxruntime and NumPy, no torch."""

import subprocess
import sys

import numpy as np
import pytest

import classifiers
from classifiers import artifact
from classifiers.base import LABELS
from classifiers.encoder import EncoderClassifier, EncoderError

CLEAN = "The library opens at nine and the garden is lovely in May."
ABUSE = "You are a stupid, worthless idiot."
TOXICITY, HATE = LABELS.index("toxicity"), LABELS.index("identity_attack")


@pytest.fixture(scope="session")
def blobs():
    path = classifiers.bundled_path()
    return artifact.read_encoder(path, artifact.read_manifest(path))


@pytest.fixture(scope="session")
def encoder(blobs):
    return EncoderClassifier("encoder-test", blobs[artifact.ENCODER], blobs[artifact.VOCABULARY])


def test_tells_abuse_from_a_plain_sentence(encoder):
    clean, abuse = encoder.predict_proba([CLEAN, ABUSE])

    assert clean[TOXICITY] < 0.3
    assert abuse[TOXICITY] > 0.7


def test_reads_what_is_meant_and_not_only_hard_words(encoder):
    harmless, hateful = encoder.predict_proba(
        [
            "I would kill for a seat on the early train.",
            "People of that faith should not be allowed to live here.",
        ]
    )

    assert harmless[HATE] < hateful[HATE]


@pytest.mark.parametrize("place", [0, 30, 59])
def test_abuse_anywhere_in_a_long_text_is_found(encoder, place):
    sentences = [CLEAN] * 60
    sentences[place] = ABUSE

    assert encoder.predict_proba([" ".join(sentences)])[0, TOXICITY] > encoder.predict_proba([CLEAN])[0, TOXICITY] + 0.1


def test_a_text_scores_the_same_alone_and_among_others(encoder):
    texts = [CLEAN, ABUSE, "", f"{CLEAN} {ABUSE}" * 20]

    alone = np.concatenate([encoder.predict_proba([text]) for text in texts])

    assert np.array_equal(encoder.predict_proba(texts), alone)


def test_explains_by_the_word_without_which_the_score_falls(encoder):
    text = "Well \u2014 as I said, you are an IDIOT, and the weather is nice."

    first = next(span for span in encoder.explain(text) if span.label == "insult")

    assert text[first.start : first.end] == "IDIOT"
    assert encoder.explain(CLEAN) == []


def test_what_is_no_model_is_told(blobs):
    with pytest.raises(EncoderError, match="no model"):
        EncoderClassifier("damaged", b"not a model", blobs[artifact.VOCABULARY])
    with pytest.raises(EncoderError, match="no vocabulary"):
        EncoderClassifier("damaged", blobs[artifact.ENCODER], b"\xff")


def test_serving_needs_no_training_library():
    code = (
        "import sys, classifiers; from classifiers import artifact;"
        "artifact.load(classifiers.bundled_path()).predict_proba(['you idiot']);"
        "print(sorted({'torch', 'transformers', 'tokenizers', 'scipy', 'sklearn'} & set(sys.modules)))"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (0, "[]\n")
