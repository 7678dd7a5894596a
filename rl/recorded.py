"""Groups as a ledger holds them: what the filters saw of each, and what they said."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from records.errors import UserError
from rl.filters import GROUP_REASONS, SampleOutcome
from rl.ledger import ledger_path, read_ledger, read_step
from rl.length_buckets import LengthBuckets, quarters

_LEADING_ZEROS = re.compile(r"\b0+(?=\d)")
_COLUMNS = (
    "step", "group_id", "task", "prompt_tokens", "response_tokens", "truncated", "format_ok", "score_error",
    "reward", "reward_atomic", "reward_summary", "live", "drop_reasons",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedGroup:
    """The G samples of one prompt as they were scored at `step`, with the run's own verdict.

    `outcomes`, `response_tokens` and `live` go by sample; `reasons` are all that dropped the group
    (empty: kept).
    """

    step: int
    group_id: str
    task: str
    prompt_tokens: int
    outcomes: tuple[SampleOutcome, ...]
    response_tokens: tuple[int, ...]
    live: tuple[bool, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """All N recorded groups of one task or of all, dealt into quarters by the length of their prompts.

    `task_N` are places in `tasks`.
    """

    groups: tuple[RecordedGroup, ...]
    tasks: tuple[str, ...]
    task_N: npt.NDArray[np.int64]
    buckets: LengthBuckets


def read_recording(directory: Path, task: str = "") -> Recording:
    """The groups of the ledger in `directory`; `task` restricts them to one.

    Raises:
        UserError: no ledger, nothing in it, or no such task in it.
    """
    groups = list(recorded_groups(read_ledger(directory, _COLUMNS)))
    if not groups:
        raise UserError(f"{directory}: the ledger holds no groups; take that of a run that trained")
    tasks = sorted({group.task for group in groups})
    if task and task not in tasks:
        raise UserError(f"{directory}: no groups of task {task!r}; it has {', '.join(tasks)}")
    tasks = [task] if task else tasks
    groups = [group for group in groups if group.task in tasks]
    return Recording(
        groups=tuple(groups),
        tasks=tuple(tasks),
        task_N=np.array([tasks.index(group.task) for group in groups]),
        buckets=quarters(np.array([group.prompt_tokens for group in groups])),
    )


def recorded_groups(ledger: pl.DataFrame) -> Iterator[RecordedGroup]:
    """Each group of a ledger, in its order."""
    grouped = ledger.select(_COLUMNS).group_by(["step", "group_id"], maintain_order=True).agg(pl.all())
    for row in grouped.iter_rows(named=True):
        samples = zip(
            row["reward"],
            row["reward_atomic"],
            row["reward_summary"],
            row["truncated"],
            row["format_ok"],
            row["score_error"],
            strict=True,
        )
        yield RecordedGroup(
            step=row["step"],
            group_id=row["group_id"],
            task=row["task"][0],
            prompt_tokens=row["prompt_tokens"][0],
            outcomes=tuple(
                SampleOutcome(
                    reward=reward,
                    atomic=atomic,
                    summary=summary,
                    truncated=truncated,
                    format_ok=format_ok,
                    score_error=bool(error),
                )
                for reward, atomic, summary, truncated, format_ok, error in samples
            ),
            response_tokens=tuple(row["response_tokens"]),
            live=tuple(row["live"]),
            # Every sample's reasons end with its group's.
            reasons=tuple(reason for reason in row["drop_reasons"][0] if reason in GROUP_REASONS),
        )


def read_group(directory: Path, group_id: str) -> pl.DataFrame:
    """The ledger's rows of one group, in order.

    Raises:
        UserError: no ledger, or no such group in it; the line names the nearest ones.
    """
    ids = read_ledger(directory, ("step", "group_id")).unique(maintain_order=True)
    found = ids.filter(pl.col("group_id") == group_id)["step"].to_list()
    if not found:
        # Zeros in front of numbers would outweigh the numbers: 3-55 is near to 000003-000055.
        by_short = {_LEADING_ZEROS.sub("", known): known for known in ids["group_id"]}
        near = difflib.get_close_matches(_LEADING_ZEROS.sub("", group_id), by_short, n=3, cutoff=0.0)
        names = ", ".join(by_short[short] for short in near)
        raise UserError(f"{directory}: no group {group_id!r}; the nearest are {names}")
    return read_step(ledger_path(directory, found[0])).filter(pl.col("group_id") == group_id)
