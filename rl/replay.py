"""Judging a recorded run again under other thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from rl.filters import judge_group
from rl.ledger import read_ledger, recorded_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """What one pair of thresholds keeps of the recorded groups; tokens are response tokens."""

    eps_low: float
    eps_high: float
    groups: int
    groups_kept: int
    samples_kept: int
    tokens_kept: int
    tokens_wasted: int


def parse_grid(text: str) -> list[float]:
    """Values of `start:stop:step` (stop included) or of a single number.

    Raises:
        UserError: the text is neither, or the range is empty.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if len(parts) == 1 and np.isfinite(parts[0]):
        return parts
    if len(parts) == 3 and np.all(np.isfinite(parts)) and parts[2] > 0 and parts[0] <= parts[1]:
        start, stop, step = parts
        return [round(start + i * step, 10) for i in range(int((stop - start) / step + 1e-9) + 1)]
    raise UserError(f"{text!r}: expected a number or start:stop:step, such as 0.1:0.5:0.1")


def sweep(
    directory: Path,
    eps_low: Sequence[float],
    eps_high: Sequence[float],
    filters: FilterConfig,
    task: str = "",
) -> list[SweepRow]:
    """Replay the ledger in `directory` for every pair with eps_low ≤ eps_high.

    Everything else of `filters` stays as it was in the run; `task` restricts the replay to one.

    Raises:
        UserError: no ledger, no such task in it, or no pair is left.
    """
    groups = list(recorded_groups(read_ledger(directory)))
    tasks = sorted({name for name, _, _ in groups})
    if task and task not in tasks:
        raise UserError(f"{directory}: no groups of task {task!r}; it has {', '.join(tasks)}")
    groups = [group for group in groups if task in ("", group[0])]
    pairs = [(low, high) for low in eps_low for high in eps_high if low <= high]
    if not pairs:
        raise UserError("every --eps-low is above every --eps-high; swap them")
    rows = []
    for low, high in pairs:
        bounds = {name: ThresholdConfig(eps_low=low, eps_high=high) for name in tasks}
        config = replace(filters, group=True, thresholds=bounds)
        groups_kept = samples_kept = tokens_kept = tokens = 0
        for name, outcomes, lengths in groups:
            verdict = judge_group(outcomes, config, name)
            tokens += sum(lengths)
            if verdict.kept:
                groups_kept += 1
                samples_kept += verdict.n_live
                tokens_kept += sum(length for length, live in zip(lengths, verdict.live, strict=True) if live)
        rows.append(
            SweepRow(
                eps_low=low,
                eps_high=high,
                groups=len(groups),
                groups_kept=groups_kept,
                samples_kept=samples_kept,
                tokens_kept=tokens_kept,
                tokens_wasted=tokens - tokens_kept,
            )
        )
    return rows
