"""The ledger: one row a sample, with what the verdicts were, whichever filter drops it."""

import math
from pathlib import Path

import polars as pl
import pytest

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from records.prompt import Prompt, Rollout, RolloutGroup, Score, ScoredGroup
from rl.filters import JudgedGroup, judge
from rl.ledger import LEDGER_SCHEMA, ledger_of, ledger_path, read_ledger, write_step

FILTERS = FilterConfig(thresholds={"composite": ThresholdConfig(eps_low=0.2, eps_high=1.2)})
CUT = Score(format_ok=False, format_reason="truncated_json", reward=0.0, atomic=0.0, summary=0.0)
FAILED = Score(
    format_ok=False, format_reason="", reward=math.nan, atomic=math.nan, summary=None, error="KeyError: 'pet'"
)


def _score(atomic: float, summary: float) -> Score:
    return Score(
        format_ok=True,
        format_reason="",
        reward=atomic + summary,
        atomic=atomic,
        summary=summary,
        reasons=("tag:pet", "claim:pet"),
    )


def _group(name: str, round_: int, scores: list[Score], finish: list[str]) -> JudgedGroup:
    prompt = Prompt(
        prompt_id=f"p-{name}",
        user_id=f"u-{name}",
        task="composite",
        tags=("pet",),
        history_lines=1,
        token_ids=(1, 2, 3),
    )
    rollouts = tuple(
        Rollout(
            prompt_id=prompt.prompt_id,
            sample_idx=index,
            seed=100 + index,
            token_ids=(5,) * (index + 1),
            logprobs=(-1.0,) * (index + 1),
            text=f"text {index}",
            finish_reason=reason,
            policy_version=6,
            gen_seconds=0.5,
        )
        for index, reason in enumerate(finish)
    )
    group = RolloutGroup(group_id=name, round=round_, attempt=0, prompt=prompt, rollouts=rollouts)
    scored = ScoredGroup(group=group, scores=tuple(scores))
    return JudgedGroup(scored=scored, verdict=judge(scored, FILTERS))


TRAINS = _group(
    "g1", 0, [_score(0.5, 0.5), CUT, _score(0.5, 0.0), FAILED], ["stop", "length", "stop", "stop"]
)
DROPPED = _group("g2", 1, [_score(1.0, 0.9), _score(1.0, 1.0)], ["stop", "stop"])


def _write(directory: Path, step: int = 7, *, keep: str = "text") -> None:
    trained = {"g1": [0.75, math.nan, -0.75, math.nan]}
    write_step(ledger_path(directory, step), step, [TRAINS, DROPPED], trained, keep=keep)


def test_rows_by_hand(tmp_path: Path) -> None:
    _write(tmp_path)
    frame = read_ledger(tmp_path)
    assert frame.schema == pl.Schema(LEDGER_SCHEMA)
    first, cut, third, failed, easy, easier = frame.rows(named=True)
    assert first == {
        "step": 7,
        "round": 0,
        "attempt": 0,
        "policy_version": 6,
        "trained_step": 7,
        "staleness": 1,
        "group_id": "g1",
        "prompt_id": "p-g1",
        "user_id": "u-g1",
        "task": "composite",
        "sample_idx": 0,
        "seed": 100,
        "prompt_tokens": 3,
        "history_lines": 1,
        "response_tokens": 1,
        "finish_reason": "stop",
        "truncated": False,
        "format_ok": True,
        "format_reason": "",
        "score_error": "",
        "score_reasons": ["tag:pet", "claim:pet"],
        "reward": 1.0,
        "reward_atomic": 0.5,
        "reward_summary": 0.5,
        "live": True,
        # Live are the rewards 1 and .5: mean .75, deviation .5/√2.
        "group_mean": 0.75,
        "group_std": pytest.approx(0.5 / math.sqrt(2)),
        "n_live": 2,
        "drop_reasons": [],
        "kept": True,
        "advantage": 0.75,
        "gen_seconds": 0.5,
        "text": "text 0",
        "prompt_ids": None,
        "response_ids": None,
        "logprobs": None,
    }
    assert (third["kept"], third["advantage"], third["response_tokens"]) == (True, -0.75, 3)
    assert (cut["truncated"], cut["live"], cut["kept"]) == (True, False, False)
    assert (cut["drop_reasons"], cut["advantage"], cut["trained_step"]) == (["truncated"], None, None)
    assert (failed["score_error"], failed["drop_reasons"]) == ("KeyError: 'pet'", ["score_error"])
    assert math.isnan(failed["reward"])
    assert failed["reward_summary"] is None
    for row in (easy, easier):
        # Live, but its group was too easy: mean 1.95 > 1.2.
        assert (row["round"], row["live"], row["kept"], row["trained_step"]) == (1, True, False, None)
        assert (row["drop_reasons"], row["advantage"]) == (["too_easy"], None)


def test_texts_are_left_out_on_request(tmp_path: Path) -> None:
    _write(tmp_path, keep="verdicts")
    assert read_ledger(tmp_path)["text"].null_count() == 6


def test_tokens_come_with_texts_and_prompts_once_a_group(tmp_path: Path) -> None:
    _write(tmp_path, keep="tokens")
    frame = read_ledger(tmp_path)
    assert frame["text"].null_count() == 0
    assert frame["prompt_ids"].to_list() == [[1, 2, 3], None, None, None, [1, 2, 3], None]
    assert frame["response_ids"].to_list() == [[5] * n for n in (1, 2, 3, 4, 1, 2)]
    assert frame["logprobs"].to_list() == [[-1.0] * n for n in (1, 2, 3, 4, 1, 2)]


def test_steps_are_read_in_order(tmp_path: Path) -> None:
    for step in (10, 2, 9):
        _write(tmp_path, step)
    assert read_ledger(tmp_path)["step"].unique(maintain_order=True).to_list() == [2, 9, 10]
    assert ledger_path(tmp_path, 9).name == "step_000009.parquet"


def test_columns_can_be_read_alone(tmp_path: Path) -> None:
    _write(tmp_path)
    assert read_ledger(tmp_path, ("user_id", "step")).columns == ["user_id", "step"]


def test_a_ledger_is_found_from_its_run(tmp_path: Path) -> None:
    ledger = tmp_path / "rl" / "ledger"
    _write(ledger)
    assert {ledger_of(path) for path in (tmp_path, tmp_path / "rl", ledger)} == {ledger}
    with pytest.raises(UserError, match=r"checkpoints: no step_\*\.parquet; name a run or its rl/ledger"):
        ledger_of(tmp_path / "rl" / "checkpoints")


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "step_000009.parquet").write_text("PAR1, it says")
    with pytest.raises(UserError, match=r"step_000009\.parquet: not a step of a ledger \(.*\); name"):
        read_ledger(tmp_path)
    pl.DataFrame({"step": [1]}).write_parquet(tmp_path / "step_000009.parquet")
    with pytest.raises(UserError, match=r"step_000009\.parquet: not a step .*group_id"):
        read_ledger(tmp_path, ("step", "group_id"))


def test_no_ledger_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="rl/ledger"):
        read_ledger(tmp_path)
    with pytest.raises(UserError, match="rl/ledger"):
        read_ledger(tmp_path / "missing")
