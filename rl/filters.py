"""The two filters of DF-GRPO (UserGPT Technical Report, arXiv 2605.08766; DESIGN in docs/architecture.md).

The sample filter decides which responses are live; the group filter decides, by the mean reward of
the live ones, which groups teach anything. Verdicts are pure functions of scores and lengths, so
that a recorded run can be judged again under other thresholds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from records.prompt import Rollout, Score, ScoredGroup

SAMPLE_REASONS = ("truncated", "format", "score_error")
STALE = "stale"
GROUP_REASONS = ("too_few_live", "too_hard", "too_easy", "no_signal", STALE)
"""`stale` is the collector's: the group became older than `rl.max_staleness` before its turn came."""
FILTER_REWARDS = ("total", "atomic", "summary")

ROUNDING = 1e-9
"""A mean on a threshold stays, be it rounded up or down."""

_STEP = 0.001
"""Thresholds that are suggested are rounded to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOutcome:
    """What the filters need to know of one response: `reward` in total and its parts, `summary` None where
    the task has none."""

    reward: float
    atomic: float
    summary: float | None
    truncated: bool
    format_ok: bool
    score_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterVerdict:
    """Both filters' verdicts on one group of G samples, whichever of them drops it.

    `sample_reasons[i]` lists every reason to drop sample i (empty: live); `rewards[i]` is the reward
    that counts (0 for a failure that a switched-off sample filter lets live); `group_reasons` lists
    every reason to drop the group. Mean and deviation (ddof 1) are over live samples, NaN if undefined;
    they are those of the reward that the group filter looks at, `rewards` are always totals.
    """

    sample_reasons: tuple[tuple[str, ...], ...]
    rewards: tuple[float, ...]
    group_reasons: tuple[str, ...]
    mean: float
    std: float

    @property
    def live(self) -> tuple[bool, ...]:
        return tuple(not reasons for reasons in self.sample_reasons)

    @property
    def n_live(self) -> int:
        return sum(self.live)

    @property
    def kept(self) -> bool:
        return not self.group_reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedGroup:
    """A scored group with its verdict."""

    scored: ScoredGroup
    verdict: FilterVerdict


def outcome(rollout: Rollout, score: Score) -> SampleOutcome:
    """The outcome of one scored response."""
    return SampleOutcome(
        reward=score.reward,
        atomic=score.atomic,
        summary=score.summary,
        truncated=rollout.truncated,
        format_ok=score.format_ok,
        score_error=bool(score.error),
    )


def thresholds_of(config: FilterConfig, task: str) -> ThresholdConfig:
    """The group filter's thresholds for `task`; without any, nothing is too hard or too easy."""
    bounds = config.thresholds.get(task, ThresholdConfig(eps_low=float("-inf"), eps_high=float("inf")))
    assert (bounds.eps_low_end, bounds.eps_high_end) == (None, None), "of which step? See filters_at"
    return bounds


def filters_at(config: FilterConfig, step: int) -> FilterConfig:
    """The filters at `step`: thresholds that have an end are step / ramp_steps of the way there.

    Example:
        eps_low 0.4 with eps_low_end 0.8 and ramp_steps 10 is 0.4 at step 0, 0.6 at 5, 0.8 from 10 on.
    """
    way = min(1.0, step / max(1, config.ramp_steps))

    def moved(start: float, end: float | None) -> float:
        return start if end is None else (1 - way) * start + way * end

    thresholds = {
        task: ThresholdConfig(
            eps_low=moved(bounds.eps_low, bounds.eps_low_end),
            eps_high=moved(bounds.eps_high, bounds.eps_high_end),
        )
        for task, bounds in config.thresholds.items()
    }
    return replace(config, thresholds=thresholds)


