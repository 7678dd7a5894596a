"""Grids of thresholds over a recorded run: what each pair keeps, by hand."""

from dataclasses import astuple, replace
from pathlib import Path

import pytest

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from rl.recorded import Recording, read_recording
from rl.sweep import MAX_GRID, Tally, as_recorded, pairs_of, parse_grid, sweep
from tests.ledgers import EASY, FLAT, HARD, MIDDLE, RECORDED, Group, Sample, write_ledger


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    write_ledger(tmp_path, {0: [HARD, MIDDLE], 1: [EASY, FLAT]}, RECORDED)
    return read_recording(tmp_path)


def test_a_grid_by_hand(recording: Recording) -> None:
    rows = sweep(recording, RECORDED, [0.2, 0.5], [1.5, 2.0])
    assert [(row.eps_low, row.eps_high, *astuple(row.kept.whole)) for row in rows] == [
        # low, high, groups, groups kept, samples, samples kept, tokens, tokens kept
        # hard (mean .2 on the bound: stays) 10 + 20 and middle 5 + 6; of middle 7 + 4 are not live.
        (0.2, 1.5, 4, 2, 10, 4, 74, 41),
        # and easy: 8 + 9
        (0.2, 2.0, 4, 3, 10, 6, 74, 58),
        (0.5, 1.5, 4, 1, 10, 2, 74, 11),
        (0.5, 2.0, 4, 2, 10, 4, 74, 28),
    ]
    assert [row.kept.whole.tokens_wasted for row in rows] == [33, 16, 63, 46]
    assert rows[1].kept.by_task == {
        "composite": Tally(groups=2, groups_kept=1, samples=4, samples_kept=2, tokens=22, tokens_kept=17),
        "tags": Tally(groups=2, groups_kept=2, samples=6, samples_kept=4, tokens=52, tokens_kept=41),
    }
    # Prompts of 10, 20, 30 and 40 tokens: a bucket each.
    assert [tally.share for tally in rows[1].kept.by_length] == [1, 1, 1, 0]
    assert [tally.share for tally in rows[2].kept.by_length] == [0, 1, 0, 0]
    assert [tally.samples_kept for tally in rows[2].kept.by_length] == [0, 2, 0, 0]


def test_what_drops_groups_by_hand(recording: Recording) -> None:
    # Means .2, .8, 1.6 and .8, the last without signal.
    tight, wide = sweep(recording, RECORDED, [0.5, 0.9], [1.0])
    counts = {"too_few_live": 0, "too_hard": 1, "too_easy": 1, "no_signal": 1, "stale": 0}
    assert tight.kept.dropped_by == counts
    assert wide.kept.dropped_by == {**counts, "too_hard": 3}  # flat for two reasons
    assert as_recorded(recording).dropped_by == sweep(recording, RECORDED)[0].kept.dropped_by == counts
    (short,) = sweep(recording, RECORDED, [0.0], [2.0], length_cap=6)
    assert short.kept.dropped_by == {**counts, "too_few_live": 2, "too_hard": 0, "too_easy": 0}
    (off,) = sweep(recording, replace(RECORDED, group=False, min_live=3))
    assert off.kept.dropped_by == {**dict.fromkeys(counts, 0), "too_few_live": 4}


def test_a_threshold_without_values_is_the_runs_own(recording: Recording) -> None:
    rows = sweep(recording, RECORDED, eps_low=[0.0, 0.9])
    assert [(row.eps_low, row.eps_high) for row in rows] == [(0.0, None), (0.9, None)]
    # At most .9 and 1.5: easy, at 1.6, is out.
    assert [row.kept.whole.groups_kept for row in rows] == [2, 0]
    (row,) = sweep(recording, RECORDED, eps_high=[2.0])
    assert row.kept.whole.groups_kept == 2
    (row,) = sweep(recording, RECORDED)
    assert (row.eps_low, row.eps_high) == (None, None)
    assert row.kept == as_recorded(recording)
    assert row.kept.whole.groups_kept == 1


def test_a_grid_switches_the_group_filter_on(recording: Recording) -> None:
    off = replace(RECORDED, group=False)
    assert sweep(recording, off)[0].kept.whole.groups_kept == 4
    assert sweep(recording, off, [0.0], [2.0])[0].kept.whole.groups_kept == 3


def test_what_was_recorded_needs_no_settings(tmp_path: Path) -> None:
    strict = replace(RECORDED, thresholds={"tags": ThresholdConfig(eps_low=0.5, eps_high=0.7)})
    write_ledger(tmp_path, {0: [HARD, MIDDLE]}, strict)
    assert as_recorded(read_recording(tmp_path)).whole.groups_kept == 0


def test_a_shorter_limit_costs_fewer_tokens(recording: Recording) -> None:
    (row,) = sweep(recording, RECORDED, [0.0], [2.0], length_cap=6)
    # Of the 74 tokens 12 + 21 + 12 + 5 would have been generated; middle alone is kept, 5 + 6.
    assert astuple(row.kept.whole) == (4, 1, 10, 2, 50, 11)


def test_a_shorter_limit_may_keep_another_group(tmp_path: Path) -> None:
    """Which is why stricter sample filters are no stricter group filters: the means move."""
    group = Group(
        name="g", samples=[Sample(tokens=9), Sample(atomic=0.6, tokens=2), Sample(atomic=0.4, tokens=2)]
    )
    filters = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.4, eps_high=1.0)})
    write_ledger(tmp_path, {0: [group]}, filters)
    recording = read_recording(tmp_path)
    # The mean of 0, .6 and .4 is .333; without the long one .5.
    assert sweep(recording, filters)[0].kept.whole.groups_kept == 0
    assert sweep(recording, filters, length_cap=8)[0].kept.whole.groups_kept == 1


def test_pairs_upside_down_are_left_out(recording: Recording) -> None:
    rows = sweep(recording, RECORDED, [0.1, 0.6, 0.9], [0.5, 0.6])
    assert [(row.eps_low, row.eps_high) for row in rows] == [(0.1, 0.5), (0.1, 0.6), (0.6, 0.6)]
    assert pairs_of([0.1, 0.6, 0.9], [0.5, 0.6])[1] == 3
    assert pairs_of([0.1, 0.6], None) == ([(0.1, None), (0.6, None)], 0)
    with pytest.raises(UserError, match="--eps-low is above every --eps-high"):
        sweep(recording, RECORDED, [0.9], [0.1])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.3", [0.3]),
        ("2", [2.0]),
        ("0:0.3:0.1", [0.0, 0.1, 0.2, 0.3]),
        ("0.1:0.5:0.2", [0.1, 0.3, 0.5]),
        ("0:1:0.4", [0.0, 0.4, 0.8]),
        ("1:1:0.1", [1.0]),
        ("-0.1:0.1:0.1", [-0.1, 0.0, 0.1]),
    ],
)
def test_grids(text: str, values: list[float]) -> None:
    assert parse_grid(text) == values


@pytest.mark.parametrize(
    "text",
    ["", "a", "0:1", "0:1:0", "0:1:-0.1", "1:0:0.1", "0:1:x", "0:1:0.1:2", "nan", "inf", "0:inf:1", "0;1"],
)
def test_what_is_no_grid_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"start:stop:step, such as 0\.1:0\.5:0\.1"):
        parse_grid(text)


def test_a_grid_has_so_many_values_at_most() -> None:
    assert len(parse_grid("0:0.99:0.01")) == MAX_GRID
    for text in ("0:1:0.01", "0:1e300:1e-300"):
        with pytest.raises(UserError, match="more than 100 values; take a larger step"):
            parse_grid(text)
