"""Judging a recorded run again: what other thresholds would keep, worked by hand."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from records.prompt import Prompt, Rollout, RolloutGroup, Score, ScoredGroup
from rl.batching import JudgedGroup
from rl.filters import judge, judge_group
from rl.ledger import ledger_path, read_ledger, recorded_groups, write_step
from rl.replay import parse_grid, sweep

RECORDED = FilterConfig(
    thresholds={
        "tags": ThresholdConfig(eps_low=0.3, eps_high=0.9),
        "composite": ThresholdConfig(eps_low=0.3, eps_high=1.5),
    }
)


def _group(name: str, task: str, samples: list[tuple[float | None, int]], cut: int = 0) -> JudgedGroup:
    """Samples are (reward, response tokens), None a failed score; the first `cut` are truncated."""
    prompt = Prompt(prompt_id=name, user_id="u", task=task, tags=("pet",), history_lines=1, token_ids=(1,))
    rollouts = tuple(
        Rollout(
            prompt_id=name,
            sample_idx=index,
            seed=index,
            token_ids=(1,) * tokens,
            logprobs=(-1.0,) * tokens,
            text="",
            finish_reason="length" if index < cut else "stop",
            policy_version=0,
            gen_seconds=0.0,
        )
        for index, (_, tokens) in enumerate(samples)
    )
    scores = tuple(
        Score(
            format_ok=reward is not None,
            format_reason="",
            reward=math.nan if reward is None else reward,
            atomic=0.0,
            summary=None,
            error="" if reward is not None else "E: x",
        )
        for reward, _ in samples
    )
    scored = ScoredGroup(
        group=RolloutGroup(group_id=name, round=0, attempt=0, prompt=prompt, rollouts=rollouts), scores=scores
    )
    return JudgedGroup(scored=scored, verdict=judge(scored, RECORDED))


GROUPS = [
    _group("hard", "tags", [(0.0, 10), (0.4, 20)]),
    _group("middle", "tags", [(0.0, 7), (0.6, 5), (1.0, 6), (None, 4)], cut=1),
    _group("easy", "composite", [(1.4, 8), (1.8, 9)]),
    _group("flat", "composite", [(0.8, 3), (0.8, 2)]),
]
"""Live means .2, .8, 1.6 and .8 (no signal); 74 response tokens in all."""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    for step, groups in ((0, GROUPS[:2]), (1, GROUPS[2:])):
        write_step(ledger_path(tmp_path, step), step, groups, {}, text=False)
    return tmp_path


def test_sweep_by_hand(ledger: Path) -> None:
    rows = sweep(ledger, [0.2, 0.5], [1.5, 2.0], RECORDED)
    assert [tuple(asdict(row).values()) for row in rows] == [
        # low, high, groups, groups kept, samples kept, tokens kept, tokens wasted
        # hard (mean on the bound: stays) 10 + 20 and middle 5 + 6; of middle 7 + 4 are not live.
        (0.2, 1.5, 4, 2, 4, 41, 33),
        # and easy: 8 + 9
        (0.2, 2.0, 4, 3, 6, 58, 16),
        (0.5, 1.5, 4, 1, 2, 11, 63),
        (0.5, 2.0, 4, 2, 4, 28, 46),
    ]


def test_a_sweep_of_one_task(ledger: Path) -> None:
    (row,) = sweep(ledger, [0.0], [2.0], RECORDED, "composite")
    assert (row.groups, row.groups_kept, row.tokens_kept, row.tokens_wasted) == (2, 1, 17, 5)
    with pytest.raises(UserError, match="no groups of task 'tag'; it has composite, tags"):
        sweep(ledger, [0.0], [2.0], RECORDED, "tag")


def test_the_other_settings_stay_as_recorded(ledger: Path) -> None:
    (row,) = sweep(ledger, [0.0], [2.0], replace(RECORDED, min_live=3))
    assert row.groups_kept == 0
    (row,) = sweep(ledger, [0.0], [0.5], replace(RECORDED, mean_over="all"), "tags")
    # Over all but the failed score middle has the mean (0 + .6 + 1)/3 = .533, hard .2.
    assert row.groups_kept == 1
    (row,) = sweep(ledger, [0.0], [0.54], replace(RECORDED, mean_over="all"), "tags")
    assert row.groups_kept == 2


def test_pairs_upside_down_are_left_out(ledger: Path) -> None:
    rows = sweep(ledger, [0.1, 0.6, 0.9], [0.5, 0.6], RECORDED)
    assert [(row.eps_low, row.eps_high) for row in rows] == [(0.1, 0.5), (0.1, 0.6), (0.6, 0.6)]
    with pytest.raises(UserError, match="--eps-low is above every --eps-high"):
        sweep(ledger, [0.9], [0.1], RECORDED)


def test_the_recorded_thresholds_give_the_recorded_verdicts(ledger: Path) -> None:
    frame = read_ledger(ledger)
    recorded = frame.group_by(["step", "group_id"], maintain_order=True)
    for (_, rows), (task, outcomes, _), group in zip(recorded, recorded_groups(frame), GROUPS, strict=True):
        verdict = judge_group(outcomes, RECORDED, task)
        assert verdict.group_reasons == group.verdict.group_reasons
        assert verdict.sample_reasons == group.verdict.sample_reasons
        assert (verdict.mean, verdict.std) == (group.verdict.mean, group.verdict.std)
        assert rows["drop_reasons"].to_list() == [
            [*reasons, *verdict.group_reasons] for reasons in verdict.sample_reasons
        ]
        assert rows["live"].to_list() == list(verdict.live)


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
