"""Weights cut into buckets and put together again."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from actors.weights import StaleWeightsError, buckets, check_parity, packed, unpacked


@given(st.lists(st.integers(1, 30), max_size=12))
def test_a_bucket_holds_what_fits_or_one_larger_tensor(sizes: list[int]) -> None:
    weights = {f"w{i}": torch.full((size,), float(i)) for i, size in enumerate(sizes)}
    cut = list(buckets(weights.items(), 80))  # twenty numbers of four bytes
    assert [name for bucket in cut for name in bucket] == list(weights)
    for bucket in cut:
        assert bucket
        assert sum(array.nbytes for _, array in bucket.values()) <= 80 or len(bucket) == 1
        assert all(torch.equal(unpacked(*one), weights[name]) for name, one in bucket.items())
    assert list(buckets(weights.items(), 80, keep=False)) == [{}] * len(cut)


def test_where_buckets_end() -> None:
    sizes = {"a": 10, "b": 10, "c": 1, "d": 50, "e": 2}
    weights = [(name, torch.zeros(size)) for name, size in sizes.items()]
    assert [list(bucket) for bucket in buckets(weights, 80)] == [["a", "b"], ["c"], ["d"], ["e"]]


def test_bfloat16_travels_in_two_bytes() -> None:
    weight = torch.tensor([[1.0, -2.5], [3e38, 0.0]], dtype=torch.bfloat16)
    dtype, array = packed(weight)
    assert (dtype, array.dtype, array.nbytes) == ("bfloat16", np.uint16, 8)
    assert torch.equal(unpacked(dtype, array), weight)


def test_parity_is_the_largest_difference_and_k3() -> None:
    ours, theirs = [np.log([0.5, 0.5])], [np.log([0.5, 0.25])]
    worst, kl = check_parity(ours, theirs, 1.0, "engine")
    assert worst == pytest.approx(np.log(2))
    assert kl == pytest.approx((0 + (2 - 1 - np.log(2))) / 2)  # the second token's ratio is 2
    with pytest.raises(StaleWeightsError, match=r"engine is 0\.693 nats away"):
        check_parity(ours, theirs, 0.5, "engine")
    with pytest.raises(StaleWeightsError):
        check_parity([np.array([np.nan])], [np.array([0.0])], 1.0, "engine")
