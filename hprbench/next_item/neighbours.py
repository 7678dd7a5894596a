"""What others had whose history, session or persona is like one's own: memory-based collaborative filtering.

    users, sessions or personas ── logarithms of counts × rarity, length 1 ──> Pool
    one's own ── the most alike of others in it ──> share of them, by likeness, that had a candidate

Whole users say what people like this user have, personas what people like this side of the user have.
Pools are of histories, so that nothing after anybody's cut is in them.

Array suffixes: C candidates, E events of the user's history, N events of all, R rows of the pool, Q queries,
I items, K nearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from hprbench.next_item.personas import Members, Way, taken_together
from hprbench.next_item.rankers import recency
from hprbench.next_item.split import FloatArray, IntArray, Split

NEAREST = 50
"""Neighbours that are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """R bundles of events of all users: their rows of length 1, what is in them, and whose they are."""

    rows_RI: sparse.csr_matrix
    had_RI: sparse.csr_matrix
    users_R: IntArray
    rarity_I: FloatArray

    def votes(self, user: int, weights_QI: FloatArray, candidates_C: IntArray) -> FloatArray:
        """For each of Q bundles of weights on items: the share of the NEAREST rows of other users, each by
        its cosine, in which a candidate is, Q × C; 0 where nobody is alike."""
        queries_QI = np.log1p(weights_QI) * self.rarity_I
        length_Q1 = np.linalg.norm(queries_QI, axis=1, keepdims=True)
        queries_QI = np.divide(queries_QI, length_Q1, out=np.zeros_like(queries_QI), where=length_Q1 > 0)
        cosines_RQ = np.asarray(self.rows_RI @ queries_QI.T)
        cosines_RQ[self.users_R == user] = 0
        found_QC = np.zeros((len(queries_QI), len(candidates_C)))
        for query, cosine_R in enumerate(cosines_RQ.T):
            kept = min(NEAREST, len(cosine_R))
            nearest_K = np.sort(np.argpartition(-cosine_R, kept - 1)[:kept])
            weights_K = cosine_R[nearest_K]
            if weights_K.sum() > 0:
                had_I = self.had_RI[nearest_K].T @ weights_K
                found_QC[query] = had_I[candidates_C] / weights_K.sum()
        return found_QC


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryNeighbours:
    """Votes for the whole history, `halflife` and `last` as those of `rankers.Profile`."""

    split: Split
    pool: Pool
    halflife: float = np.inf
    last: int = 0

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        history = self.split.histories[user]
        items_E, weights_E = history.items_E[-self.last :], recency(history, self.halflife)[-self.last :]
        weights_1I = np.bincount(items_E, weights_E, len(self.split.items)).astype(float)[None]
        return np.asarray(self.pool.votes(user, weights_1I, candidates_C)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaNeighbours:
    """Votes for each persona, taken together as `PersonaFit` does; `pool` is of the same personas."""

    split: Split
    members: Sequence[Members]
    pool: Pool
    way: Way

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        history, members_PE = self.split.histories[user], self.members[user]
        weights_PI = np.stack(
            [np.bincount(history.items_E, row_E, len(self.split.items)) for row_E in members_PE]
        ).astype(float)
        votes_PC = self.pool.votes(user, weights_PI, candidates_C)
        return taken_together(votes_PC, members_PE, recency(history, 1.0), self.way)
