"""Texts to hashed n-grams."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import features, surface

WORDS = st.lists(st.text(alphabet="abcdefgh\u0436\u4f60*", min_size=1, max_size=9), min_size=1, max_size=12)


def rows_of(texts):
    found = features.extract(texts, [""] * len(texts))
    return [found.buckets[a:b].tolist() for a, b in zip(found.starts, found.starts[1:], strict=False)]


def grams_by_hand(text):
    """The n-grams of a canonical text, cut out one by one."""
    words = text.split(" ")
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    inside = [
        f" {word} "[start : start + size]
        for word in words
        for size in features.CHARACTER_SIZES
        for start in range(len(word) + 3 - size)
    ]
    return sorted([f" {word}" for word in words + pairs] + inside)


@given(WORDS)
def test_the_ngrams_are_those_cut_out_by_hand(words):
    text = " ".join(words)
    found = features.grams([text])
    padded = f" {text} "

    cut = [padded[start : start + length] for start, length in zip(found.starts, found.lengths, strict=True)]

    assert sorted(cut) == grams_by_hand(text)


@given(WORDS, WORDS)
def test_a_text_has_the_same_features_alone_and_among_others(first, second):
    texts = [" ".join(first), " ".join(second)]

    assert rows_of(texts) == rows_of(texts[:1]) + rows_of(texts[1:])


def test_thousands_of_texts_at_once_have_the_features_of_each():
    texts = [f"word{n} and word{n + 1} together" for n in range(9_000)]

    together = rows_of(texts)

    assert [together[n] for n in (0, 4_095, 4_096, 8_191, 8_999)] == [
        rows_of([texts[n]])[0] for n in (0, 4_095, 4_096, 8_191, 8_999)
    ]


def test_buckets_ascend_and_none_comes_twice():
    (buckets,) = rows_of(["to be or not to be"])

    assert buckets == sorted(set(buckets))
    assert buckets[-1] < features.BUCKETS


def test_no_pair_of_words_reaches_into_the_next_text():
    apart, together = rows_of(["left", "right"]), rows_of(["left right"])[0]

    assert set(together) - set(apart[0]) - set(apart[1])


def test_different_texts_rarely_share_a_bucket():
    texts = [f"{a}{b}{c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyzabcd"]
    # The last n-gram of a single word of three letters is the word itself.
    buckets = {int(features.grams([text]).keys[-1]) for text in texts}

    assert len(buckets) > 0.98 * len(texts)


def test_the_features_of_a_text_never_change():
    assert rows_of(["you are an idiot"])[0][:5] == [2800, 7620, 21954, 27890, 28595]


@pytest.mark.parametrize("length", [1, 1_999, 2_000])
def test_a_text_up_to_a_window_is_one(length):
    assert features.windows("x" * length) == ["x" * length]


@pytest.mark.parametrize("length", [2_001, 3_600, 3_601, 20_000, 200_000])
def test_windows_of_a_longer_text_reach_from_its_start_to_its_end(length):
    starts = features.window_starts(length)

    assert starts[0] == 0
    assert starts[-1] == length - features.WINDOW_CHARACTERS
    assert len(starts) <= features.MOST_WINDOWS
    assert starts == sorted(set(starts))


def test_windows_of_a_text_that_is_read_whole_leave_nothing_out():
    steps = np.diff(features.window_starts(20_000))

    assert steps.max() <= features.WINDOW_CHARACTERS


class TestSurface:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("see http://news.example/a", "link web"),
            ("cheap-pills.com is open", "link bare"),
            ("<a href=x>y</a>", "link tag"),
            ("http://a.com http://b.com http://c.com http://d.com http://e.com", "links 4"),
            ("https://pills.top", "link only"),
            ("go to bit.ly/abc", "shortener"),
            ("write to example dot com", "spelt out"),
            ("https://youtu.be/abc", "video"),
            ("ask ana@example.org", "mail"),
            ("call +44 20 7946 0000", "phone"),
            ("only $5 today", "money"),
            ("whatsapp me", "messenger"),
            ("THIS IS ALL CAPITALS", "caps all"),
            ("\u043f\u0440\u0438\u0432\u0435\u0442", "foreign"),
            ("1234567890 12", "digits"),
            ("wow!!", "exclamation 2"),
            ("why?", "question"),
            ("one two three " * 9, "repetitive"),
        ],
    )
    def test_names_what_the_words_do_not_say(self, text, name):
        assert name in surface.names(text)

    @pytest.mark.parametrize(
        "text", ["In 2019 we paid a lot.", "The end.Next one", "I met 12 people, 3 of them twice."]
    )
    def test_ordinary_figures_and_full_stops_are_neither_contacts_nor_links(self, text):
        assert not {"phone", "money", "mail", "link bare", "link web", "digits"} & set(surface.names(text))

    @given(st.text())
    def test_every_name_has_a_bucket_and_comes_once(self, text):
        found = surface.names(text)

        assert set(found) <= set(surface.NAMES)
        assert len(found) == len(set(found)) == len(features.surface_buckets(text))

    def test_every_name_has_a_bucket_of_its_own(self):
        assert len(set(features._SURFACE.values())) == len(surface.NAMES)
