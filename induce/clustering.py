"""Texts of a user's memories → groups of them.

    texts, identical ones merged ──> stand-ins ── Ward ──> tree ── worth it? ──> clusters
         └───────── those in no cluster ── near enough to one? ──> in it, or in none

Suffixes: N memories, U distinct texts, D width of a vector, K clusters.
"""

from collections.abc import Sequence

import numpy as np

from induce.embedding import Embedder
from induce.sampling import stand_ins
from induce.splitting import Group, foreignness, groups_of, worthwhile
from induce.vector_cache import Vectors
from induce.ward import Floats, Ints, ward
from records.errors import UserError
from records.induction import ClusterConfig

METHODS = ("ward", "hdbscan")
MOST_FOR_BACKGROUND = 1_000
"""Texts that the background is measured on."""


def check_clusters(config: ClusterConfig) -> None:
    """Refuse settings that can mean nothing.

    Raises:
        UserError: naming the key and the mend.
    """
    if config.method not in METHODS:
        raise UserError(f"induce.clusters.method is {config.method!r}; it must be {' or '.join(METHODS)}")


def background_of(texts: Sequence[str], embedder: Embedder) -> float:
    """Mean cosine between two different texts of a population: how alike memories of nothing in common are.

    Of more than MOST_FOR_BACKGROUND distinct texts, every so many-th in alphabetical order is taken. 0 for
    fewer than two.
    """
    distinct = sorted(set(texts))
    count = min(len(distinct), MOST_FOR_BACKGROUND)
    if count < 2:
        return 0.0
    places = np.linspace(0, len(distinct) - 1, count).astype(int)
    vectors_UD = embedder([distinct[place] for place in places]).astype(np.float64)
    total = vectors_UD.sum(0)
    return float((total @ total - (vectors_UD**2).sum()) / (count * (count - 1)))


def cluster(
    texts: Sequence[str],
    weights: Sequence[float],
    embedder: Embedder,
    *,
    background: float,
    config: ClusterConfig,
) -> Ints:
    """N: the cluster of every memory, from 0, that with the most weight first; −1: in none.

    Args:
        texts: of N memories, none empty. Equal ones are one point with their weights added up.
        weights: how much stands behind each memory, above 0.
        background: of the population (`background_of`).

    With `ward` there is at least one cluster. With `hdbscan` there may be none; it knows no weights and takes
    distinct texts for points. The order of memories does not matter.
    """
    distinct = sorted(set(texts))
    place = {text: number for number, text in enumerate(distinct)}
    points_N = np.array([place[text] for text in texts])
    weights_U: Floats = np.bincount(points_N, weights=np.asarray(weights)).astype(np.float64)
    memories_U: Floats = np.bincount(points_N).astype(np.float64)
    vectors_UD = embedder(distinct)
    if config.method == "ward":
        groups = _ward_groups(vectors_UD, weights_U, memories_U, background, config)
    else:
        groups = _hdbscan_groups(vectors_UD, weights_U, memories_U, config)
    labels_U: Ints = np.full(len(distinct), -1)
    for number, group in enumerate(groups):
        labels_U[list(group.points)] = number
    loose = np.flatnonzero(labels_U < 0)
    labels_U[loose] = nearest(vectors_UD[loose], groups, background, config.worth)
    labels_N: Ints = labels_U[points_N]
    return labels_N


def _ward_groups(
    vectors_UD: Vectors, weights_U: Floats, memories_U: Floats, background: float, config: ClusterConfig
) -> list[Group]:
    sampled_U = stand_ins(vectors_UD, weights_U, config.most_clustered)
    chosen = np.flatnonzero(sampled_U)
    memories = (memories_U * sampled_U / weights_U)[chosen]
    tree = ward(vectors_UD[chosen], sampled_U[chosen])
    groups = worthwhile(
        tree,
        groups_of(vectors_UD[chosen], sampled_U[chosen], memories),
        background=background,
        worth=config.worth,
        least=max(config.least_memories, config.least_share * float(memories_U.sum())),
        most=config.most_personas,
    )
    return [_renumbered(group, chosen) for group in groups]


def _hdbscan_groups(
    vectors_UD: Vectors, weights_U: Floats, memories_U: Floats, config: ClusterConfig
) -> list[Group]:
    from sklearn.cluster import HDBSCAN

    chosen = np.flatnonzero(stand_ins(vectors_UD, weights_U, config.most_clustered))
    least = max(2, config.least_memories)
    if len(chosen) < least:
        labels = np.zeros(len(chosen), dtype=int)
    else:
        scan = HDBSCAN(min_cluster_size=least, allow_single_cluster=True, copy=True)
        labels = scan.fit_predict(vectors_UD[chosen].astype(np.float64))
    points = groups_of(vectors_UD[chosen], weights_U[chosen], memories_U[chosen])
    groups = []
    for number in range(labels.max() + 1):
        first, *others = np.flatnonzero(labels == number)
        groups.append(sum((points[place] for place in others), points[first]))
    groups.sort(key=lambda group: (-group.weight, min(group.points)))
    return [_renumbered(group, chosen) for group in groups[: config.most_personas]]


def _renumbered(group: Group, chosen: Ints) -> Group:
    return Group(
        points=tuple(chosen[list(group.points)].tolist()),
        total=group.total,
        weight=group.weight,
        own=group.own,
        own_cosine=group.own_cosine,
        memories=group.memories,
    )


def nearest(vectors_LD: Vectors, groups: Sequence[Group], background: float, worth: float) -> Ints:
    """L: the cluster that each text is most alike, −1 where it is as foreign to it as a split is worth."""
    labels = np.full(len(vectors_LD), -1)
    if not groups or not len(vectors_LD):
        return labels
    means_KD = np.stack([group.total / group.weight for group in groups])
    # Rounded, so that a tie is one on every machine; the larger cluster takes it.
    cross_LK = np.round(vectors_LD.astype(np.float64) @ means_KD.T, 6)
    nearest = cross_LK.argmax(1)
    for place, number in enumerate(nearest):
        within = groups[number].within
        cohesion = 1.0 if within is None else within
        if foreignness(cohesion, float(cross_LK[place, number]), background) < worth:
            labels[place] = number
    return labels
