"""Shares, their intervals over users, and differences of two models on the same users.

Everything the benchmark measures is a Tally: hits and cases a user. A Tally gives a share, can be cut down to
some of its cases, and compares with that of another model.

Array suffixes: U users, G groups (tags, or values of tags), B bootstrap resamples.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Interval: TypeAlias = tuple[float, float]
"""Lower and upper end of a 95 % interval."""

RESAMPLES = 2000
"""Bootstrap resamples of an interval; its ends then move by about 0.001 between seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Hits and cases of every user, by group.

    The share is Σ hits / Σ cases over all groups or, with `weights_G`, the weighted mean over groups of that;
    groups without a case count nowhere.
    """

    users: tuple[str, ...]
    hits_UG: NDArray[np.float64]
    cases_UG: NDArray[np.float64]
    weights_G: NDArray[np.float64] | None = None

    def where(self, mask_UG: ArrayLike) -> "Tally":
        """Only the cases of `mask_UG` (users × groups, or what broadcasts to it)."""
        kept = np.asarray(mask_UG, dtype=float)
        return replace(self, hits_UG=self.hits_UG * kept, cases_UG=self.cases_UG * kept)

    def per_user(self) -> dict[str, float]:
        """Every user's own share, hits over cases of all groups; users without a case have none."""
        hits_U, cases_U = self.hits_UG.sum(axis=1), self.cases_UG.sum(axis=1)
        return {
            user: float(hits / cases)
            for user, hits, cases in zip(self.users, hits_U, cases_U, strict=True)
            if cases
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share, its interval over users, and of how many users it is."""

    value: float
    interval: Interval
    users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Difference of two models over the same users, its 95 % interval, and of how many users it is."""

    mean: float
    interval: Interval
    users: int


def share_of(tally: Tally, *, seed: int) -> Share | None:
    """The share of a tally and its 95 % percentile interval when users are drawn with replacement.

    Users are the unit because the runs and tags of one user are not independent. None where there is no case.
    Deterministic by `seed`.
    """
    if not tally.cases_UG.any():
        return None
    ratio_B = _ratios(tally, seed)
    return Share(
        value=float(ratio_B[0]),
        interval=_middle(ratio_B[1:]),
        users=int(tally.cases_UG.any(axis=1).sum()),
    )


def difference_of(a: Tally, b: Tally, *, seed: int) -> Difference | None:
    """Share of `a` − share of `b`, with users drawn together: what makes a user hard for both falls out.

    Over users with a case on both sides; None where there are none. ValueError when they are of other users.
    """
    if a.users != b.users:
        raise ValueError(
            f"{len(set(a.users) ^ set(b.users))} users are on one side only, or in another order"
        )
    both_U1 = np.logical_and(a.cases_UG.any(axis=1, keepdims=True), b.cases_UG.any(axis=1, keepdims=True))
    if not both_U1.any():
        return None
    difference_B = _ratios(a.where(both_U1), seed) - _ratios(b.where(both_U1), seed)
    return Difference(
        mean=float(difference_B[0]), interval=_middle(difference_B[1:]), users=int(both_U1.sum())
    )


def _ratios(tally: Tally, seed: int) -> NDArray[np.float64]:
    """The share of the sample itself, then of every resample (NaN where that has no case)."""
    drawn_BU = _draws(len(tally.users), seed)
    hits_UG, cases_UG = tally.hits_UG, tally.cases_UG
    if tally.weights_G is None:
        hits_UG, cases_UG = hits_UG.sum(axis=1, keepdims=True), cases_UG.sum(axis=1, keepdims=True)
    hits_BG, cases_BG = drawn_BU @ hits_UG, drawn_BU @ cases_UG
    weights_BG = np.where(cases_BG > 0, 1.0 if tally.weights_G is None else tally.weights_G, 0.0)
    ratio_BG = np.divide(hits_BG, cases_BG, out=np.zeros_like(hits_BG), where=cases_BG > 0)
    total_B = weights_BG.sum(axis=1)
    mean_B = np.full(len(total_B), np.nan)
    np.divide((ratio_BG * weights_BG).sum(axis=1), total_B, out=mean_B, where=total_B > 0)
    return mean_B


@lru_cache(maxsize=2)
def _draws(users: int, seed: int) -> NDArray[np.float64]:
    """How often each user is in the sample (once) and in every resample, B × U."""
    # Counts instead of drawn indices: the same at a fraction of the memory.
    drawn_BU = np.random.default_rng(seed).multinomial(users, np.full(users, 1 / users), size=RESAMPLES)
    return np.vstack([np.ones((1, users)), drawn_BU])


def _middle(values_B: NDArray[np.float64]) -> Interval:
    """The middle 95 %; resamples without a case say nothing."""
    low, high = np.nanpercentile(values_B, [2.5, 97.5])
    return float(low), float(high)


def pooled(users: tuple[str, ...], hits_U: ArrayLike, cases_U: ArrayLike) -> Tally:
    """The tally of one group."""
    hits, cases = np.asarray(hits_U, dtype=float), np.asarray(cases_U, dtype=float)
    return Tally(users=users, hits_UG=hits[:, None], cases_UG=cases[:, None])


def paired_interval(a: Mapping[str, float], b: Mapping[str, float], seed: int) -> Difference:
    """Mean over users of a − b. Pairing removes what makes a user hard for both models.

    `a` and `b` are per-user scores of the same users in any order; ValueError otherwise.
    """
    if a.keys() != b.keys():
        raise ValueError(f"{len(a.keys() ^ b.keys())} users have a score on one side only")
    users = tuple(sorted(a))
    difference_U = [a[user] - b[user] for user in users]
    found = share_of(pooled(users, difference_U, np.ones(len(users))), seed=seed)
    if found is None:
        raise ValueError("no user has a score")
    return Difference(mean=found.value, interval=found.interval, users=found.users)
