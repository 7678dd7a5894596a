"""Thresholds from a pilot: quantiles of its groups' mean rewards."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from rl.filters import outwards
from rl.recorded import Recording
from rl.replay import judge_again
from rl.sweep import Kept, sweep

MIN_BEYOND = 2
"""Groups that must lie beyond a quantile, on average, for it to rest on more than chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Thresholds by task; how many groups' means each rests on; and what they would have kept of all."""

    thresholds: Mapping[str, ThresholdConfig]
    rests_on: Mapping[str, int]
    kept: Kept


def suggest(recording: Recording, filters: FilterConfig, quantiles: tuple[float, float]) -> Suggestion:
    """The quantiles (interpolated) of the means of all groups that have enough live samples, task by task.

    Means are those that the group filter would look at under `filters`, whose thresholds do not matter.
    Groups without signal count too: hard and easy ones are often of that kind.

    Raises:
        UserError: the quantiles are none, or a task has too few groups for them.
    """
    low, high = quantiles
    if not 0 <= low < high <= 1:
        raise UserError(f"--quantiles {low:g} {high:g}: give a lower and an upper one, such as 0.1 0.9")
    needed = max([2, *(math.ceil(MIN_BEYOND / tail - 1e-9) for tail in (low, 1 - high) if tail > 0)])
    judged = judge_again(recording.groups, filters)
    enough_N = (judged.live_N >= filters.min_live) & np.isfinite(judged.mean_N)
    thresholds, rests_on = {}, {}
    for place, task in enumerate(recording.tasks):
        means = judged.mean_N[enough_N & (recording.task_N == place)]
        if len(means) < needed:
            total = int((recording.task_N == place).sum())
            raise UserError(
                f"task {task}: {len(means)} of {total} groups have {filters.min_live} live samples or more, "
                f"and the quantiles {low:g} and {high:g} take {needed}; run the pilot for more steps, take "
                "--quantiles nearer to the middle, or name another task with --task"
            )
        eps_low, eps_high = outwards(*np.quantile(means, quantiles))
        thresholds[task] = ThresholdConfig(eps_low=eps_low, eps_high=eps_high)
        rests_on[task] = len(means)
    (row,) = sweep(recording, replace(filters, group=True, thresholds=thresholds))
    return Suggestion(thresholds=thresholds, rests_on=rests_on, kept=row.kept)
