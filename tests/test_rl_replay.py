"""Judging a recorded run again: what other filters say, worked by hand; and what no filters may do."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from rl.filters import FILTER_REWARDS
from rl.recorded import Recording, read_recording
from rl.replay import as_judged, judge_again
from rl.sweep import Tally, as_recorded, sweep
from tests.ledgers import EASY, FLAT, HARD, MIDDLE, RECORDED, Group, Sample, write_ledger


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    write_ledger(tmp_path, {0: [HARD, MIDDLE], 1: [EASY, FLAT]}, RECORDED)
    return read_recording(tmp_path)


def _names(recording: Recording, filters: FilterConfig, **options: float) -> list[str]:
    kept_N = judge_again(recording.groups, filters).kept_N(**options)
    return [group.group_id for group, kept in zip(recording.groups, kept_N, strict=True) if kept]


def test_arrays_by_hand(recording: Recording) -> None:
    judged = judge_again(recording.groups, RECORDED)
    assert judged.mean_N == pytest.approx([0.2, 0.8, 1.6, 0.8])
    assert judged.stands_N.tolist() == [True, True, True, False]
    assert judged.samples_N.tolist() == [2, 4, 2, 2]
    assert judged.live_N.tolist() == [2, 2, 2, 2]
    assert judged.tokens_N.tolist() == [30, 22, 17, 5]
    assert judged.live_tokens_N.tolist() == [30, 11, 17, 5]
    assert judged.low_N.tolist() == [0.3, 0.3, 0.3, 0.3]
    assert judged.high_N.tolist() == [0.9, 0.9, 1.5, 1.5]


def test_thresholds_keep_a_mean_on_them(recording: Recording) -> None:
    assert _names(recording, RECORDED) == ["middle"]
    assert _names(recording, RECORDED, eps_low=0.2) == ["hard", "middle"]
    assert _names(recording, RECORDED, eps_high=1.6) == ["middle", "easy"]
    assert _names(recording, RECORDED, eps_low=0.21, eps_high=1.59) == ["middle"]
    assert _names(recording, RECORDED, eps_low=0.0, eps_high=2.0) == ["hard", "middle", "easy"]


def test_other_settings_by_hand(recording: Recording) -> None:
    assert _names(recording, replace(RECORDED, min_live=3)) == []
    # Over all but the failed score middle has the mean (0 + .6 + 1)/3 = .533.
    assert _names(recording, replace(RECORDED, mean_over="all"), eps_high=0.53) == []
    assert _names(recording, replace(RECORDED, mean_over="all"), eps_high=0.54) == ["middle"]
    # Deviations: hard .4/√2 = .283, middle the same, easy the same.
    assert _names(recording, replace(RECORDED, std_tol=0.3), eps_low=0.0, eps_high=2.0) == []
    # The truncated one of middle lives with 0: mean .533 over three.
    open_ = judge_again(recording.groups, replace(RECORDED, sample=False))
    assert open_.live_N.tolist() == [2, 3, 2, 2]
    assert open_.mean_N[1] == pytest.approx(1.6 / 3)
    # Without a group filter only what has too few live samples goes.
    assert _names(recording, replace(RECORDED, group=False)) == ["hard", "middle", "easy", "flat"]


def test_the_part_of_the_reward_that_is_looked_at(recording: Recording) -> None:
    atomic = judge_again(recording.groups, replace(RECORDED, reward="atomic"))
    assert atomic.mean_N == pytest.approx([0.2, 0.8, 0.9, 0.4])
    # The atomic rewards of easy are equal, those of flat are not.
    assert atomic.stands_N.tolist() == [True, True, False, True]
    summary = judge_again(recording.groups, replace(RECORDED, reward="summary"))
    assert summary.mean_N == pytest.approx([0.2, 0.8, 0.7, 0.4])


def test_a_shorter_limit_by_hand(recording: Recording) -> None:
    capped = judge_again(recording.groups, RECORDED, length_cap=6)
    # Of hard both are cut at 6; of middle 5 and 6 tokens live on; easy is gone.
    assert capped.live_N.tolist() == [0, 2, 0, 2]
    assert capped.tokens_N.tolist() == [12, 6 + 5 + 6 + 4, 12, 5]
    assert capped.live_tokens_N.tolist() == [0, 11, 0, 5]


@pytest.mark.parametrize(("cap", "named"), [(8, "cut off at 7 tokens, .*give at most 7"), (0, "at least 1")])
def test_a_limit_that_cannot_be_replayed(recording: Recording, cap: int, named: str) -> None:
    with pytest.raises(UserError, match=f"--length-cap.*{named}"):
        judge_again(recording.groups, RECORDED, length_cap=cap)


def test_where_nothing_was_cut_off_a_longer_limit_changes_nothing(tmp_path: Path) -> None:
    write_ledger(tmp_path, {0: [HARD]}, RECORDED)
    groups = read_recording(tmp_path).groups
    assert judge_again(groups, RECORDED, length_cap=999).live_N.tolist() == [2]


def test_scheduled_thresholds_are_those_of_each_groups_step(tmp_path: Path) -> None:
    moving = FilterConfig(ramp_steps=2, thresholds={"tags": ThresholdConfig(eps_low=0.1, eps_low_end=0.3)})
    write_ledger(tmp_path, {step: [replace(HARD, name=f"g{step}")] for step in range(4)}, moving)
    recording = read_recording(tmp_path)
    judged = judge_again(recording.groups, moving)
    # The mean .2 is on the threshold of step 1.
    assert judged.low_N == pytest.approx([0.1, 0.2, 0.3, 0.3])
    assert judged.kept_N().tolist() == as_judged(recording.groups).kept_N().tolist()
    assert judged.kept_N().tolist() == [True, True, False, False]


SHARES = st.integers(0, 20).map(lambda tenths: tenths / 20)
THRESHOLDS = st.builds(
    lambda a, b, c, d: ThresholdConfig(
        eps_low=min(a, b),
        eps_high=max(a, b),
        eps_low_end=None if c is None else min(c, d),
        eps_high_end=None if c is None else max(c, d),
    ),
    *[st.integers(0, 20).map(lambda tenths: tenths / 10)] * 2,
    st.none() | SHARES,
    SHARES,
)
CONFIGS = st.builds(
    FilterConfig,
    sample=st.booleans(),
    group=st.booleans(),
    min_live=st.integers(2, 4),
    std_tol=st.sampled_from([1e-6, 0.1, 0.3]),
    mean_over=st.sampled_from(["live", "all"]),
    reward=st.sampled_from(FILTER_REWARDS),
    thresholds=st.dictionaries(st.sampled_from(["tags", "composite"]), THRESHOLDS),
    ramp_steps=st.integers(1, 3),
)
LIMIT = 9


def _sample(draw: st.DrawFn, task: str) -> Sample:
    tokens = draw(st.integers(1, LIMIT))
    if draw(st.integers(0, 9)) == 0:
        return Sample(error="E: x", tokens=tokens)
    is_ok = draw(st.integers(0, 4)) > 0
    summary = draw(SHARES) if task == "composite" else None
    return Sample(
        atomic=draw(SHARES) if is_ok else 0.0,
        summary=summary if is_ok or summary is None else 0.0,
        tokens=tokens,
        cut=tokens == LIMIT,
        format_ok=is_ok,
    )


@st.composite
def _recordings(draw: st.DrawFn) -> dict[int, list[Group]]:
    steps: dict[int, list[Group]] = {}
    for number in range(draw(st.integers(1, 8))):
        task = draw(st.sampled_from(["tags", "composite"]))
        samples = [_sample(draw, task) for _ in range(draw(st.integers(1, 5)))]
        group = Group(name=f"g{number}", task=task, prompt_tokens=draw(st.integers(1, 9)), samples=samples)
        steps.setdefault(draw(st.integers(0, 4)), []).append(group)
    return steps


def _written(steps: dict[int, list[Group]], filters: FilterConfig) -> Recording:
    with tempfile.TemporaryDirectory() as folder:
        write_ledger(Path(folder), steps, filters)
        return read_recording(Path(folder))


def _added(tallies: Sequence[Tally]) -> list[int]:
    return [
        sum(getattr(tally, name) for tally in tallies)
        for name in ("groups", "groups_kept", "samples", "samples_kept", "tokens", "tokens_kept")
    ]


@settings(max_examples=60, deadline=None)
@given(_recordings(), CONFIGS)
def test_the_filters_of_the_run_give_the_verdicts_of_its_ledger(
    steps: dict[int, list[Group]], filters: FilterConfig
) -> None:
    recording = _written(steps, filters)
    recorded, replayed = as_judged(recording.groups), judge_again(recording.groups, filters)
    assert replayed.kept_N().tolist() == recorded.kept_N().tolist()
    for name in ("live_N", "tokens_N", "live_tokens_N", "samples_N"):
        assert getattr(replayed, name).tolist() == getattr(recorded, name).tolist()
    (row,) = sweep(recording, filters)
    assert row.kept == as_recorded(recording)
    for parts in (list(row.kept.by_task.values()), row.kept.by_length):
        assert _added(parts) == _added([row.kept.whole])


@settings(max_examples=60, deadline=None)
@given(_recordings(), CONFIGS, st.tuples(SHARES, SHARES, SHARES, SHARES), st.integers(0, 2), SHARES)
def test_what_is_stricter_keeps_nothing_else(
    steps: dict[int, list[Group]],
    filters: FilterConfig,
    moves: tuple[float, ...],
    more: int,
    deviation: float,
) -> None:
    recording = _written(steps, filters)
    groups, on = recording.groups, replace(filters, group=True)
    stricter = replace(on, min_live=on.min_live + more, std_tol=on.std_tol + deviation)
    low, high = moves[0], moves[0] + moves[1]
    loose_N = judge_again(groups, on).kept_N(low, high)
    assert not (judge_again(groups, stricter).kept_N(low, high) & ~loose_N).any()
    assert not (judge_again(groups, on).kept_N(low + moves[2], high - moves[3]) & ~loose_N).any()
    off_N = judge_again(groups, replace(filters, group=False)).kept_N()
    assert not (loose_N & ~off_N).any()


@settings(max_examples=60, deadline=None)
@given(_recordings(), CONFIGS, st.lists(st.integers(1, LIMIT), min_size=2, max_size=2).map(sorted))
def test_a_shorter_limit_lets_fewer_live(
    steps: dict[int, list[Group]], filters: FilterConfig, caps: list[int]
) -> None:
    recording = _written(steps, filters)
    on = replace(filters, sample=True)
    short, long = (judge_again(recording.groups, on, cap) for cap in caps)
    whole, limit = (judge_again(recording.groups, on, cap) for cap in (None, LIMIT))
    for shorter, longer in ((short, long), (long, whole)):
        assert (shorter.live_N <= longer.live_N).all()
        assert (shorter.tokens_N <= longer.tokens_N).all()
        assert (shorter.live_tokens_N <= longer.live_tokens_N).all()
    assert np.array_equal(limit.kept_N(), whole.kept_N())


def test_a_group_that_grew_too_old_stays_dropped(recording: Recording) -> None:
    (middle,) = (group for group in recording.groups if group.group_id == "middle")
    assert judge_again([middle], RECORDED).kept_N().tolist() == [True]
    stale = replace(middle, reasons=("stale",))
    assert judge_again([stale], RECORDED).kept_N(eps_low=0.0, eps_high=2.0).tolist() == [False]
    assert as_judged([stale]).kept_N().tolist() == [False]
