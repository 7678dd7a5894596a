"""Padding and grouping of sequences."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lm.objective import pad, shortest_padding


def test_grouping_by_hand() -> None:
    # Longest first: 5 alone would pad 4 to 2·5 = 10 > 9; 4 and 3 pad to 2·4 = 8; 3·4 = 12 > 9.
    assert shortest_padding([3, 5, 1, 4], 9) == [[1], [3, 0], [2]]


def test_a_sequence_beyond_the_limit_stands_alone() -> None:
    assert shortest_padding([2, 50, 2], 10) == [[1], [0, 2]]
    assert shortest_padding([], 10) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=20), st.integers(1, 100))
def test_every_sequence_once_and_no_group_too_large(lengths: list[int], limit: int) -> None:
    groups = shortest_padding(lengths, limit)
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[i] for i in group) <= limit


def test_padding_is_on_the_right() -> None:
    assert pad([[1, 2, 3], [4]], 9).tolist() == [[1, 2, 3], [4, 9, 9]]
