"""What others had whose history, session or persona is like one's own: memory-based collaborative filtering.

    users, sessions or personas ── logarithms of counts × rarity, length 1 ──> Pool
    one's own ── the most alike of others in it ──> share of them, by likeness, that had a candidate

Whole users say what people like this user have, personas what people like this side of the user have.
Pools are of histories, so that nothing after anybody's cut is in them.

Array suffixes: C candidates, P personas, E events of the user's history, N events of all, R rows of the
pool, Q queries, I items, K nearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hprbench.next_item.personas import Members, Way, taken_together
from hprbench.next_item.rankers import recency
from hprbench.next_item.split import FloatArray, IntArray, Split

Votes: TypeAlias = NDArray[np.float32]

NEAREST = 50
"""Neighbours that are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """R bundles of events of all users: their rows of length 1, what is in them, and whose they are."""

    rows_RI: sparse.csr_matrix
    had_RI: sparse.csr_matrix
    users_R: IntArray
    rarity_I: FloatArray

    def votes(self, user: int, weights_QI: FloatArray) -> Votes:
        """For each of Q bundles of weights on items: the share of the NEAREST rows of other users, each by
        its cosine, in which an item is, Q × I; 0 where nobody is alike."""
        queries_QI = np.log1p(weights_QI) * self.rarity_I
        length_Q1 = np.linalg.norm(queries_QI, axis=1, keepdims=True)
        queries_QI = np.divide(queries_QI, length_Q1, out=np.zeros_like(queries_QI), where=length_Q1 > 0)
        cosines_RQ = np.asarray(self.rows_RI @ queries_QI.T)
        cosines_RQ[self.users_R == user] = 0
        found_QI = np.zeros(queries_QI.shape, dtype=np.float32)
        for query, cosine_R in enumerate(cosines_RQ.T):
            kept = min(NEAREST, len(cosine_R))
            nearest_K = np.sort(np.argpartition(-cosine_R, kept - 1)[:kept])
            weights_K = cosine_R[nearest_K]
            if weights_K.sum() > 0:
                found_QI[query] = self.had_RI[nearest_K].T @ weights_K / weights_K.sum()
        return found_QI


def pool_of_users(split: Split) -> Pool:
    """A row a user: the whole history."""
    bundles = [np.zeros(len(one.items_E), dtype=np.int64) for one in split.histories]
    return _pool(split, [np.asarray([row_E == 0]) for row_E in bundles])


def pool_of_sessions(split: Split) -> Pool:
    """A row a session."""
    return _pool(split, [one.sessions_E == np.unique(one.sessions_E)[:, None] for one in split.histories])


def pool_of_personas(split: Split, members: Sequence[Members]) -> Pool:
    """A row a persona."""
    return _pool(split, members)


def _pool(split: Split, members: Sequence[Members]) -> Pool:
    rows, columns, users, first = [], [], list[int](), 0
    for user, (history, members_PE) in enumerate(zip(split.histories, members, strict=True)):
        row_N, event_N = np.nonzero(members_PE)
        rows.append(row_N + first)
        columns.append(history.items_E[event_N])
        users += [user] * len(members_PE)
        first += len(members_PE)
    row_N, column_N = np.concatenate(rows), np.concatenate(columns)
    counts_RI = sparse.csr_matrix(
        (np.ones(len(row_N)), (row_N, column_N)), shape=(first, len(split.items)), dtype=np.float64
    )
    had_RI = counts_RI.copy()
    had_RI.data[:] = 1.0
    seen_I = np.asarray(had_RI.sum(axis=0)).ravel()
    rarity_I = np.log(1 + first / np.maximum(seen_I, 1))
    rows_RI = counts_RI.log1p() @ sparse.diags(rarity_I)
    length_R = np.sqrt(np.asarray(rows_RI.multiply(rows_RI).sum(axis=1)).ravel())
    rows_RI = sparse.diags(1 / np.maximum(length_R, 1e-12)) @ rows_RI
    return Pool(rows_RI=sparse.csr_matrix(rows_RI), had_RI=had_RI, users_R=np.array(users), rarity_I=rarity_I)


def history_votes(split: Split, pool: Pool, *, halflife: float = np.inf, last: int = 0) -> list[Votes]:
    """Of every user, 1 × I, for the whole history; `halflife` and `last` as those of `rankers.Profile`."""
    found = []
    for user, history in enumerate(split.histories):
        items_E, weights_E = history.items_E[-last:], recency(history, halflife)[-last:]
        weights_I = np.bincount(items_E, weights_E, len(split.items)).astype(float)
        found.append(pool.votes(user, weights_I[None]))
    return found


def persona_votes(split: Split, members: Sequence[Members]) -> list[Votes]:
    """Of every user, P × I, for each persona, out of the pool of all these personas."""
    pool, found = pool_of_personas(split, members), []
    for user, (history, members_PE) in enumerate(zip(split.histories, members, strict=True)):
        counts = [np.bincount(history.items_E, row_E, len(split.items)) for row_E in members_PE]
        found.append(pool.votes(user, np.stack(counts).astype(float)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryNeighbours:
    """What `history_votes` found."""

    votes: Sequence[Votes]

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        return np.asarray(self.votes[user][0, candidates_C], dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaNeighbours:
    """What `persona_votes` found, personas taken together as `PersonaFit` does."""

    split: Split
    members: Sequence[Members]
    votes: Sequence[Votes]
    way: Way

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        votes_PC = self.votes[user][:, candidates_C].astype(float)
        recent_E = recency(self.split.histories[user], 1.0)
        return taken_together(votes_PC, self.members[user], recent_E, self.way)
