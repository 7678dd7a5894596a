"""The benchmark of a group in the learner: all ways hold the same responses, and one loss is the other."""

import pytest
import torch

from benchmarks.groupwise_learner import GroupBench, measure, ways

torch.set_num_threads(1)


def test_ways_hold_the_same_group() -> None:
    found = ways(5, 3, 4, 100)
    (ours,), (repeated,), pairs = found["ours"], found["repeated"], found["pairs"]
    assert (len(ours.tokens.input_ids_T), len(repeated.tokens.input_ids_T)) == (5 + 4 * 3, 4 * (5 + 3))
    assert ours.sizes == repeated.sizes == (4,)
    assert [one.sizes for one in pairs] == [(2,)] * 3
    assert all(len(one.tokens.input_ids_T) == 2 * (5 + 3) for one in pairs)
    targets = ours.tokens.targets_N.reshape(4, 3).tolist()
    assert repeated.tokens.targets_N.reshape(4, 3).tolist() == targets
    # The best against each of the others.
    against = [one.tokens.targets_N.reshape(2, 3).tolist() for one in pairs]
    assert against == [[targets[0], other] for other in targets[1:]]
    assert [one.levels_R.tolist() for one in pairs] == [[0, 1]] * 3


def test_a_small_case_is_exact() -> None:
    case = measure(GroupBench("cpu"), 24, 8, 4, 1)
    assert case["loss"] > 0
    assert case["loss_diff"] < 1e-5
    assert 0 < case["grad_rel_diff"] < 1e-5
    seconds = case["seconds"]
    assert case["over_pairs"] == pytest.approx(seconds["pairs"] / seconds["ours"], rel=0.02)