def check_filters(config: FilterConfig, tasks: Sequence[str]) -> None:
    """Refuse thresholds that contradict themselves, and unknown choices.

    Raises:
        UserError: naming the key and the mend.
    """
    for task, bounds in config.thresholds.items():
        key = f"rl.filters.thresholds.{task}"
        if task not in tasks:
            raise UserError(f"{key}: no such task; tasks are {', '.join(tasks)}")
        if (bounds.eps_low_end, bounds.eps_high_end) != (None, None) and not config.ramp_steps:
            raise UserError(f"{key}: has an end; say in rl.filters.ramp_steps (now 0) how soon it is reached")
        for step, when in ((0, ""), (config.ramp_steps, " at its end")):
            at = filters_at(config, step).thresholds[task]
            if not at.eps_low <= at.eps_high:  # an infinite one on its way is no number
                raise UserError(
                    f"{key}: eps_low {at.eps_low:g} is above eps_high {at.eps_high:g}{when}; "
                    "swap or mend them"
                )
    if config.mean_over not in ("live", "all"):
        raise UserError(f"rl.filters.mean_over is {config.mean_over!r}; it must be live or all")
    if config.reward not in FILTER_REWARDS:
        raise UserError(
            f"rl.filters.reward is {config.reward!r}; it must be one of {', '.join(FILTER_REWARDS)}"
        )
    if config.min_live < 2:
        raise UserError(f"rl.filters.min_live is {config.min_live}; a deviation takes at least 2")


def judge_sample(sample: SampleOutcome, config: FilterConfig) -> tuple[tuple[str, ...], float]:
    """Reasons to drop one sample, and the reward that counts if it stays.

    With the sample filter off, truncated and badly formatted samples live with reward 0; a failed
    score is dropped all the same: it is no reward at all.
    """
    failures = [
        reason
        for reason, failed in (
            ("truncated", sample.truncated),
            # A response cut off at the limit is not counted as badly formatted as well.
            ("format", not sample.format_ok and not sample.truncated and not sample.score_error),
        )
        if failed
    ]
    reasons = failures if config.sample else []
    if sample.score_error:
        reasons = [*reasons, "score_error"]
    return tuple(reasons), 0.0 if failures else sample.reward


def judge_group(samples: Sequence[SampleOutcome], config: FilterConfig, task: str) -> FilterVerdict:
    """Both filters' verdicts on one group, by the thresholds as `config` has them (`filters_at` a step);
    a mean on a threshold stays."""
    judged = [judge_sample(sample, config) for sample in samples]
    looked_at = [judge_sample(_by_part(sample, config.reward), config) for sample in samples]
    live = np.array([reward for reasons, reward in looked_at if not reasons])
    scored = [
        0.0 if reasons else reward
        for sample, (reasons, reward) in zip(samples, looked_at, strict=True)
        if not sample.score_error
    ]
    std = float(np.std(live, ddof=1)) if len(live) > 1 else float("nan")
    base = live if config.mean_over == "live" else np.array(scored)
    mean = float(np.mean(base)) if len(base) else float("nan")
    bounds = thresholds_of(config, task)
    reasons = []
    if len(live) < config.min_live:
        reasons.append("too_few_live")
    if config.group:
        if mean < bounds.eps_low - ROUNDING:
            reasons.append("too_hard")
        if mean > bounds.eps_high + ROUNDING:
            reasons.append("too_easy")
        if std <= config.std_tol:
            reasons.append("no_signal")
    return FilterVerdict(
        sample_reasons=tuple(reasons_ for reasons_, _ in judged),
        rewards=tuple(reward for _, reward in judged),
        group_reasons=tuple(reasons),
        mean=mean,
        std=std,
    )


def _by_part(sample: SampleOutcome, part: str) -> SampleOutcome:
    """The sample with the reward that the group filter looks at."""
    if part == "atomic":
        return replace(sample, reward=sample.atomic)
    if part == "summary" and sample.summary is not None:
        return replace(sample, reward=sample.summary)
    return sample


def judge(scored: ScoredGroup, config: FilterConfig) -> FilterVerdict:
    """Both filters' verdicts on a scored group."""
    samples = [outcome(r, s) for r, s in zip(scored.group.rollouts, scored.scores, strict=True)]
    return judge_group(samples, config, scored.group.prompt.task)


def outwards(below: float, above: float) -> tuple[float, float]:
    """Thresholds at two quantiles, rounded outwards to three digits, so that a group at a quantile stays."""
    low = round(math.floor(below / _STEP + 1e-6) * _STEP, 3)
    return low, round(math.ceil(above / _STEP - 1e-6) * _STEP, 3)
