"""The ledger: every sample of every group and both filters' verdict on it, written before they act."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from records.errors import UserError
from records.files import written_whole
from rl.filters import JudgedGroup

VERDICTS, TEXT, TOKENS = KEPT = ("verdicts", "text", "tokens")
"""What a ledger may keep (`rl.ledger`), each with all before it."""

LEDGER_SCHEMA: dict[str, pl.DataType] = {
    "step": pl.Int64(),
    "round": pl.Int64(),
    "attempt": pl.Int64(),
    "policy_version": pl.Int64(),
    "trained_step": pl.Int64(),
    "staleness": pl.Int64(),
    "group_id": pl.String(),
    "prompt_id": pl.String(),
    "user_id": pl.String(),
    "task": pl.String(),
    "sample_idx": pl.Int64(),
    "seed": pl.Int64(),
    "prompt_tokens": pl.Int64(),
    "history_lines": pl.Int64(),
    "response_tokens": pl.Int64(),
    "finish_reason": pl.String(),
    "truncated": pl.Boolean(),
    "format_ok": pl.Boolean(),
    "format_reason": pl.String(),
    "score_error": pl.String(),
    "score_reasons": pl.List(pl.String()),
    "reward": pl.Float64(),
    "reward_atomic": pl.Float64(),
    "reward_summary": pl.Float64(),
    "live": pl.Boolean(),
    "group_mean": pl.Float64(),
    "group_std": pl.Float64(),
    "n_live": pl.Int64(),
    "drop_reasons": pl.List(pl.String()),
    "kept": pl.Boolean(),
    "advantage": pl.Float64(),
    "gen_seconds": pl.Float64(),
    "text": pl.String(),
    "prompt_ids": pl.List(pl.Int32()),
    "response_ids": pl.List(pl.Int32()),
    "logprobs": pl.List(pl.Float32()),
}
"""One row a sample. `trained_step` and `advantage` are null for samples that train nothing;
`drop_reasons` holds the sample's reasons and its group's (a group that a starvation policy took in all the
same is kept with its reasons); `group_mean` and `group_std` are of the reward that the group filter looked at
(`rl.filters.reward`); `history_lines` is how many lines could be cited. What `rl.ledger` does not keep is
null: `text`, and the token ids of the response with their log-probs under the rollout policy (nats, float32
as the learner takes them); a prompt's ids stand with its first sample alone.
Two equal runs differ in `gen_seconds` alone."""


def ledger_path(directory: Path, step: int) -> Path:
    """File of one step."""
    return directory / f"step_{step:06d}.parquet"


def write_step(
    path: Path,
    step: int,
    groups: Sequence[JudgedGroup],
    trained: Mapping[str, Sequence[float]],
    *,
    keep: str,
) -> None:
    """Write all `groups` of `step`; `trained` maps the ids of groups that will train to advantages_G, `keep`
    (one of KEPT) says how much of each sample."""
    rows = [row for group in groups for row in _rows(step, group, trained, KEPT.index(keep))]
    write_table(path, pl.DataFrame(rows, schema=LEDGER_SCHEMA, orient="row"))


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Write Parquet, whole or not at all; out of memory, as polars keeps to itself that a disk is full.

    Raises:
        OSError: as the system tells it.
    """
    encoded = io.BytesIO()
    table.write_parquet(encoded)
    with written_whole(path) as aside:
        aside.write_bytes(encoded.getbuffer())


def _rows(
    step: int, judged: JudgedGroup, trained: Mapping[str, Sequence[float]], kept_of_sample: int
) -> Iterator[dict[str, Any]]:
    group, verdict = judged.scored.group, judged.verdict
    advantages_G = trained.get(group.group_id)
    text, tokens = (kept_of_sample >= KEPT.index(name) for name in (TEXT, TOKENS))
    for index, (rollout, score) in enumerate(zip(group.rollouts, judged.scored.scores, strict=True)):
        live = verdict.live[index]
        kept = live and advantages_G is not None
        yield {
            "step": step,
            "round": group.round,
            "attempt": group.attempt,
            "policy_version": rollout.policy_version,
            "trained_step": step if kept else None,
            "staleness": step - rollout.policy_version,
            "group_id": group.group_id,
            "prompt_id": group.prompt.prompt_id,
            "user_id": group.prompt.user_id,
            "task": group.prompt.task,
            "sample_idx": rollout.sample_idx,
            "seed": rollout.seed,
            "prompt_tokens": len(group.prompt.token_ids),
            "history_lines": group.prompt.history_lines,
            "response_tokens": len(rollout.token_ids),
            "finish_reason": rollout.finish_reason,
            "truncated": rollout.truncated,
            "format_ok": score.format_ok,
            "format_reason": score.format_reason,
            "score_error": score.error,
            "score_reasons": list(score.reasons),
            "reward": score.reward,
            "reward_atomic": score.atomic,
            "reward_summary": score.summary,
            "live": live,
            "group_mean": verdict.mean,
            "group_std": verdict.std,
            "n_live": verdict.n_live,
            "drop_reasons": [*verdict.sample_reasons[index], *verdict.group_reasons],
            "kept": kept,
            "advantage": float(advantages_G[index]) if kept and advantages_G is not None else None,
            "gen_seconds": rollout.gen_seconds,
            "text": rollout.text if text else None,
            "prompt_ids": group.prompt.token_ids if tokens and index == 0 else None,
            "response_ids": rollout.token_ids if tokens else None,
            "logprobs": rollout.logprobs if tokens else None,
        }


def ledger_of(path: Path) -> Path:
    """The ledger's directory, where `path` names it, the `rl` above it or a run.

    Raises:
        UserError: there is no ledger.
    """
    for directory in (path, path / "ledger", path / "rl" / "ledger"):
        if any(directory.glob("step_*.parquet")):
            return directory
    raise UserError(f"{path}: no step_*.parquet; name a run or its rl/ledger directory")


def read_ledger(directory: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """All steps of a ledger, in order; of all columns or of `columns` alone (texts are most of the bytes).

    Raises:
        UserError: the directory holds no ledger, or a file of it cannot be read.
    """
    files = sorted(directory.glob("step_*.parquet"))
    if not files:
        raise UserError(f"{directory}: no step_*.parquet; name the rl/ledger directory of a run")
    return pl.concat([_read(file, columns) for file in files])


def has_column(directory: Path, name: str) -> bool:
    """Whether the ledger in `directory` has a column, which one of an older version may not.

    Raises:
        UserError: as `read_ledger`.
    """
    files = sorted(directory.glob("step_*.parquet"))
    return bool(files) and all(name in _read(file, None, rows=0).columns for file in files)


def read_step(path: Path) -> pl.DataFrame:
    """One step of a ledger.

    Raises:
        UserError: the file cannot be read.
    """
    return _read(path, None)


def _read(path: Path, columns: Sequence[str] | None, rows: int | None = None) -> pl.DataFrame:
    try:
        wanted = None if columns is None else list(columns)
        return pl.read_parquet(path, columns=wanted, n_rows=rows, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path}: not a step of a ledger ({reason}); name the rl/ledger of a run") from None
