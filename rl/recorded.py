"""Groups as a ledger holds them: what the filters saw of each, and what they said."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from records.errors import UserError
from rl.filters import GROUP_REASONS, SampleOutcome
from rl.ledger import has_column, ledger_path, read_ledger, read_step
from rl.length_buckets import LengthBuckets, quarters
from rl.strictness import strictness_of

_NEAREST = 3
"""Groups named where the one asked for is not there."""

_COLUMNS = (
    "step", "group_id", "task", "prompt_tokens", "response_tokens", "truncated", "format_ok", "score_error",
    "reward", "reward_atomic", "reward_summary", "live", "drop_reasons",
)  # fmt: skip
_TEXT_COLUMNS = ("text", "history_lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedGroup:
    """The G samples of one prompt as they were scored at `step`, with the run's own verdict.

    `outcomes`, `response_tokens` and `live` go by sample; `reasons` are all that dropped the group
    (empty: kept). `strictness` are the strictest formats that well-formed responses follow (`rl.strictness`),
    where texts were read.
    """

    step: int
    group_id: str
    task: str
    prompt_tokens: int
    outcomes: tuple[SampleOutcome, ...]
    response_tokens: tuple[int, ...]
    live: tuple[bool, ...]
    reasons: tuple[str, ...]
    strictness: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """All N recorded groups of one task or of all, dealt into quarters by the length of their prompts.

    `task_N` are places in `tasks`.
    """

    groups: tuple[RecordedGroup, ...]
    tasks: tuple[str, ...]
    task_N: npt.NDArray[np.int64]
    buckets: LengthBuckets


def read_recording(directory: Path, task: str = "", *, texts: bool = False) -> Recording:
    """The groups of the ledger in `directory`; `task` restricts them to one. With `texts` it is read how
    strict a format each response follows.

    Raises:
        UserError: no ledger, nothing in it, no such task in it, or no texts.
    """
    if texts and not all(has_column(directory, name) for name in _TEXT_COLUMNS):
        raise UserError(
            f"{directory}: written by an older version, which did not note how many lines could be cited; "
            "--strictness takes the ledger of a new run"
        )
    ledger = read_ledger(directory, (*_COLUMNS, *_TEXT_COLUMNS) if texts else _COLUMNS)
    if texts and ledger.filter(pl.col("format_ok") & pl.col("text").is_null()).height:
        raise UserError(
            f"{directory}: holds no response texts, which --strictness needs; run with rl.ledger=text"
        )
    groups = list(recorded_groups(ledger, texts=texts))
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


def recorded_groups(ledger: pl.DataFrame, *, texts: bool = False) -> Iterator[RecordedGroup]:
    """Each group of a ledger, in its order; with `texts` also how strict a format its responses follow."""
    columns = (*_COLUMNS, *_TEXT_COLUMNS) if texts else _COLUMNS
    grouped = ledger.select(columns).group_by(["step", "group_id"], maintain_order=True).agg(pl.all())
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
            strictness=tuple(
                strictness_of(text, row["task"][0], row["history_lines"][0]) if format_ok else -1
                for text, format_ok in zip(row["text"], row["format_ok"], strict=True)
            )
            if texts
            else None,
        )


def read_group(directory: Path, group_id: str) -> pl.DataFrame:
    """The ledger's rows of one group, in order.

    Raises:
        UserError: no ledger, or no such group in it; the line names the nearest ones.
    """
    ids = read_ledger(directory, ("step", "group_id")).unique(maintain_order=True)
    found = ids.filter(pl.col("group_id") == group_id)["step"].to_list()
    if not found:
        names = ", ".join(_nearest(group_id, ids["group_id"].to_list()))
        raise UserError(f"{directory}: no group {group_id!r}; the nearest are {names}")
    return read_step(ledger_path(directory, found[0])).filter(pl.col("group_id") == group_id)


def _nearest(group_id: str, known: Sequence[str]) -> list[str]:
    """The three that are nearest: by step, then by what follows it (`rl.prompts.group_name`); names without
    numbers by spelling.

    Example:
        to 3-55, of 000003-000050, 000003-000070 and 000004-000055: in this order.
    """
    asked = _numbers(group_id)
    if not asked or not all(map(_numbers, known)):
        return difflib.get_close_matches(group_id, known, n=_NEAREST, cutoff=0.0)

    def distance(name: str) -> tuple[int, ...]:
        return tuple(abs(one - other) for one, other in zip_longest(asked, _numbers(name), fillvalue=0))

    return sorted(known, key=distance)[:_NEAREST]


def _numbers(group_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]{1,18}", group_id))
