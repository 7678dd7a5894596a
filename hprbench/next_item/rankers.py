"""Rankers that know the history alone; each is a floor, and a feature of learned combinations.

Array suffixes: C candidates, E events of the user's history, I items.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hprbench.next_item.affinity import Matrix
from hprbench.next_item.split import FloatArray, History, IntArray, Split


class Ranker(Protocol):
    """Scores candidates of one user; only their order within the user means anything.

    `user` is a place in the split that the ranker was made for, of which histories and popularity are read.
    """

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray: ...


def score_all(ranker: Ranker, candidates_UC: IntArray) -> FloatArray:
    """Scores of all users, U × C."""
    return np.stack([ranker(user, row_C) for user, row_C in enumerate(candidates_UC)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Popularity:
    """How often everybody had it, as a logarithm."""

    split: Split

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        return np.asarray(np.log1p(self.split.popularity_I[candidates_C]))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHistory:
    """How often the user had it; among equals the more popular."""

    split: Split

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        popularity_I = self.split.popularity_I
        tie_C = popularity_I[candidates_C] / (popularity_I.max() + 1)
        return np.asarray(own_counts(self.split.histories[user], candidates_C) + tie_C)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCount:
    """How often the user had it, as a logarithm."""

    split: Split

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        return np.asarray(np.log1p(own_counts(self.split.histories[user], candidates_C)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRecency:
    """Halved with every `halflife` sessions since the user had it last; 0 where never.

    The session that goes on (`running`) counts alone, or not at all: what is in the basket already is a
    weak reason to put it there once more, what was in the last one a strong one.
    """

    split: Split
    running: bool
    halflife: float = 3.0

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        history = self.split.histories[user]
        age_E = history.sessions_E[-1] - history.sessions_E
        had_CE = candidates_C[:, None] == history.items_E[None, :]
        if self.running:
            return np.asarray((had_CE & (age_E == 0)).any(axis=1), dtype=float)
        return np.asarray((had_CE * np.where(age_E == 0, 0.0, 0.5 ** (age_E / self.halflife))).max(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Cosine of the candidate with the sum of the history's items.

    `halflife`: sessions in which an event's weight halves; infinite: all alike, 0: the last session alone.
    `last`: only so many of the newest events; 0: all.
    """

    split: Split
    affinity: Matrix
    halflife: float = np.inf
    last: int = 0

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        history = self.split.histories[user]
        weights_1E = recency(history, self.halflife)[None, -self.last :]
        return np.asarray(fits(self.affinity, history.items_E[-self.last :], weights_1E, candidates_C)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """How like the candidate the most alike thing of the history is."""

    split: Split
    affinity: Matrix

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        items = np.unique(self.split.histories[user].items_E)
        return np.asarray(self.affinity[np.ix_(candidates_C, items)].max(axis=1), dtype=float)


def own_counts(history: History, candidates_C: IntArray) -> IntArray:
    """How often each candidate is in the history."""
    return np.asarray((candidates_C[:, None] == history.items_E[None, :]).sum(axis=1), dtype=np.int64)


def recency(history: History, halflife: float) -> FloatArray:
    """Weight of every event by the sessions since: 1 in the last, halved every `halflife`; E."""
    age_E = (history.sessions_E[-1] - history.sessions_E).astype(float)
    if halflife == 0:
        return np.asarray(age_E == 0, dtype=float)
    return np.asarray(0.5 ** (age_E / halflife))


def fits(affinity: Matrix, items_E: IntArray, weights_PE: FloatArray, candidates_C: IntArray) -> FloatArray:
    """Cosine of candidates with P weighted sums of items, P × C; 0 for a sum of nothing."""
    known, place_E = np.unique(items_E, return_inverse=True)
    weights_PI = np.stack([np.bincount(place_E, row_E, len(known)) for row_E in weights_PE])
    among = affinity[np.ix_(known, known)].astype(float)
    length_P = np.sqrt(np.maximum(0.0, ((weights_PI @ among) * weights_PI).sum(axis=1)))
    raw_PC = weights_PI @ affinity[np.ix_(known, candidates_C)].astype(float)
    return np.asarray(
        np.divide(raw_PC, length_P[:, None], out=np.zeros_like(raw_PC), where=length_P[:, None] > 0)
    )
