"""Judging a recorded run again under other filters.

A group's live samples, mean and deviation do not depend on thresholds: groups are judged once, and
thresholds are held against arrays of means, so that a grid of them costs next to nothing (`rl/sweep.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from records.config import FilterConfig
from records.errors import UserError
from rl.filters import GROUP_REASONS, ROUNDING, STALE, filters_at, judge_group, thresholds_of
from rl.recorded import RecordedGroup
from rl.strictness import STRICTNESS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Arrays over N groups, as judged by everything but thresholds.

    `reasons_N`: every reason to drop a group but thresholds. `live_N` of `samples_N` samples are live;
    `tokens_N` are the response tokens generated, `live_tokens_N` those of live samples. `low_N` and `high_N`
    are the filters' own thresholds for each group's task and step.
    """

    mean_N: Floats
    reasons_N: tuple[tuple[str, ...], ...]
    samples_N: Ints
    live_N: Ints
    tokens_N: Ints
    live_tokens_N: Ints
    low_N: Floats
    high_N: Floats

    @property
    def stands_N(self) -> Bools:
        """Which groups nothing but thresholds may drop."""
        return np.array([not reasons for reasons in self.reasons_N])

    def kept_N(self, eps_low: float | None = None, eps_high: float | None = None) -> Bools:
        """Which groups are kept under these thresholds, by default the filters' own; a mean on one stays."""
        kept_N: Bools = ~np.any(list(self.dropped_N(eps_low, eps_high).values()), axis=0)
        return kept_N

    def dropped_N(self, eps_low: float | None = None, eps_high: float | None = None) -> dict[str, Bools]:
        """Which groups each of GROUP_REASONS drops under these thresholds; one may have several reasons."""
        low = self.low_N if eps_low is None else eps_low
        high = self.high_N if eps_high is None else eps_high
        dropped = {
            name: np.array([name in reasons for reasons in self.reasons_N], dtype=bool)
            for name in GROUP_REASONS
        }
        # An undefined mean is neither too low nor too high.
        dropped["too_hard"] |= self.mean_N < low - ROUNDING
        dropped["too_easy"] |= self.mean_N > high + ROUNDING
        return dropped


def judge_again(
    groups: Sequence[RecordedGroup],
    filters: FilterConfig,
    length_cap: int | None = None,
    strictness: str = STRICTNESS[0],
) -> Judged:
    """Judge recorded groups under `filters`, thresholds kept apart.

    With `length_cap`, responses of more tokens count as truncated there: they were generated so far alone.
    Responses that do not follow a format of `strictness` count as badly formatted; for more than the run's
    own the groups must have been read with their texts.

    Raises:
        UserError: responses were cut off before `length_cap`, and how they would have gone on is not known.
    """
    if length_cap is not None:
        _check_length_cap(groups, length_cap)
    replayed = [_tightened(_cut(group, length_cap), STRICTNESS.index(strictness)) for group in groups]
    open_filters = replace(filters, thresholds={})
    verdicts = [judge_group(group.outcomes, open_filters, group.task) for group in replayed]
    at = {step: filters_at(filters, step) for step in {group.step for group in groups}}
    own = [thresholds_of(at[group.step], group.task) for group in groups]
    return Judged(
        mean_N=np.array([verdict.mean for verdict in verdicts]),
        # What had grown too old had so whatever the filters say.
        reasons_N=tuple(
            (*verdict.group_reasons, *((STALE,) if STALE in group.reasons else ()))
            for group, verdict in zip(groups, verdicts, strict=True)
        ),
        samples_N=np.array([len(group.outcomes) for group in groups]),
        live_N=np.array([verdict.n_live for verdict in verdicts]),
        tokens_N=np.array([sum(group.response_tokens) for group in replayed]),
        live_tokens_N=np.array(
            [
                sum_where(group.response_tokens, verdict.live)
                for group, verdict in zip(replayed, verdicts, strict=True)
            ]
        ),
        low_N=np.array([bounds.eps_low if filters.group else -np.inf for bounds in own]),
        high_N=np.array([bounds.eps_high if filters.group else np.inf for bounds in own]),
    )


def as_judged(groups: Sequence[RecordedGroup]) -> Judged:
    """The run's own verdicts, as the ledger has them, with all their reasons: what it kept stands."""
    return Judged(
        mean_N=np.full(len(groups), np.nan),
        reasons_N=tuple(group.reasons for group in groups),
        samples_N=np.array([len(group.outcomes) for group in groups]),
        live_N=np.array([sum(group.live) for group in groups]),
        tokens_N=np.array([sum(group.response_tokens) for group in groups]),
        live_tokens_N=np.array([sum_where(group.response_tokens, group.live) for group in groups]),
        low_N=np.full(len(groups), -np.inf),
        high_N=np.full(len(groups), np.inf),
    )


def sum_where(values: Sequence[int], where: Sequence[bool]) -> int:
    """The sum of those `values` at which `where` holds."""
    return sum(value for value, counts in zip(values, where, strict=True) if counts)


def _cut(group: RecordedGroup, length_cap: int | None) -> RecordedGroup:
    if length_cap is None:
        return group
    return replace(
        group,
        outcomes=tuple(
            replace(outcome, truncated=outcome.truncated or tokens > length_cap)
            for outcome, tokens in zip(group.outcomes, group.response_tokens, strict=True)
        ),
        response_tokens=tuple(min(tokens, length_cap) for tokens in group.response_tokens),
    )


def _tightened(group: RecordedGroup, level: int) -> RecordedGroup:
    if not level:
        return group
    assert group.strictness is not None, "the groups were read without their texts"
    return replace(
        group,
        outcomes=tuple(
            replace(outcome, format_ok=outcome.format_ok and followed >= level)
            for outcome, followed in zip(group.outcomes, group.strictness, strict=True)
        ),
    )


def _check_length_cap(groups: Sequence[RecordedGroup], cap: int) -> None:
    if cap < 1:
        raise UserError(f"--length-cap is {cap}; it must be at least 1")
    cut = [
        tokens
        for group in groups
        for outcome, tokens in zip(group.outcomes, group.response_tokens, strict=True)
        if outcome.truncated
    ]
    if cut and cap > max(cut):
        raise UserError(
            f"--length-cap {cap}: responses were cut off at {max(cut)} tokens, and how they would have gone "
            f"on is not in the ledger; give at most {max(cut)}"
        )
