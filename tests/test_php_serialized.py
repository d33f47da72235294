"""PHP's serialized values: what WordPress writes is read, everything else is a plain refusal and nothing worse."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.services.moving.engagement_php import DEEPEST, MOST_ITEMS, is_serialized, loads
from moderation.services.moving.record import Refusal

KEYS = st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | KEYS, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


def dumps(value):
    """As PHP writes it."""
    if value is None:
        return "N;"
    if isinstance(value, bool):
        return f"b:{value:d};"
    if isinstance(value, int):
        return f"i:{value};"
    if isinstance(value, str):
        return f's:{len(value.encode())}:"{value}";'
    return f"a:{len(value)}:{{{''.join(dumps(key) + dumps(item) for key, item in value.items())}}}"


def depth(value):
    return 1 + max(map(depth, value.values()), default=0) if isinstance(value, dict) else 0


@given(VALUES)
def test_what_php_writes_is_read_as_it_was(value):
    if depth(value) > DEEPEST:
        with pytest.raises(Refusal):
            loads(dumps(value))
        return

    assert loads(dumps(value)) == value
    assert is_serialized(dumps(value))


PIECES = st.sampled_from(
    ["a:", "1:", "{", "}", "i:0;", "s:2:", '"', "é", ";", "b:1;", "N;", "O:8:", "d:0.1;", "-", "9"]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_anything_else_is_a_value_or_a_refusal(text):
    with suppress(Refusal):
        assert isinstance(loads(text), bool | int | str | dict | None)


@given(VALUES, st.data())
def test_a_value_that_is_cut_off_or_changed_by_a_byte_is_never_read_as_a_longer_one(value, data):
    whole = dumps(value)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]

    with pytest.raises(Refusal):
        loads(cut)


@pytest.mark.parametrize(
    "text",
    [
        'O:8:"stdClass":0:{}', 'C:3:"Foo":0:{}', 'E:3:"A:B";', "r:1;", "R:1;", "d:0.5;", 'S:1:"a";', "i:1", "i:+1;",
        "i: 1;", "i:1;i:2;", "i:9223372036854775808;", 's:3:"ab";', 's:1:"ab";', "a:1:{i:0;i:1;i:2;}", "a:2:{i:0;i:1;}",
        "a:1:{a:0:{}i:1;}", "a:1:{b:1;i:1;}", "a:1:{N;i:1;}", "a:2:{i:0;i:1;i:0;i:2;}", "a:1:{i:0;i:1;", "b:2;", "",
        's:1:"é";', "a:9999999:{}", "a:" + "9" * 5_000 + ":{}", 's:9999999:"a";', "a:1:{i:0;" * 10_000,
        "i:٣;",
    ],
)  # fmt: skip
def test_objects_references_floats_and_broken_ones_are_refused(text):
    with pytest.raises(Refusal):
        loads(text)


def test_neither_depth_nor_number_of_items_is_without_a_bound():
    deep = "i:1;"
    for _ in range(DEEPEST):
        deep = f"a:1:{{i:0;{deep}}}"
    many = dict.fromkeys(range(MOST_ITEMS + 1), 1)

    assert loads(deep)
    with pytest.raises(Refusal):
        loads(f"a:1:{{i:0;{deep}}}")
    with pytest.raises(Refusal):
        loads(dumps(many))


def test_a_string_of_ten_megabytes_is_refused_before_it_is_read():
    with pytest.raises(Refusal, match="bytes of serialized PHP"):
        loads(dumps("a" * 10_000_000))
