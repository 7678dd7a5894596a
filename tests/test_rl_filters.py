"""Verdicts of the sample filter and the group filter: every reason, the bounds, and what must not count."""

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from records.prompt import TASKS, Prompt, Rollout, RolloutGroup, Score, ScoredGroup
from rl.advantages import group_advantages
from rl.filters import (
    GROUP_REASONS,
    SAMPLE_REASONS,
    FilterVerdict,
    SampleOutcome,
    check_filters,
    filters_at,
    judge,
    judge_group,
    judge_sample,
)

ON = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.25, eps_high=0.75)})
OFF = replace(ON, sample=False)


def _outcome(
    reward: float = 0.5, *, truncated: bool = False, format_ok: bool = True, score_error: bool = False
) -> SampleOutcome:
    return SampleOutcome(
        reward=reward,
        atomic=reward,
        summary=None,
        truncated=truncated,
        format_ok=format_ok,
        score_error=score_error,
    )


TRUNCATED = _outcome(0.0, truncated=True, format_ok=False)
TRUNCATED_BUT_WELL_FORMED = _outcome(0.9, truncated=True)
BADLY_FORMATTED = _outcome(0.0, format_ok=False)
FAILED = _outcome(math.nan, format_ok=False, score_error=True)
FAILED_AND_TRUNCATED = replace(FAILED, truncated=True)


@pytest.mark.parametrize(
    ("sample", "reasons_on", "reasons_off", "reward"),
    [
        (_outcome(0.5), (), (), 0.5),
        (TRUNCATED, ("truncated",), (), 0.0),
        (TRUNCATED_BUT_WELL_FORMED, ("truncated",), (), 0.0),
        (BADLY_FORMATTED, ("format",), (), 0.0),
        (FAILED, ("score_error",), ("score_error",), math.nan),
        (FAILED_AND_TRUNCATED, ("truncated", "score_error"), ("score_error",), 0.0),
    ],
)
def test_every_reason_to_drop_a_sample(
    sample: SampleOutcome, reasons_on: tuple[str, ...], reasons_off: tuple[str, ...], reward: float
) -> None:
    assert judge_sample(sample, ON)[0] == reasons_on
    assert judge_sample(sample, OFF)[0] == reasons_off
    assert judge_sample(sample, OFF)[1] == pytest.approx(reward, nan_ok=True)
    assert set(reasons_on) <= set(SAMPLE_REASONS)


def _verdict(*rewards: float, config: FilterConfig = ON) -> FilterVerdict:
    return judge_group([_outcome(reward) for reward in rewards], config, "tags")


@pytest.mark.parametrize(
    ("rewards", "reasons"),
    [
        ((0.4, 0.6), ()),
        # Means .2, .25 (on the bound), .75 (on the bound) and .8.
        ((0.1, 0.3), ("too_hard",)),
        ((0.125, 0.375), ()),
        ((0.625, 0.875), ()),
        ((0.7, 0.9), ("too_easy",)),
        ((0.5, 0.5), ("no_signal",)),
        ((0.1, 0.1), ("too_hard", "no_signal")),
        ((1.0, 1.0), ("too_easy", "no_signal")),
        ((0.5,), ("too_few_live",)),
        ((0.1,), ("too_few_live", "too_hard")),
        ((), ("too_few_live",)),
    ],
)
def test_every_reason_to_drop_a_group(rewards: tuple[float, ...], reasons: tuple[str, ...]) -> None:
    verdict = _verdict(*rewards)
    assert verdict.group_reasons == reasons
    assert verdict.kept == (not reasons)
    assert set(reasons) <= set(GROUP_REASONS)


