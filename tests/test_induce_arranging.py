"""Lines by likeness: worked by hand, and as properties of any vectors."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from induce.arranging import by_likeness
from induce.lines import lines_of_users, memory_lines
from induce.teaching import stretches
from induce.ward import ward
from records.persona import IntentMemory
from tests.induction import by_letter, counted, memories
from tests.personas import memory


def test_like_stands_beside_like() -> None:
    # Directions at 0°, 90°, about 37° and 90°: the second and the fourth are one, and the third is between.
    sums_LD = np.array([[1.0, 0], [0, 1], [1.6, 1.2], [0, 3]])
    weights_L = np.array([1.0, 1, 2, 3])
    # First 1 and 3 (cosine 1), then 0 and 2 (0.8), then both sides: (2.6, 1.2)·(0, 4) / (3 · 4) = 0.4.
    assert by_likeness(sums_LD, weights_L) == [(0, 0), (2, 8), (1, 4), (3, 9)]


def test_what_is_opposite_is_as_unlike_as_what_has_nothing_in_common() -> None:
    assert by_likeness(np.array([[1.0, 0], [-1, 0]]), np.ones(2)) == [(0, 0), (1, 0)]
    assert by_likeness(np.zeros((2, 3)), np.ones(2)) == [(0, 0), (1, 0)]
    assert by_likeness(np.zeros((1, 3)), np.ones(1)) == [(0, 0)]
    assert by_likeness(np.zeros((0, 3)), np.ones(0)) == []


@given(st.integers(1, 9), st.integers(0, 99))
def test_every_cut_of_the_tree_is_stretches_of_lines(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights_L = rng.integers(1, 5, count).astype(float)
    sums_LD = rng.normal(size=(count, 4)) * weights_L[:, None]
    order = [place for place, _ in by_likeness(sums_LD, weights_L)]
    assert sorted(order) == list(range(count))
    tree = ward(sums_LD / weights_L[:, None], weights_L)
    for clusters in range(1, count + 1):
        labels = tree.labels(clusters)[order]
        assert int((labels[1:] != labels[:-1]).sum()) == clusters - 1


@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 999))
def test_lines_of_one_meaning_stand_together_and_none_is_lost(meanings: int, times: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors_MD = rng.normal(size=(meanings, 384)).astype(np.float32)
    vectors_MD /= np.linalg.norm(vectors_MD, axis=1, keepdims=True)
    meaning_L = rng.permutation(np.repeat(np.arange(meanings), times))
    weights_L = rng.integers(1, 4, len(meaning_L)).astype(float)
    found = by_likeness(vectors_MD[meaning_L] * weights_L[:, None], weights_L)
    assert sorted(place for place, _ in found) == list(range(len(meaning_L)))
    stretch_L = meaning_L[[place for place, _ in found]]
    assert int((stretch_L[1:] != stretch_L[:-1]).sum()) == meanings - 1


@given(st.integers(2, 9), st.integers(0, 99))
def test_stretches_below_a_likeness_are_a_cut_of_the_tree(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sums_LD, weights_L = np.abs(rng.normal(size=(count, 3))), np.ones(count)
    found = by_likeness(sums_LD, weights_L)
    tree = ward(sums_LD, weights_L)
    cuts = [tree.labels(clusters) for clusters in range(1, count + 1)]
    for cut in range(11):
        stretch_L = np.empty(count, dtype=int)
        stretch_L[[place for place, _ in found]] = np.cumsum([near < cut for _, near in found])
        # Each stretch is a cluster of some cut: what merges below it is not parted.
        for number in set(stretch_L.tolist()):
            mine = stretch_L == number
            assert any((mine == (labels == label)).all() for labels in cuts for label in set(labels.tolist()))


LOG = [memory(1, ["Saw"]), memory(2, ["Milk"]), memory(3, ["Spade"]), memory(4, ["Melon"])]


def test_lines_are_numbered_by_likeness_and_say_it() -> None:
    lines = memory_lines("u", LOG, 1000, counted, by_letter)
    assert [(line.number, line.names, line.near) for line in lines.lines] == [
        (1, ("Saw",), None),
        (2, ("Spade",), 9),
        (3, ("Milk",), 0),
        (4, ("Melon",), 9),
    ]
    assert [line.split("] ")[0] for line in lines.text.split("\n")] == [
        "#1 [SOURCE: Shop",
        "#2 [NEAR: 9",
        "#3 [NEAR: 0",
        "#4 [NEAR: 9",
    ]
    assert stretches(lines, 1) == [[1, 2], [3, 4]]
    blank = memory(5, [""], category="")
    assert memory_lines("u", [*LOG, blank], 1000, counted, by_letter).line_of[5] in (1, 2, 3, 4, 5)


@given(memories(), st.integers(0, 400))
def test_the_budget_holds_and_company_changes_nothing(log: list[IntentMemory], budget: int) -> None:
    lines = memory_lines("u", log, budget, counted, by_letter)
    assert len(lines.text) <= budget
    behind = [number for line in lines.lines for number in line.memories]
    assert sorted([*behind, *lines.noise, *lines.no_room]) == [one.number for one in log]
    assert [line.near is None for line in lines.lines] == [line.number == 1 for line in lines.lines]
    together = lines_of_users({"v": LOG, "u": log[::-1], "w": []}, budget, counted, by_letter)
    assert together["u"].lines == memory_lines("u", log, budget, counted, by_letter).lines
    assert together["w"].lines == ()
    for cut in (1, 5, 9):
        parts = stretches(lines, cut)
        assert [number for part in parts for number in part] == [line.number for line in lines.lines]
