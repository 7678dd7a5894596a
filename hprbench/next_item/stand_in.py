"""Personas without an inducer: a user's sessions, or things, in groups of like meaning.

A lower bound for those that are induced, and what they are measured against: Ward's clustering of unit
embeddings, in as many groups as have the highest silhouette (`induce.silhouette`).

Array suffixes: M memories, D dimensions, E events of the user's history.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hprbench.next_item.personas import Members
from hprbench.next_item.split import History, Split
from induce.silhouette import silhouette_clusters

MOST = 6
"""Personas of one user."""


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
    unit_MD = np.divide(sums_MD, length_M1, out=np.zeros_like(sums_MD), where=length_M1 > 0)
    cluster_M = silhouette_clusters(unit_MD, most=MOST)
    return np.asarray(cluster_M[memory_E][None, :] == np.unique(cluster_M)[:, None])