def test_statistics_by_hand() -> None:
    verdict = judge_group([_outcome(0.2), BADLY_FORMATTED, _outcome(0.4), FAILED, _outcome(0.9)], ON, "tags")
    assert verdict.live == (True, False, True, False, True)
    assert verdict.n_live == 3
    # (.2 + .4 + .9)/3 = .5; deviations −.3, −.1, .4: √((.09 + .01 + .16)/2) = √.13
    assert verdict.mean == pytest.approx(0.5)
    assert verdict.std == pytest.approx(math.sqrt(0.13))
    assert verdict.sample_reasons == ((), ("format",), (), ("score_error",), ())


def test_the_mean_over_all_counts_failures_as_zero_but_no_score_errors() -> None:
    samples = [_outcome(0.6), _outcome(0.8), TRUNCATED_BUT_WELL_FORMED, BADLY_FORMATTED, FAILED]
    verdict = judge_group(samples, replace(ON, mean_over="all"), "tags")
    # (.6 + .8 + 0 + 0)/4; over the live ones it were .7. The deviation stays that of the live ones: .2/√2.
    assert verdict.mean == pytest.approx(0.35)
    assert verdict.std == pytest.approx(0.2 / math.sqrt(2))
    assert judge_group(samples, ON, "tags").mean == pytest.approx(0.7)


def test_without_the_sample_filter_failures_live_with_reward_zero() -> None:
    samples = [_outcome(0.9), TRUNCATED_BUT_WELL_FORMED, BADLY_FORMATTED, FAILED]
    verdict = judge_group(samples, OFF, "tags")
    assert verdict.live == (True, True, True, False)
    assert verdict.rewards[:3] == (0.9, 0.0, 0.0)
    assert verdict.mean == pytest.approx(0.3)
    # Deviations .6, −.3, −.3: √(.54/2)
    assert verdict.std == pytest.approx(math.sqrt(0.27))
    assert verdict.kept


def test_min_live_is_a_bound_that_stays() -> None:
    strict = replace(ON, min_live=3)
    assert _verdict(0.4, 0.6, config=strict).group_reasons == ("too_few_live",)
    assert _verdict(0.4, 0.5, 0.6, config=strict).kept


def test_a_deviation_on_the_tolerance_has_no_signal() -> None:
    # Rewards .25 and .75 deviate by .5/√2.
    deviation = float(np.std([0.25, 0.75], ddof=1))
    assert _verdict(0.25, 0.75, config=replace(ON, std_tol=deviation)).group_reasons == ("no_signal",)
    assert _verdict(0.25, 0.75, config=replace(ON, std_tol=0.99 * deviation)).kept


def test_without_the_group_filter_only_too_few_are_dropped() -> None:
    off = replace(ON, group=False)
    assert _verdict(0.0, 0.0, config=off).kept
    assert _verdict(1.0, 1.0, config=off).kept
    assert _verdict(0.5, config=off).group_reasons == ("too_few_live",)


def test_thresholds_are_per_task() -> None:
    samples = [_outcome(0.0), _outcome(0.1)]
    assert judge_group(samples, ON, "tags").group_reasons == ("too_hard",)
    assert judge_group(samples, ON, "composite").kept


def test_a_scored_group_is_judged_by_its_rollouts_and_scores() -> None:
    prompt = Prompt(prompt_id="p", user_id="u", task="tags", tags=("pet",), history_lines=1, token_ids=(1,))
    rollouts = tuple(
        Rollout(
            prompt_id="p",
            sample_idx=index,
            seed=index,
            token_ids=(1,),
            logprobs=(-1.0,),
            text="",
            finish_reason=finish,
            policy_version=0,
            gen_seconds=0.0,
        )
        for index, finish in enumerate(("stop", "length", "stop", "stop", "stop"))
    )
    scores = tuple(
        Score(
            format_ok=ok, format_reason="" if ok else "schema", reward=r, atomic=r, summary=None, error=error
        )
        for ok, r, error in (
            (True, 0.4, ""),
            (True, 0.9, ""),
            (False, 0.0, ""),
            (False, math.nan, "E: x"),
            (True, 0.6, ""),
        )  # fmt: skip
    )
    group = RolloutGroup(group_id="g", round=0, attempt=0, prompt=prompt, rollouts=rollouts)
    verdict = judge(ScoredGroup(group=group, scores=scores), ON)
    assert verdict.sample_reasons == ((), ("truncated",), ("format",), ("score_error",), ())
    assert verdict.mean == pytest.approx(0.5)


