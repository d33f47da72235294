"""Words to numbers as BERT does it, without the package that does it for others."""

import pytest

import classifiers
from classifiers.wordpiece import WordPiece

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##want", "##ed", "want", "!", "na", "##ive", "naive", "\u4f60")


@pytest.fixture
def vocabulary():
    return WordPiece("\n".join(PIECES) + "\n")


def pieces(vocabulary, text):
    return [PIECES[number] for number in vocabulary.tokens(text).ids]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("unwanted!", ["un", "##want", "##ed", "!"]),
        ("want!!", ["want", "!", "!"]),
        ("na\u00efve", ["naive"]),
        ("want\u4f60want", ["want", "\u4f60", "want"]),
        ("other", ["[UNK]"]),
        ("want" * 26, ["[UNK]"]),
        ("\u0301", []),
        ("", []),
    ],
)
def test_takes_the_longest_piece_first(vocabulary, text, found):
    assert pieces(vocabulary, text) == found


def test_a_token_knows_where_its_word_stands(vocabulary):
    found = vocabulary.tokens("want unwanted!")

    assert found.places == [(0, 4), (5, 13), (5, 13), (5, 13), (13, 14)]


def test_what_is_no_vocabulary_is_told_by_its_missing_marks():
    with pytest.raises(KeyError):
        WordPiece("a\nb\n")


def test_the_shipped_vocabulary_gives_the_numbers_of_bert():
    shipped = WordPiece((classifiers.bundled_path() / "vocabulary.txt").read_text())

    assert (shipped.first, shipped.last, len(shipped)) == (101, 102, 30_522)
    assert shipped.tokens("hello, unaffable world!").ids == [7592, 1010, 14477, 20961, 3468, 2088, 999]


@pytest.mark.parametrize(
    ("joined", "words"),
    [
        ("shutyourmouthyoupatheticloser", "shut your mouth you pathetic loser"),
        ("blacklivesmatter", "black lives matter"),
    ],
)
def test_words_without_blanks_are_read_as_words(joined, words):
    shipped = WordPiece((classifiers.bundled_path() / "vocabulary.txt").read_text())

    assert shipped.tokens(joined).ids == shipped.tokens(words).ids
    assert set(shipped.tokens(joined).places) == {(0, len(joined))}


@pytest.mark.parametrize("word", ["rationale", "internationalization", "schadenfreude", "x" * 101])
def test_a_long_word_that_is_none_of_these_stays_one(word):
    shipped = WordPiece((classifiers.bundled_path() / "vocabulary.txt").read_text())

    assert shipped.parted(word) == []
