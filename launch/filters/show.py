"""`usergpt filters show`: one group of a ledger, with all that the filters said of it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from launch.filters.plain import escaped
from launch.filters.settings import config_of, recorded_filters
from launch.progress import LOG_WIDTH
from rl.filters import SAMPLE_REASONS, STALE, filters_at, judge_group, thresholds_of
from rl.ledger import ledger_of
from rl.recorded import RecordedGroup, read_group, recorded_groups


def show_group(path: Path, group_id: str) -> int:
    """Print a group's samples, their rewards and verdicts, the thresholds of its step, and texts if kept.

    Everything recorded is printed as plain text: responses, and what is quoted from logs, may be hostile.

    Raises:
        UserError: there is no ledger, or no such group in it.
    """
    ledger = ledger_of(path)
    frame = read_group(ledger, group_id)
    rows = list(frame.iter_rows(named=True))
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)

    def say(line: str) -> None:
        console.print(Text(escaped(line)), soft_wrap=True)

    (group,) = recorded_groups(frame)
    for line in (*_facts(rows), _verdict(rows, group), *_thresholds(ledger, group)):
        say(line)
    console.print(_table(rows))
    if all(row["text"] is None for row in rows):
        say("No texts: the run had rl.ledger=verdicts.")
        return 0
    for row in rows:
        say(f"sample {row['sample_idx']}:")
        for line in (row["text"] or "").split("\n"):
            say(f"    │ {line}")
    return 0


def _facts(rows: Sequence[dict[str, Any]]) -> list[str]:
    first = rows[0]
    return [
        f"group {first['group_id']}: step {first['step']}, round {first['round']}, "
        f"policy version {first['policy_version']}",
        f"  prompt {first['prompt_id']} of user {first['user_id']}, task {first['task']}, "
        f"{first['prompt_tokens']:,} tokens",
    ]


def _verdict(rows: Sequence[dict[str, Any]], group: RecordedGroup) -> str:
    verdict, trained = _told(group.reasons), any(row["kept"] for row in rows)
    if group.reasons and trained:
        verdict += ", and taken in all the same when the batch was not full (rl.refill.on_starved)"
    elif not group.reasons and not trained:
        verdict += ", and not trained on"
    first = rows[0]
    return (
        f"  mean {_number(first['group_mean'], '.4f')}, deviation {_number(first['group_std'])}, "
        f"{first['n_live']} of {len(rows)} samples live: {verdict}"
    )


def _thresholds(ledger: Path, group: RecordedGroup) -> list[str]:
    """The filters of the group's step; and a warning where the recipe is not that of the ledger."""
    config = config_of(ledger)
    if config is None:
        return ["  thresholds: not known, as there is no config.yaml beside the ledger"]
    filters = filters_at(recorded_filters(ledger), group.step)
    bounds = thresholds_of(filters, group.task)
    lines = [
        f"  thresholds at step {group.step}: eps_low {bounds.eps_low:g}, eps_high {bounds.eps_high:g}, "
        f"min_live {filters.min_live}, std_tol {filters.std_tol:g}, mean over {filters.mean_over} samples of "
        f"the {filters.reward} reward; sample filter {_on(filters.sample)}, group filter {_on(filters.group)}"
    ]
    now = judge_group(group.outcomes, filters, group.task)
    # A verdict on a group's age is none of theirs.
    filtered = tuple(reason for reason in group.reasons if reason != STALE)
    if (now.group_reasons, now.live) != (filtered, group.live):
        told = _told(now.group_reasons)
        lines.append(f"  by these it would be {told}, {now.n_live} live: {config} is not that of the ledger")
    return lines


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table()
    for heading in ("sample", "reward", "atomic", "summary", "advantage", "tokens", "end"):
        table.add_column(heading, justify="left" if heading == "end" else "right")
    for heading in ("format", "verdict", "what cost reward"):
        table.add_column(heading)
    for row in rows:
        dropped = [reason for reason in row["drop_reasons"] if reason in SAMPLE_REASONS]
        verdict = "live" if row["live"] else f"dropped: {', '.join(dropped)}"
        if row["score_error"]:
            verdict += f" ({row['score_error']})"
        table.add_row(
            str(row["sample_idx"]),
            *(_number(row[name]) for name in ("reward", "reward_atomic", "reward_summary")),
            _number(row["advantage"], "+.3f"),
            f"{row['response_tokens']:,}",
            *(
                Text(escaped(text))
                for text in (
                    row["finish_reason"],
                    "ok" if row["format_ok"] else row["format_reason"] or "-",
                    verdict,
                    ", ".join(row["score_reasons"]),
                )
            ),
        )
    return table


def _told(reasons: Sequence[str]) -> str:
    return f"dropped ({', '.join(reasons)})" if reasons else "kept"


def _number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None or np.isnan(value) else format(value, form)


def _on(value: bool) -> str:
    return "on" if value else "off"