REWARDS = st.lists(st.floats(0, 2), min_size=1, max_size=6)
DROPPED = st.lists(
    st.sampled_from([TRUNCATED, TRUNCATED_BUT_WELL_FORMED, BADLY_FORMATTED, FAILED, FAILED_AND_TRUNCATED]),
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(REWARDS, DROPPED, st.randoms(use_true_random=False), st.booleans())
def test_dropped_samples_change_nothing_for_the_live(
    rewards: list[float], dropped: list[SampleOutcome], random: Random, scale: bool
) -> None:
    alone = judge_group([_outcome(reward) for reward in rewards], ON, "tags")
    mixed: list[SampleOutcome] = list(dropped)
    places = sorted(random.randrange(len(dropped) + 1) for _ in rewards)
    for offset, (place, reward) in enumerate(zip(places, rewards, strict=True)):
        mixed.insert(place + offset, _outcome(reward))
    verdict = judge_group(mixed, ON, "tags")
    assert verdict.mean == alone.mean
    assert verdict.std == pytest.approx(alone.std, abs=0, nan_ok=True)
    assert verdict.group_reasons == alone.group_reasons
    assert verdict.n_live == len(rewards)
    ours = group_advantages(verdict, scale_by_std=scale)[list(verdict.live)]
    assert np.array_equal(ours, group_advantages(alone, scale_by_std=scale), equal_nan=True)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (
            replace(ON, thresholds={"tag": ThresholdConfig()}),
            r"thresholds\.tag: no such task; .*tags, composite",
        ),
        (
            replace(ON, thresholds={"tags": ThresholdConfig(eps_low=0.9, eps_high=0.1)}),
            r"thresholds\.tags: eps_low 0\.9 is above eps_high 0\.1",
        ),
        (replace(ON, mean_over="some"), r"mean_over is 'some'; it must be live or all"),
        (replace(ON, min_live=1), r"min_live is 1; .*at least 2"),
        (replace(ON, reward="judge"), r"rl\.filters\.reward is 'judge'; .*total, atomic, summary"),
        (
            replace(ON, thresholds={"tags": ThresholdConfig(eps_low_end=0.1)}),
            r"thresholds\.tags: has an end; say in rl\.filters\.ramp_steps",
        ),
        (
            replace(
                ON, ramp_steps=3, thresholds={"tags": ThresholdConfig(eps_low_end=0.9, eps_high_end=0.5)}
            ),
            r"eps_low 0\.9 is above eps_high 0\.5 at its end",
        ),
        (
            replace(ON, ramp_steps=3, thresholds={"tags": ThresholdConfig(eps_high_end=math.inf)}),
            r"thresholds\.tags: .*eps_high nan",
        ),
    ],
)
def test_contradictory_settings_are_refused(config: FilterConfig, named: str) -> None:
    with pytest.raises(UserError, match=named):
        check_filters(config, TASKS)


def _composite(atomic: float, summary: float) -> SampleOutcome:
    return replace(_outcome(atomic + summary), atomic=atomic, summary=summary)


PARTS = [_composite(0.9, 0.1), _composite(0.9, 0.3), replace(TRUNCATED_BUT_WELL_FORMED, summary=0.4)]
"""Live: atomic .9 and .9, summary .1 and .3, total 1 and 1.2."""


