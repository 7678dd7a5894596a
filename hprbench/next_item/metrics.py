"""Hit@10 and MAP@10 of one relevant item among candidates.

With one relevant item average precision is the reciprocal of its rank. Ties are broken by chance, and the
numbers are expectations over that, exactly: a ranker that says the same of everything gets what guessing
gets, wherever the target stands in the row.

Array suffixes: U users, C candidates (the target first).
"""

from dataclasses import dataclass

import numpy as np

from hprbench.intervals import Difference, Share, Tally, difference_of, pooled, share_of
from hprbench.next_item.split import FloatArray, Split

CUTOFF = 10
GROUPS = ("all", "repeat", "new")
"""All users, those whose target they had before, and the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What each user's target got: its hit and its reciprocal rank within the cutoff, expected over ties."""

    hit_U: FloatArray
    reciprocal_U: FloatArray


def rank_targets(scores_UC: FloatArray, *, cutoff: int = CUTOFF) -> Ranking:
    """Where column 0 stands among all columns, by falling score.

    ValueError when a score is not a number.
    """
    if np.isnan(scores_UC).any():
        raise ValueError("a score is not a number")
    target_U1, others = scores_UC[:, :1], scores_UC[:, 1:]
    above_U = (others > target_U1).sum(axis=1)
    tied_U = (others == target_U1).sum(axis=1)
    hit_U = np.clip((cutoff - above_U) / (tied_U + 1), 0, 1)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, cutoff + 1))])
    last_U = np.minimum(above_U + tied_U + 1, cutoff)
    first_U = np.minimum(above_U, cutoff)
    return Ranking(hit_U=hit_U, reciprocal_U=(harmonic[last_U] - harmonic[first_U]) / (tied_U + 1))


def tallies(ranking: Ranking, split: Split) -> dict[str, dict[str, Tally]]:
    """Group → metric → tally over its users."""
    repeats_U = split.repeats_U
    members = {"all": np.ones_like(repeats_U), "repeat": repeats_U, "new": ~repeats_U}
    values = {"hit": ranking.hit_U, "map": ranking.reciprocal_U}
    return {
        group: {
            metric: pooled(split.users, value_U * members[group], members[group])
            for metric, value_U in values.items()
        }
        for group in GROUPS
    }


def shares(found: dict[str, dict[str, Tally]], *, seed: int) -> dict[str, dict[str, Share | None]]:
    """Group → metric → mean over users with its interval; None where the group is empty."""
    return {
        group: {metric: share_of(tally, seed=seed) for metric, tally in metrics.items()}
        for group, metrics in found.items()
    }


def differences(
    a: dict[str, dict[str, Tally]], b: dict[str, dict[str, Tally]], *, seed: int
) -> dict[str, dict[str, Difference | None]]:
    """Group → metric → a − b on the same users with its paired interval."""
    return {
        group: {
            metric: difference_of(tally, b[group][metric], seed=seed) for metric, tally in metrics.items()
        }
        for group, metrics in a.items()
    }
