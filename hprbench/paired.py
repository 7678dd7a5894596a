"""Two readers on the same cases: macro-F1 of each, and the difference with its interval over users.

Array suffixes: U users, V values, B bootstrap resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000

Answers = Mapping[str, frozenset[str]]
"""User → values of one tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedF1:
    """Macro-F1 of two readers, and b − a with its 95 % interval over users."""

    a: float
    b: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        return self.b - self.a


def paired_f1(
    truth: Mapping[str, Answers],
    a: Mapping[str, Answers],
    b: Mapping[str, Answers],
    *,
    seed: int,
    micro: Sequence[str] = (),
) -> PairedF1:
    """Mean over tags of the macro-F1 over the values that the truth holds (of `micro` tags the micro-F1).

    All three give for every tag the values of the same users; users may differ from tag to tag. Users are
    drawn with replacement, the same for both readers.
    Raises ValueError when users of a tag differ.
    """
    users = sorted({user for answers in truth.values() for user in answers})
    place = {user: number for number, user in enumerate(users)}
    drawn_BU = np.random.default_rng(seed).multinomial(
        len(users), np.full(len(users), 1 / len(users)), RESAMPLES
    )
    weights_BU = np.vstack([np.ones(len(users)), drawn_BU])  # the first row is the sample itself
    scores = np.zeros((2, len(weights_BU)))
    for tag, answers in truth.items():
        if not answers.keys() == a[tag].keys() == b[tag].keys():
            raise ValueError(f"{tag}: users differ")
        for reader, said in enumerate((a[tag], b[tag])):
            scores[reader] += _f1(answers, said, place, weights_BU, micro=tag in micro) / len(truth)
    low, high = np.percentile(scores[1, 1:] - scores[0, 1:], [2.5, 97.5])
    return PairedF1(a=float(scores[0, 0]), b=float(scores[1, 0]), low=float(low), high=float(high))


def _f1(
    truth: Answers, said: Answers, place: Mapping[str, int], weights_BU: NDArray[np.float64], *, micro: bool
) -> NDArray[np.float64]:
    values = sorted({value for one in truth.values() for value in one})
    column = {value: number for number, value in enumerate(values)}
    shape = (weights_BU.shape[1], len(values))
    both_UV, size_UV = np.zeros(shape), np.zeros(shape)
    wrong_U = np.zeros(shape[0])  # values said that nobody holds
    for user, held in truth.items():
        for value in held:
            size_UV[place[user], column[value]] += 1
        for value in said[user]:
            if value in column:
                size_UV[place[user], column[value]] += 1
                both_UV[place[user], column[value]] += value in held
            else:
                wrong_U[place[user]] += 1
    both_BV, size_BV = weights_BU @ both_UV, weights_BU @ size_UV
    if micro:
        said_B = size_BV.sum(axis=1) + weights_BU @ wrong_U
        return np.asarray(2 * both_BV.sum(axis=1) / np.maximum(1, said_B))
    held_BV = weights_BU @ np.array(
        [[value in truth.get(user, frozenset()) for value in values] for user in place], dtype=float
    )
    f1_BV = 2 * both_BV / np.maximum(1, size_BV)
    counts_BV = held_BV > 0  # a value that nobody drawn holds has no F1
    return np.asarray(np.where(counts_BV, f1_BV, 0).sum(axis=1) / np.maximum(1, counts_BV.sum(axis=1)))
