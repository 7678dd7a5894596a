"""What happens when the filters leave too few groups for a batch."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from records.config import RLConfig
from records.errors import UserError
from rl.filters import JudgedGroup, outwards

QUANTILES = (0.1, 0.25)
"""Shares of groups below and above the thresholds that it suggests."""

BINS = 5
"""Bars of the histogram that a starved run ends with."""

STARVATION_POLICIES = ("raise", "short_batch", "relax_eps", "keep_best")


class StarvedError(RuntimeError):
    """The filters dropped so much that the batch is not full after `rl.refill.max_rounds`."""


def check_refill(config: RLConfig) -> None:
    """Refuse an unknown starvation policy and a bound of no rounds.

    Raises:
        UserError: naming the key.
    """
    if config.refill.on_starved not in STARVATION_POLICIES:
        raise UserError(
            f"rl.refill.on_starved is {config.refill.on_starved!r}; "
            f"it must be one of {', '.join(STARVATION_POLICIES)}"
        )
    if config.refill.max_rounds < 1:
        raise UserError(f"rl.refill.max_rounds is {config.refill.max_rounds}; it must be at least 1")


def rescued(judged: Sequence[JudgedGroup], config: RLConfig, missing: int) -> list[JudgedGroup]:
    """Of a step's `judged` groups those that were dropped and train all the same, by `rl.refill.on_starved`:

    - `raise`: StarvedError, with the reasons counted;
    - `short_batch`: none; the step trains on what was kept, be it nothing;
    - `relax_eps`: those that a threshold alone dropped, nearest to it first;
    - `keep_best`: those that a threshold alone dropped, largest reward deviation first.
    """
    policy = config.refill.on_starved
    if policy == "raise":
        raise StarvedError(
            f"after {config.refill.max_rounds} rounds (rl.refill.max_rounds) {missing} of "
            f"{config.groups_per_step} groups are missing; {reasons_told(judged)}"
        )
    if policy == "short_batch":
        return []
    by_threshold = [
        group for group in judged if set(group.verdict.group_reasons) in ({"too_hard"}, {"too_easy"})
    ]
    if policy == "keep_best":
        by_threshold.sort(key=lambda group: -group.verdict.std)
    else:
        by_threshold.sort(key=lambda group: _distance(group, config))
    return by_threshold[:missing]


def reasons_told(judged: Sequence[JudgedGroup]) -> str:
    """Why groups were dropped, where their means lie and what other thresholds would have kept."""
    reasons = Counter(reason for group in judged for reason in group.verdict.group_reasons)
    counted = ", ".join(f"{name} {count}" for name, count in sorted(reasons.items()))
    return (
        f"dropped: {counted}.{_means_told(judged)} See `usergpt filters sweep`; other thresholds are those "
        "of another run (name=…)"
    )


def _means_told(judged: Sequence[JudgedGroup]) -> str:
    """Where the means of groups with a signal lie, and which thresholds would keep most of them, by task."""
    told = ""
    means: dict[str, list[float]] = {}
    for group in judged:
        if not {"too_few_live", "no_signal"} & set(group.verdict.group_reasons):
            means.setdefault(group.scored.group.prompt.task, []).append(group.verdict.mean)
    for task, values in sorted(means.items()):
        counts, edges = np.histogram(values, bins=BINS)
        shown = ", ".join(
            f"{low:.2f}–{high:.2f}: {count}"
            for count, low, high in zip(counts, edges, edges[1:], strict=False)
        )
        told += f" Means of {len(values)} groups of {task} with a signal: {shown}"
        for share in QUANTILES:
            low, high = outwards(*np.quantile(values, (share, 1 - share)))
            kept = sum(low <= value <= high for value in values)
            told += f"; eps_low={low:g} and eps_high={high:g} would have kept {kept}"
        told += "."
    return told or " No group had two live samples with different rewards."


def _distance(group: JudgedGroup, config: RLConfig) -> float:
    bounds = config.filters.thresholds[group.scored.group.prompt.task]
    mean = group.verdict.mean
    return max(bounds.eps_low - mean, mean - bounds.eps_high)
