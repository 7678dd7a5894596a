"""The ledger of groupwise DPO: every response of every group, its quality and its level, before it trains."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rl.groupwise import INVALID
from rl.groupwise_groups import RankedGroup
from rl.ledger import write_table

GROUPWISE_SCHEMA: dict[str, pl.DataType] = {
    "step": pl.Int64(),
    "policy_version": pl.Int64(),
    "group_id": pl.String(),
    "prompt_id": pl.String(),
    "user_id": pl.String(),
    "task": pl.String(),
    "sample_idx": pl.Int64(),
    "seed": pl.Int64(),
    "prompt_tokens": pl.Int64(),
    "response_tokens": pl.Int64(),
    "finish_reason": pl.String(),
    "quality": pl.Float64(),
    "invalid": pl.String(),
    "score_error": pl.String(),
    "level": pl.Int64(),
    "n_valid": pl.Int64(),
    "dropped": pl.String(),
    "trains": pl.Boolean(),
    "gen_seconds": pl.Float64(),
    "text": pl.String(),
}
"""One row a response. `quality` and `level` (0: best, or tied with it) are null for what is not valid;
`invalid` and `score_error` say why. `dropped` is why its group trains nothing; what `trains` stands in the
loss, be it in denominators alone. Two equal runs differ in `gen_seconds` alone."""


def write_groups(path: Path, step: int, groups: Sequence[RankedGroup]) -> None:
    """Write all groups of `step`, whole or not at all."""
    rows = [row for group in groups for row in _rows(step, group)]
    write_table(path, pl.DataFrame(rows, schema=GROUPWISE_SCHEMA, orient="row"))


def _rows(step: int, ranked: RankedGroup) -> Iterator[dict[str, Any]]:
    group, dropped = ranked.group, ranked.dropped
    n_valid = int((ranked.levels_G != INVALID).sum())
    for rollout, score, level in zip(group.rollouts, ranked.scores, ranked.levels_G, strict=True):
        yield {
            "step": step,
            "policy_version": rollout.policy_version,
            "group_id": group.group_id,
            "prompt_id": group.prompt.prompt_id,
            "user_id": group.prompt.user_id,
            "task": group.prompt.task,
            "sample_idx": rollout.sample_idx,
            "seed": rollout.seed,
            "prompt_tokens": len(group.prompt.token_ids),
            "response_tokens": len(rollout.token_ids),
            "finish_reason": rollout.finish_reason,
            "quality": score.quality,
            "invalid": score.invalid,
            "score_error": score.error,
            "level": None if level == INVALID else int(level),
            "n_valid": n_valid,
            "dropped": dropped,
            "trains": not (dropped or score.error),
            "gen_seconds": rollout.gen_seconds,
            "text": rollout.text,
        }