@pytest.mark.parametrize(
    ("reward", "mean", "deviation", "over_all", "reasons"),
    [
        # Deviations are .1·√2 by hand; over all, the truncated one counts 0.
        ("total", 1.1, 0.1 * math.sqrt(2), 2.2 / 3, ("too_easy",)),
        ("atomic", 0.9, 0.0, 0.6, ("too_easy", "no_signal")),
        ("summary", 0.2, 0.1 * math.sqrt(2), 0.4 / 3, ("too_hard",)),
    ],
)
def test_the_reward_that_the_group_filter_looks_at(
    reward: str, mean: float, deviation: float, over_all: float, reasons: tuple[str, ...]
) -> None:
    verdict = judge_group(PARTS, replace(ON, reward=reward), "tags")
    assert verdict.mean == pytest.approx(mean)
    assert verdict.std == pytest.approx(deviation, abs=1e-12)
    assert verdict.group_reasons == reasons
    over = judge_group(PARTS, replace(ON, reward=reward, mean_over="all"), "tags")
    assert over.mean == pytest.approx(over_all)
    # What trains is the total, whatever the filter looks at.
    assert verdict.rewards == (1.0, 1.2, 0.0)
    total = judge_group(PARTS, ON, "tags")
    assert np.array_equal(
        group_advantages(verdict, scale_by_std=True),
        group_advantages(total, scale_by_std=True),
        equal_nan=True,
    )


def test_without_a_summary_the_group_filter_looks_at_the_total() -> None:
    assert _verdict(0.4, 0.6, config=replace(ON, reward="summary")).mean == 0.5


def test_a_failure_that_lives_has_no_part_of_a_reward() -> None:
    verdict = judge_group(PARTS, replace(OFF, reward="summary"), "tags")
    # (.1 + .3 + 0)/3
    assert verdict.mean == pytest.approx(0.4 / 3)
    assert verdict.live == (True, True, True)


def test_thresholds_on_their_way_by_hand() -> None:
    moving = FilterConfig(
        ramp_steps=4,
        thresholds={
            "tags": ThresholdConfig(eps_low=0.2, eps_high=0.8, eps_low_end=0.4),
            "composite": ThresholdConfig(eps_low=0.5, eps_high=1.8, eps_low_end=0.1, eps_high_end=1.0),
        },
    )
    check_filters(moving, TASKS)
    at = [filters_at(moving, step).thresholds for step in (0, 1, 2, 4, 9)]
    assert [one["tags"].eps_low for one in at] == pytest.approx([0.2, 0.25, 0.3, 0.4, 0.4])
    assert [one["tags"].eps_high for one in at] == [0.8] * 5
    assert [one["composite"].eps_low for one in at] == pytest.approx([0.5, 0.4, 0.3, 0.1, 0.1])
    assert [one["composite"].eps_high for one in at] == pytest.approx([1.8, 1.6, 1.4, 1.0, 1.0])
    # On the spot, an end is exactly what was asked for.
    assert (at[0]["tags"].eps_low, at[3]["tags"].eps_low) == (0.2, 0.4)
    samples = [_outcome(0.2), _outcome(0.3)]
    reasons = [judge_group(samples, filters_at(moving, step), "tags").group_reasons for step in (0, 1, 2)]
    assert reasons == [(), (), ("too_hard",)]


def test_thresholds_without_an_end_stay() -> None:
    assert [filters_at(ON, step) for step in (0, 7)] == [ON, ON]


def test_a_schedule_has_no_verdict_of_its_own() -> None:
    moving = replace(ON, ramp_steps=4, thresholds={"tags": ThresholdConfig(eps_low_end=0.4)})
    with pytest.raises(AssertionError, match="filters_at"):
        judge_group([_outcome(0.2), _outcome(0.3)], moving, "tags")


def test_equal_thresholds_are_allowed() -> None:
    check_filters(replace(ON, thresholds={"tags": ThresholdConfig(eps_low=0.5, eps_high=0.5)}), TASKS)
    check_filters(FilterConfig(), TASKS)
    assert _verdict(
        0.25, 0.75, config=replace(ON, thresholds={"tags": ThresholdConfig(eps_low=0.5, eps_high=0.5)})
    ).kept
