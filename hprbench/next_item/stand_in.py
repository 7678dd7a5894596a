"""Personas without an inducer: a user's sessions, or things, in groups of like meaning.

A lower bound for those that are induced, and what they are measured against: Ward's clustering of unit
embeddings, in as many groups as have the highest silhouette, one where none is above a floor.

Array suffixes: M memories, D dimensions, E events of the user's history.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, ward
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_score

from hprbench.next_item.personas import Members
from hprbench.next_item.split import History, Split

MOST = 6
"""Personas of one user."""

FLOOR = 0.05
"""Silhouette below which a user is of one piece."""


def stand_in_members(
    split: Split, embeddings_ID: NDArray[np.float32], unit: Literal["session", "item"]
) -> list[Members]:
    """Members of every user of the split, by clusters of its sessions or of its different items."""
    return [_members(history, embeddings_ID, unit) for history in split.histories]


def _members(history: History, embeddings_ID: NDArray[np.float32], unit: str) -> Members:
    of_event = history.sessions_E if unit == "session" else history.items_E
    _, memory_E = np.unique(of_event, return_inverse=True)
    sums_MD = np.zeros((memory_E.max() + 1, embeddings_ID.shape[1]))
    np.add.at(sums_MD, memory_E, embeddings_ID[history.items_E])
    length_M1 = np.linalg.norm(sums_MD, axis=1, keepdims=True)
    cluster_M = clusters(np.divide(sums_MD, length_M1, out=np.zeros_like(sums_MD), where=length_M1 > 0))
    return np.asarray(cluster_M[memory_E][None, :] == np.unique(cluster_M)[:, None])


def clusters(vectors_MD: NDArray[np.float64], *, most: int = MOST, floor: float = FLOOR) -> NDArray[np.int64]:
    """Number of each vector's cluster, from 1; at most `most` of them."""
    one_M = np.ones(len(vectors_MD), dtype=np.int64)
    if len(vectors_MD) < 3:
        return one_M
    distances = pdist(vectors_MD)
    tree, square = ward(distances), squareform(distances)
    best, best_M = floor, one_M
    for count in range(2, min(most, len(vectors_MD) - 1) + 1):
        cluster_M = fcluster(tree, count, criterion="maxclust").astype(np.int64)
        if len(np.unique(cluster_M)) < 2:
            continue
        found = silhouette_score(square, cluster_M, metric="precomputed")
        if found > best:
            best, best_M = found, cluster_M
    return best_M
