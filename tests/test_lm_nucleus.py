"""Nuclei that are kept: the same bits come back, in little room."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm.nucleus import Nuclei


def _bytes(nuclei: Nuclei) -> int:
    rows = nuclei.rows
    arrays = (rows,) if isinstance(rows, np.ndarray) else (rows.data, rows.indices, rows.indptr)
    return sum(array.nbytes for array in arrays)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=9), st.integers(1, 400), st.integers(1, 4), st.integers(0, 99))
def test_the_same_bits_come_back_part_by_part(
    shares: list[float], vocabulary: int, size: int, seed: int
) -> None:
    """Nuclei of any share of the vocabulary, none among them."""
    random_NV = np.random.default_rng(seed).random((len(shares), vocabulary))
    bits_NB = np.packbits(random_NV < np.array(shares)[:, None] ** 8, axis=1)
    nuclei = Nuclei.of(bits_NB)
    for first in range(0, len(shares), size):
        part = nuclei.bits(slice(first, first + size))
        assert part.dtype == np.uint8
        np.testing.assert_array_equal(part, bits_NB[first : first + size])
    np.testing.assert_array_equal(nuclei.bits(slice(None)), bits_NB)
    assert _bytes(nuclei) <= bits_NB.nbytes + 4 * (len(shares) + 1)


@pytest.mark.parametrize(("tokens", "a_row"), [(1, 5), (20, 100), (1_000, 5_000), (3_000, 18_992)])
def test_room_a_position_by_hand(tokens: int, a_row: int) -> None:
    # 18,992 bytes in bits, of which up to 1,187 are kept at 5 bytes each; 4 more say where a row begins
    mask_NV = np.zeros((3, 151_936), np.bool_)
    mask_NV[:, : 8 * tokens : 8] = True
    nuclei = Nuclei.of(np.packbits(mask_NV, axis=1))
    assert _bytes(nuclei) == 3 * a_row + (4 * 4 if tokens < 3_000 else 0)
    np.testing.assert_array_equal(np.unpackbits(nuclei.bits(slice(None)), axis=1), mask_NV)
