"""Advantages by hand."""

import math

import numpy as np
import pytest

from rl.advantages import group_advantages
from rl.filters import FilterVerdict


def _verdict(rewards: tuple[float, ...], dropped: tuple[int, ...] = ()) -> FilterVerdict:
    return FilterVerdict(
        sample_reasons=tuple(("format",) if i in dropped else () for i in range(len(rewards))),
        rewards=rewards,
        group_reasons=(),
        mean=123.0,  # the group filter's mean, which advantages must not use
        std=123.0,
    )


def test_grpo_by_hand() -> None:
    # Mean .5; deviations −.3, −.1, .4; std with ddof 1 √((.09 + .01 + .16)/2) = √.13 = .36055513
    advantages = group_advantages(_verdict((0.2, 0.4, 0.9)), scale_by_std=True)
    scale = math.sqrt(0.13) + 1e-4
    assert advantages == pytest.approx([-0.3 / scale, -0.1 / scale, 0.4 / scale], rel=1e-12)
    assert advantages == pytest.approx([-0.8318195, -0.2772732, 1.1090927], abs=1e-6)


def test_dr_grpo_by_hand() -> None:
    advantages = group_advantages(_verdict((0.2, 0.4, 0.9)), scale_by_std=False)
    assert advantages == pytest.approx([-0.3, -0.1, 0.4])


@pytest.mark.parametrize("scale_by_std", [True, False])
def test_dropped_samples_are_nan_and_count_nowhere(scale_by_std: bool) -> None:
    live = group_advantages(_verdict((0.2, 0.4, 0.9)), scale_by_std=scale_by_std)
    mixed = group_advantages(
        _verdict((0.2, math.nan, 0.4, 100.0, 0.9), dropped=(1, 3)), scale_by_std=scale_by_std
    )
    assert np.isnan(mixed).tolist() == [False, True, False, True, False]
    assert mixed[[0, 2, 4]].tolist() == live.tolist()


@pytest.mark.parametrize("dropped", [(0, 1, 2), (0, 1)])
def test_fewer_than_two_live_samples_have_no_advantage(dropped: tuple[int, ...]) -> None:
    assert np.isnan(group_advantages(_verdict((0.2, 0.4, 0.9), dropped), scale_by_std=True)).all()


def test_equal_rewards_do_not_explode() -> None:
    assert group_advantages(_verdict((0.5, 0.5)), scale_by_std=True).tolist() == [0.0, 0.0]
