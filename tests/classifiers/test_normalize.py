"""The text as it is scored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import normalize
from classifiers.normalize import aligned, canonical, skeleton

SAME_AS_PLAIN = {
    "case": "YOU Are An IDIOT",
    "full width": "\uff39\uff4f\uff55 \uff41\uff52\uff45 \uff41\uff4e \uff29\uff24\uff29\uff2f\uff34",
    "mathematical letters": "you are an \U0001d4f2\U0001d4ed\U0001d4f2\U0001d4f8\U0001d4fd",
    "squared letters": "you are an \U0001f178\U0001f173\U0001f178\U0001f17e\U0001f183",
    "accents": "y\xf6u \xe0re an \xefd\xef\xf6t",
    "zero width": "you a\u200bre an id\u200d\u2060iot",
    "bidirectional controls": "you are an \u202did\u2066iot\u2069",
    "soft hyphens": "you are an id\xadi\xadot",
    "stacked marks": "you are an i\u0300\u0301\u0302d\u0303\u0489iot",
    "lookalikes": "you are an \u0456d\u0456\u043et",
    "spaced": "you are an i d i o t",
    "dotted": "you are an i.d.i.o.t",
    "dashed": "you are an i-d-i-o-t!",
    "entities": "you are an &#105;diot&nbsp;",
    "punctuation": "\u00abYou\u00bb are\u2026 an -- \u201cidiot\u201d?!",
    "small capitals": "you are an \u026a\u1d05\u026a\u1d0f\u1d1b",
}


@pytest.mark.parametrize("text", SAME_AS_PLAIN.values(), ids=SAME_AS_PLAIN.keys())
def test_a_disguise_is_undone(text):
    assert canonical(text) == "you are an idiot"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what an 1d10t", "what an 1d10t idiot"),
        ("@sshole", "@sshole asshole"),
        ("fuuuuuck that", "fuuck that fuck"),
        ("sooo good", "soo good so"),
        ("f*ck", "f*ck fck"),
        ("I don\u2019t, you're", "i dont youre"),
        ("\U0001f602\U0001f3fd", "face with tears of joy"),
        ("https://www.news.example/a", "https www news example a"),
        ("\u20ac5 and \xa35", "$5 and $5 s5 s5"),
    ],
)
def test_what_may_be_a_disguise_stays_and_the_guess_is_added(text, expected):
    assert canonical(text) in (expected, expected.removesuffix(" s5 s5"))


@pytest.mark.parametrize("text", ["caf\xe9", "na\xefve", "Zo\xeb"])
def test_accents_make_no_other_word(text):
    assert canonical(text).isascii()


def test_words_of_another_script_stay_in_it():
    greeting = "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440"

    assert canonical(greeting) == greeting


@pytest.mark.parametrize("text", ["", "  \n", "?!", "\u200b", "\ud800"])
def test_a_text_without_words_is_one_word_of_its_own(text):
    assert canonical(text) == normalize.EMPTY
    assert aligned(text).text == normalize.EMPTY


TRICKY = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from(
            "aab cdeilot 013@$*!.-_'&;#<>\u0430\u0435\u0456\u03bf\u200b\u0301\U0001f600\u2019\xdf\ufb01\u0130"
        ),
    ),
    max_size=60,
)


@given(TRICKY)
def test_the_aligned_text_is_the_canonical_text(text):
    found = aligned(text)

    assert found.text == canonical(text)
    assert len(found.starts) == len(found.ends) == len(found.text)


@given(TRICKY)
def test_every_character_comes_from_a_place_in_the_raw_text(text):
    found = aligned(text)

    for character, start, end in zip(found.text, found.starts, found.ends, strict=True):
        assert (character == " " or found.text == normalize.EMPTY) == (start < 0)
        assert start == end == -1 or 0 <= start < end <= len(text)


def test_places_in_the_tail_of_a_long_text_are_those_of_the_raw_text():
    text = "x " * 20_000 + "the end"

    found = aligned(text)

    at = found.text.rindex("end")
    assert text[found.starts[at] : found.ends[at + 2]] == "end"


def test_a_long_text_is_cut_to_head_and_tail():
    text = "a" * normalize.HEAD_CHARACTERS + "b" * 50_000 + "c" * normalize.TAIL_CHARACTERS

    assert "b" not in normalize.seen(text)
    assert len(normalize.seen(text)) == normalize.HEAD_CHARACTERS + normalize.TAIL_CHARACTERS


@pytest.mark.parametrize("copy", ["Buy my  PILLS!!", "buy-my-pills", "bu\u0443 my p\u200bills", "BUY MY P I L L S"])
def test_copies_that_read_alike_have_one_skeleton(copy):
    assert skeleton(copy) == skeleton("buy my pills")
