"""What the encoder reads of a text, and where it stands in the raw text."""

import pytest
from test_contract import HOSTILE

from classifiers.encoder_text import aligned, view

CASES = [
    ("You're  soooo\nDUMB!!!!!!", "you're so dumb!!!"),
    ("f u c k  you, f.u.c.k y.o.u", "fuck you, fuck you"),
    (
        "sh1t, b!tch, a$$hole, covid19, 2nd, @name, joe@site.com",
        "shit, b!tch, asshole, covid19, 2nd, @name, joe@site.com",
    ),
    ("\u201cWell\u201d \u2014 it\u2019s na\u00efve\u2026", '"well" - it\'s naive...'),
    ("f\u200bu\u200bck y\u043eu", "fuck you"),
    ("\u043f\u0440\u0438\u0432\u0435\u0442", "\u043f\u0440\u0438\u0432\u0435\u0442"),
    ("I love it \U0001f602 &amp; you", "i love it face with tears of joy & you"),
    ("www.example.org", "www.example.org"),
    ("", ""),
]


@pytest.mark.parametrize(("raw", "read"), CASES)
def test_the_disguise_is_off_and_the_sentence_is_whole(raw, read):
    assert view(raw) == read


@pytest.mark.parametrize("raw", [*HOSTILE.values(), *(raw for raw, _ in CASES)])
def test_every_character_of_the_view_has_its_place(raw):
    found = aligned(raw)

    assert found.text == view(raw)
    assert len(found.starts) == len(found.ends) == len(found.text)
    assert all(0 <= start < end <= len(raw) for start, end in zip(found.starts, found.ends, strict=True))


def test_a_spaced_word_stands_where_its_letters_do():
    raw = "You're soooo f u c k i n g dumb"

    found = aligned(raw)

    at = found.text.index("fucking")
    assert raw[found.starts[at] : found.ends[at + 6]] == "f u c k i n g"
