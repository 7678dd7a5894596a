"""Thresholds out of a pilot: quantiles by hand, and when there are too few groups for them."""

from dataclasses import replace
from pathlib import Path

import pytest

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from rl.recorded import read_recording
from rl.suggest import suggest
from tests.ledgers import Group, Sample, write_ledger

QUANTILES = (0.1, 0.9)


def _pilot(directory: Path, means: list[float], task: str = "tags") -> None:
    """One group a mean, of two samples that lie .01 to either side, in ever longer prompts."""
    groups = [
        Group(
            name=f"{task}{number}",
            task=task,
            prompt_tokens=number + 1,
            samples=[
                Sample(atomic=mean + side, summary=None if task == "tags" else 0.5, tokens=3)
                for side in (-0.01, 0.01)
            ],
        )
        for number, mean in enumerate(means)
    ]
    write_ledger(directory, {0: groups[::2], 1: groups[1::2]}, FilterConfig())


def test_quantiles_by_hand(tmp_path: Path) -> None:
    # Means .02, .04 … .42: the tenth lies a tenth of the way along their 20 gaps, at .06, the other at .38.
    _pilot(tmp_path, [0.02 * (number + 1) for number in range(21)])
    recording = read_recording(tmp_path)
    suggestion = suggest(recording, FilterConfig(), QUANTILES)
    assert suggestion.thresholds == {"tags": ThresholdConfig(eps_low=0.06, eps_high=0.38)}
    assert suggestion.rests_on == {"tags": 21}
    # Two below and two above go: those with the two shortest and the two longest prompts.
    whole = suggestion.kept.whole
    assert (whole.groups, whole.groups_kept, whole.samples_kept, whole.tokens_kept) == (21, 17, 34, 102)
    assert recording.buckets.bounds == ((1, 6), (7, 11), (12, 16), (17, 21))
    assert [tally.groups_kept for tally in suggestion.kept.by_length] == [4, 5, 5, 3]


def test_quantiles_lie_between_means_and_are_rounded_outwards(tmp_path: Path) -> None:
    # Between the third and fourth of 20 means 0, .0333 … (19 gaps, the tenth at 1.9 of them): .06333.
    _pilot(tmp_path, [number / 30 for number in range(20)])
    (bounds,) = suggest(read_recording(tmp_path), FilterConfig(), QUANTILES).thresholds.values()
    # .9 · 19 = 17.1 gaps: .57 exactly.
    assert (bounds.eps_low, bounds.eps_high) == (0.063, 0.57)
    (bounds,) = suggest(read_recording(tmp_path), FilterConfig(), (0.2, 0.85)).thresholds.values()
    # 3.8 and 16.15 gaps: .12667 and .53833.
    assert (bounds.eps_low, bounds.eps_high) == (0.126, 0.539)


def test_each_task_has_its_own_and_the_settings_count(tmp_path: Path) -> None:
    _pilot(tmp_path / "a", [0.2 + 0.02 * (number % 20) for number in range(20)], "composite")
    recording = read_recording(tmp_path / "a")
    total = suggest(recording, FilterConfig(), (0, 1)).thresholds["composite"]
    atomic = suggest(recording, FilterConfig(reward="atomic"), (0, 1)).thresholds["composite"]
    assert (total.eps_low, total.eps_high) == (0.7, 1.08)
    assert (atomic.eps_low, atomic.eps_high) == (0.2, 0.58)
    # All summaries are alike: no group would be kept, and the suggestion says so.
    summary = suggest(recording, FilterConfig(reward="summary"), (0, 1))
    assert summary.thresholds["composite"] == ThresholdConfig(eps_low=0.5, eps_high=0.5)
    assert summary.kept.whole.groups_kept == 0


def test_the_thresholds_of_the_run_do_not_matter(tmp_path: Path) -> None:
    _pilot(tmp_path, [0.02 * (number + 1) for number in range(21)])
    recording = read_recording(tmp_path)
    strict = FilterConfig(
        group=False, ramp_steps=3, thresholds={"tags": ThresholdConfig(eps_low=0.3, eps_low_end=0.4)}
    )
    assert suggest(recording, strict, QUANTILES) == suggest(recording, FilterConfig(), QUANTILES)


@pytest.mark.parametrize(
    ("count", "quantiles", "needed"),
    [(19, QUANTILES, 20), (9, (0.2, 0.8), 10), (39, (0.05, 0.9), 40), (1, (0, 1), 2)],
)
def test_too_few_groups_are_refused(
    tmp_path: Path, count: int, quantiles: tuple[float, float], needed: int
) -> None:
    _pilot(tmp_path / "few", [0.4] * count)
    with pytest.raises(UserError, match=rf"task tags: {count} of {count} groups have .* take {needed}; run"):
        suggest(read_recording(tmp_path / "few"), FilterConfig(), quantiles)
    _pilot(tmp_path / "enough", [0.4] * needed)
    suggestion = suggest(read_recording(tmp_path / "enough"), FilterConfig(), quantiles)
    assert suggestion.rests_on == {"tags": needed}


def test_groups_with_too_few_live_samples_have_no_say(tmp_path: Path) -> None:
    _pilot(tmp_path, [0.4] * 20)
    recording = read_recording(tmp_path)
    with pytest.raises(UserError, match="0 of 20 groups have 3 live samples or more"):
        suggest(recording, replace(FilterConfig(), min_live=3), QUANTILES)


@pytest.mark.parametrize("quantiles", [(0.9, 0.1), (0.5, 0.5), (-0.1, 0.9), (0.1, 1.1), (float("nan"), 0.9)])
def test_what_are_no_quantiles(tmp_path: Path, quantiles: tuple[float, float]) -> None:
    _pilot(tmp_path, [0.4] * 20)
    with pytest.raises(UserError, match="--quantiles .* give a lower and an upper one, such as 0.1 0.9"):
        suggest(read_recording(tmp_path), FilterConfig(), quantiles)
