"""Ward with weights, where a tree is cut, samples that stand for all, and labels of memories."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from induce.clustering import background_of, check_clusters, cluster
from induce.sampling import stand_ins
from induce.splitting import foreignness, groups_of, worthwhile
from induce.vector_cache import Vectors
from induce.ward import ward
from records.errors import UserError
from records.induction import ClusterConfig

TOPICS = {"baby": 0, "tent": 1, "opera": 2, "wine": 3}


def letters(texts: Sequence[str]) -> Vectors:
    """Directions by topic, and a little by the rest: "baby 3" is near "baby 7", far from "tent 3"."""
    rows = []
    for text in texts:
        topic, _, rest = text.partition(" ")
        row = np.zeros(24, dtype=np.float32)
        row[TOPICS.get(topic, 4 + sum(map(ord, topic)) % 4)] = 1.0
        row[8 + sum(map(ord, rest)) % 16] += 0.5
        rows.append(row / np.linalg.norm(row))
    return np.stack(rows) if rows else np.zeros((0, 24), dtype=np.float32)


def labels_of(texts: Sequence[str], config: ClusterConfig | None = None) -> list[int]:
    return cluster(
        texts, [1.0] * len(texts), letters, background=0.1, config=config or ClusterConfig()
    ).tolist()


def same_parts(one: Sequence[int], other: Sequence[int]) -> bool:
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


def test_costs_by_hand() -> None:
    # On a line: 0 (weight 1), 1 (weight 3), 10 (weight 2). First 0 and 1: 1·3/4·1² = 0.75, centre 0.75.
    # Then with 10: 4·2/6·(10 − 0.75)² = 114.083…
    tree = ward(np.array([[0.0], [1.0], [10.0]]), np.array([1.0, 3.0, 2.0]))
    assert tree.pairs.tolist() == [[0, 1], [0, 2]]
    np.testing.assert_allclose(tree.costs, [0.75, 4 / 3 * 9.25**2])
    assert [tree.labels(k).tolist() for k in (1, 2, 3)] == [[0, 0, 0], [0, 0, 1], [0, 1, 2]]
    assert ward(np.zeros((1, 2)), np.ones(1)).labels(1).tolist() == [0]


@given(seed=st.integers(0, 10_000), count=st.integers(2, 40))
@settings(max_examples=40, deadline=None)
def test_weights_are_copies_and_the_tree_is_scipys(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    points, copies = random.normal(size=(count, 5)), random.integers(1, 4, count)
    tree = ward(points, copies.astype(float))
    theirs = linkage(np.repeat(points, copies, axis=0), "ward")
    np.testing.assert_allclose(np.sqrt(2 * tree.costs), theirs[-(count - 1) :, 2], atol=1e-6)
    for clusters in range(1, min(count, 8)):
        ours = np.repeat(tree.labels(clusters), copies)
        assert same_parts(ours.tolist(), fcluster(theirs, clusters, "maxclust").tolist())


def test_foreignness_by_hand() -> None:
    # Two sides of two texts each: cosines .8 within, .2 across, .1 in the population: (.8 − .2)/(.8 − .1).
    assert foreignness(0.8, 0.2, 0.1) == pytest.approx(6 / 7)
    assert foreignness(0.1, 0.1, 0.1) == 0.0
    vectors = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1.0]])
    one, other, third = groups_of(vectors, np.array([1.0, 3.0, 2.0]), np.ones(3))
    both = one + other
    assert both.within == pytest.approx(0.8)  # the two texts' own cosine, whatever their weights
    assert both.cross(vectors[0]) == pytest.approx((1 * 1 + 3 * 0.8) / 4)
    assert both.cross(third.total / third.weight) == 0
    assert one.within is None


def test_one_topic_is_one_cluster_and_two_are_two() -> None:
    baby, tent = [f"baby {n}" for n in range(9)], [f"tent {n}" for n in range(6)]
    assert labels_of(baby) == [0] * 9
    assert labels_of(baby + tent) == [0] * 9 + [1] * 6
    assert labels_of(baby, ClusterConfig(method="hdbscan")) == [0] * 9


def test_weight_decides_which_comes_first() -> None:
    texts = [f"baby {n}" for n in range(6)] + [f"tent {n}" for n in range(4)]
    heavy = cluster(texts, [1.0] * 6 + [9.0] * 4, letters, background=0.1, config=ClusterConfig())
    assert heavy.tolist() == [1] * 6 + [0] * 4


def test_a_side_too_small_is_in_none_or_joins_what_it_is_near() -> None:
    baby = [f"baby {n}" for n in range(9)]
    assert labels_of([*baby, "tent 1"]) == [0] * 9 + [-1]
    assert labels_of([*baby, "tent 1", "tent 1", "tent 1"]) == [0] * 9 + [1] * 3
    assert labels_of([*baby, "tent 1", "tent 2"], ClusterConfig(least_memories=2)) == [0] * 9 + [1] * 2
    everything = ClusterConfig(worth=1.5)
    assert labels_of([*baby, "tent 1"], everything) == [0] * 10


def test_bounds_on_the_number_of_personas() -> None:
    texts = [f"{topic} {n}" for topic in TOPICS for n in range(5)]
    assert len(set(labels_of(texts))) == 4
    assert set(labels_of(texts, ClusterConfig(most_personas=1))) == {0}
    assert max(labels_of(texts, ClusterConfig(most_personas=2))) == 1


def test_few_memories_are_one_cluster() -> None:
    assert labels_of(["baby 1"]) == [0]
    assert labels_of(["baby 1", "tent 1"]) == [0, 0]
    assert labels_of(["baby 1"], ClusterConfig(method="hdbscan")) == [0]


def test_a_sample_stands_for_all_of_a_large_user() -> None:
    texts = [f"{topic} {'x' * (n % 97)}{n}" for topic in ("baby", "tent") for n in range(800)]
    labels = labels_of(texts, ClusterConfig(most_clustered=64))
    assert labels[:800] == [labels[0]] * 800
    assert labels[800:] == [1 - labels[0]] * 800


@given(seed=st.integers(0, 10_000), count=st.integers(1, 200), most=st.integers(2, 50))
@settings(max_examples=50, deadline=None)
def test_samples_are_bounded_and_keep_the_weight(seed: int, count: int, most: int) -> None:
    random = np.random.default_rng(seed)
    vectors, weights = random.normal(size=(count, 6)), random.exponential(size=count) + 0.01
    sampled = stand_ins(vectors, weights, most)
    assert (sampled > 0).sum() <= max(most, min(count, most))
    assert sampled.sum() == pytest.approx(weights.sum())
    # Who weighs more than a step is certain to be there, and nobody is further off than a step.
    assert (np.abs(sampled - weights) <= weights.sum() / most + 1e-9).all()
    mirrored = stand_ins(-vectors, weights, most)
    assert mirrored.sum() == pytest.approx(weights.sum())


WORDS = st.sampled_from(["baby", "tent", "opera", "wine", "xyz", "儿童"])
TEXTS = st.lists(st.tuples(WORDS, st.integers(0, 30)).map(lambda pair: f"{pair[0]} {pair[1]}"), min_size=1)


@given(texts=TEXTS, seed=st.integers(0, 99), method=st.sampled_from(["ward", "hdbscan"]))
@settings(max_examples=60, deadline=None)
def test_the_order_of_memories_moves_nothing(texts: list[str], seed: int, method: str) -> None:
    config = ClusterConfig(method=method, most_clustered=20)
    order = np.random.default_rng(seed).permutation(len(texts))
    labels = labels_of(texts, config)
    shuffled = labels_of([texts[place] for place in order], config)
    assert [labels[place] for place in order] == shuffled
    by_text: dict[str, set[int]] = {}
    for text, label in zip(texts, labels, strict=True):
        by_text.setdefault(text, set()).add(label)
    assert all(len(found) == 1 for found in by_text.values())
    assert max(labels) < config.most_personas
    assert method == "hdbscan" or max(labels) >= 0


def test_background_is_the_mean_of_pairs() -> None:
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [0.6, 0.8]}

    def embedder(texts: Sequence[str]) -> Vectors:
        return np.array([vectors[text] for text in texts], dtype=np.float32)

    # a·b = 0, a·c = .6, b·c = .8
    assert background_of(["a", "b", "c", "a"], embedder) == pytest.approx(1.4 / 3, abs=1e-6)
    assert background_of(["a"], embedder) == 0.0


def test_points_of_a_tree_without_merges() -> None:
    points = groups_of(np.ones((1, 2)), np.ones(1), np.ones(1))
    tree = ward(np.ones((1, 2)), np.ones(1))
    assert worthwhile(tree, points, background=0, worth=0.5, least=3, most=8) == points


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(UserError, match="induce.clusters.method is 'kmeans'; it must be ward or hdbscan"):
        check_clusters(ClusterConfig(method="kmeans"))
