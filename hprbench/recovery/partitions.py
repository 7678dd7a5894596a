"""How alike two ways are of parting the same things, and how far groups are found again.

Suffixes: `_N` things, `_A` groups of one side, `_B` groups of the other.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Labels = Sequence[object]
"""The group that each of N things is in; groups are told apart by equality alone."""


def contingency(a: Labels, b: Labels) -> NDArray[np.int64]:
    """A×B numbers of things by their groups on both sides, in order of first appearance.

    ValueError when the sides have different numbers of things.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} labels")
    codes_A, codes_B = _codes(a), _codes(b)
    count_AB = np.zeros((max(codes_A, default=-1) + 1, max(codes_B, default=-1) + 1), dtype=np.int64)
    np.add.at(count_AB, (codes_A, codes_B), 1)
    return count_AB


def adjusted_rand(a: Labels, b: Labels) -> float:
    """The adjusted Rand index (Hubert and Arabie 1985): 1 for the same parting, 0 on average by chance.

    1 too where both sides are all of one group, or all singletons, and where there are fewer than two things.
    """
    count_AB = contingency(a, b)
    both, in_a, in_b = _pairs(count_AB), _pairs(count_AB.sum(axis=1)), _pairs(count_AB.sum(axis=0))
    if both == in_a == in_b:
        return 1.0
    expected = in_a * in_b / _pairs(np.array(len(a)))
    return (both - expected) / ((in_a + in_b) / 2 - expected)


def pair_purity(a: Labels, b: Labels) -> float | None:
    """Of pairs of things in one group of `a` the share that are in one of `b`, too; None without pairs."""
    count_AB = contingency(a, b)
    pairs = _pairs(count_AB.sum(axis=1))
    return _pairs(count_AB) / pairs if pairs else None


def f1_of_groups(
    overlap_AB: NDArray[np.int64], size_A: NDArray[np.int64], size_B: NDArray[np.int64]
) -> NDArray[np.float64]:
    """A×B F1 of finding group b by group a: twice what they share over the sum of their sizes."""
    f1_AB: NDArray[np.float64] = 2 * overlap_AB / np.maximum(size_A[:, None] + size_B, 1)
    return f1_AB


def matched_f1(f1_AB: NDArray[np.float64], weight_B: NDArray[np.float64]) -> float:
    """Weighted mean over groups B of the F1 of the group A matched with each; unmatched ones have 0.

    The matching is one to one, and the one that makes the mean largest.
    """
    value_AB = f1_AB * weight_B / weight_B.sum()
    rows, columns = linear_sum_assignment(value_AB, maximize=True)
    return float(value_AB[rows, columns].sum())


def _codes(labels: Labels) -> list[int]:
    known: dict[object, int] = {}
    return [known.setdefault(label, len(known)) for label in labels]


def _pairs(sizes: NDArray[np.int64]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())
