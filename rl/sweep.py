"""What filters keep of a recorded run: over thresholds and formats, by task and by length of the history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from records.config import FilterConfig
from records.errors import UserError
from rl.recorded import Recording
from rl.replay import Bools, Judged, as_judged, judge_again
from rl.strictness import STRICTNESS

MAX_GRID = 100
"""Values of a grid, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How much of some recorded groups is kept; tokens are response tokens."""

    groups: int
    groups_kept: int
    samples: int
    samples_kept: int
    tokens: int
    tokens_kept: int

    @property
    def tokens_wasted(self) -> int:
        return self.tokens - self.tokens_kept

    @property
    def share(self) -> float:
        """Of the groups, that kept."""
        return self.groups_kept / self.groups

    @property
    def sample_share(self) -> float:
        """Of the samples, that live in groups kept."""
        return self.samples_kept / self.samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What filters keep of a recording; `by_length` goes by its buckets, from short prompts to long ones.

    `dropped_by`: groups by each of GROUP_REASONS; one that has several reasons counts for each.
    """

    whole: Tally
    dropped_by: Mapping[str, int]
    by_task: Mapping[str, Tally]
    by_length: tuple[Tally, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """What one pair of thresholds keeps with one format; None stands for the filters' own, by task and step,
    and for the run's format."""

    eps_low: float | None
    eps_high: float | None
    strictness: str | None
    kept: Kept


def parse_grid(text: str) -> list[float]:
    """Values of `start:stop:step` (stop included) or of a single number.

    Raises:
        UserError: the text is neither, or the range is empty or holds more than MAX_GRID values.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if len(parts) == 1 and np.isfinite(parts[0]):
        return parts
    if len(parts) == 3 and np.all(np.isfinite(parts)) and parts[2] > 0 and parts[0] <= parts[1]:
        start, stop, step = parts
        intervals = (stop - start) / step + 1e-9
        if intervals >= MAX_GRID:
            raise UserError(f"{text!r}: more than {MAX_GRID} values; take a larger step")
        return [round(start + i * step, 10) for i in range(int(intervals) + 1)]
    raise UserError(f"{text!r}: expected a number or start:stop:step, such as 0.1:0.5:0.1")


def pairs_of(
    eps_low: Sequence[float] | None, eps_high: Sequence[float] | None
) -> tuple[list[tuple[float | None, float | None]], int]:
    """All pairs of thresholds with eps_low ≤ eps_high, and how many were left out for being upside down.

    Raises:
        UserError: no pair is left.
    """
    pairs = [
        (low, high)
        for low in (eps_low if eps_low is not None else [None])
        for high in (eps_high if eps_high is not None else [None])
    ]
    upright = [(low, high) for low, high in pairs if low is None or high is None or low <= high]
    if not upright:
        raise UserError("every --eps-low is above every --eps-high; swap them")
    return upright, len(pairs) - len(upright)


def sweep(
    recording: Recording,
    filters: FilterConfig,
    eps_low: Sequence[float] | None = None,
    eps_high: Sequence[float] | None = None,
    length_cap: int | None = None,
    strictness: Sequence[str] | None = None,
) -> list[SweepRow]:
    """Replay a recording under `filters` for every format and pair of thresholds with eps_low ≤ eps_high.

    Thresholds given hold for all tasks and steps, and switch the group filter on; one without values is
    that of `filters`. `length_cap` and `strictness`: see `judge_again`.

    Raises:
        UserError: no pair is left, or responses cannot be replayed to `length_cap`.
    """
    if eps_low is not None or eps_high is not None:
        filters = replace(filters, group=True)
    pairs, _ = pairs_of(eps_low, eps_high)
    rows = []
    for level in strictness if strictness is not None else [None]:
        judged = judge_again(recording.groups, filters, length_cap, level or STRICTNESS[0])
        rows += [
            SweepRow(
                eps_low=low,
                eps_high=high,
                strictness=level,
                kept=_kept(recording, judged, low, high),
            )
            for low, high in pairs
        ]
    return rows


def as_recorded(recording: Recording) -> Kept:
    """What the run's own filters kept, by their verdicts in the ledger; no starvation policy is in it."""
    judged = as_judged(recording.groups)
    return _kept(recording, judged)


def _kept(
    recording: Recording, judged: Judged, eps_low: float | None = None, eps_high: float | None = None
) -> Kept:
    dropped, kept_N = judged.dropped_N(eps_low, eps_high), judged.kept_N(eps_low, eps_high)

    def tally(where_N: Bools) -> Tally:
        both_N = kept_N & where_N
        return Tally(
            groups=int(where_N.sum()),
            groups_kept=int(both_N.sum()),
            samples=int(judged.samples_N[where_N].sum()),
            samples_kept=int(judged.live_N[both_N].sum()),
            tokens=int(judged.tokens_N[where_N].sum()),
            tokens_kept=int(judged.live_tokens_N[both_N].sum()),
        )

    buckets = recording.buckets
    return Kept(
        whole=tally(np.ones(len(kept_N), dtype=bool)),
        dropped_by={reason: int(where_N.sum()) for reason, where_N in dropped.items()},
        by_task={task: tally(recording.task_N == place) for place, task in enumerate(recording.tasks)},
        by_length=tuple(tally(buckets.bucket_N == bucket) for bucket in range(len(buckets.bounds))),
    )
