"""What the filters cost, and whom: tokens and seconds by reason, near misses, and whether long users lose.

A sample that trains nothing is put down to one reason, the first that its verdict names: its own before its
group's. So the reasons add up to all that was wasted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from rl.filters import STALE, JudgedGroup

NEAR = 0.1
"""A mean is a near miss within this share of the distance of both thresholds, on either side of one."""

WARN_Z, WARN_GAP = 3.0, 0.05
"""Filters prefer the short when the long lose by so many standard errors more, and by this much at least."""

NOT_CHOSEN = "surplus"
"""Of live samples whose group was kept, or could have been taken in, but did not train."""


def wasted_tokens(judged: Sequence[JudgedGroup], trained: Sequence[JudgedGroup]) -> Counter[str]:
    """Response tokens that train nothing, by reason."""
    training = {id(group) for group in trained}
    wasted: Counter[str] = Counter()
    for group in judged:
        verdict = group.verdict
        for rollout, reasons in zip(group.scored.group.rollouts, verdict.sample_reasons, strict=True):
            if reasons or id(group) not in training:
                wasted[(*reasons, *verdict.group_reasons, NOT_CHOSEN)[0]] += len(rollout.token_ids)
    return wasted


def cost_metrics(judged: Sequence[JudgedGroup], trained: Sequence[JudgedGroup]) -> dict[str, float]:
    """Tokens wasted by reason, and tokens generated for each that trains."""
    wasted = wasted_tokens(judged, trained)
    tokens = _tokens(judged)
    metrics = {f"filter/tokens_wasted/{reason}": float(count) for reason, count in wasted.items()}
    metrics["filter/tokens_wasted"] = float(wasted.total())
    if tokens > wasted.total():
        metrics["filter/tokens_per_trained"] = tokens / (tokens - wasted.total())
    return metrics


def seconds_wasted(
    judged: Sequence[JudgedGroup], trained: Sequence[JudgedGroup], generate_s: float
) -> dict[str, float]:
    """Seconds wasted by reason: a step's `generate_s` seconds of generation, shared out by tokens."""
    tokens = _tokens(judged)
    return {
        f"filter/seconds_wasted/{reason}": generate_s * count / tokens
        for reason, count in wasted_tokens(judged, trained).items()
        if tokens
    }


def engine_seconds(idle: Mapping[str, float]) -> float | None:
    """Seconds that engines were at work, their mean, in the time that `idle` tells of (`time/cycle`,
    `time/idle/rollout`); None where it says nothing of engines."""
    share = idle.get("time/idle/rollout")
    return None if share is None else idle["time/cycle"] * (1 - share)


def _tokens(judged: Sequence[JudgedGroup]) -> int:
    return sum(len(rollout.token_ids) for group in judged for rollout in group.scored.group.rollouts)


def near_misses(
    judged: Sequence[JudgedGroup], thresholds: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Groups whose mean lies near a threshold of their task, by threshold and side: kept or dropped by it."""
    found = dict.fromkeys(
        (f"filter/near_miss/{bound}_{side}" for bound in ("low", "high") for side in ("kept", "dropped")), 0.0
    )
    for group in judged:
        bounds, mean = thresholds.get(group.scored.group.prompt.task), group.verdict.mean
        if bounds is None or np.isnan(mean):
            continue
        delta = NEAR * (bounds[1] - bounds[0])
        if not np.isfinite(delta):
            continue
        for name, bound, reason in (("low", bounds[0], "too_hard"), ("high", bounds[1], "too_easy")):
            if abs(mean - bound) <= delta:
                side = "dropped" if reason in group.verdict.group_reasons else "kept"
                found[f"filter/near_miss/{name}_{side}"] += 1
    found["filter/near_miss"] = sum(found.values())
    return found


@dataclass(slots=True)
class Halves:
    """Samples of the shorter and of the longer half of some length, and how many of each were dropped."""

    seen: list[int] = field(default_factory=lambda: [0, 0])
    dropped: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, lengths: Sequence[int], drops: Sequence[bool]) -> None:
        """Count one step's samples; the halves are parted at its median length."""
        middle = float(np.median(lengths)) if lengths else 0.0
        for length, drop in zip(lengths, drops, strict=True):
            half = int(length > middle)
            self.seen[half] += 1
            self.dropped[half] += drop

    @property
    def rates(self) -> tuple[float, float]:
        """Share dropped of the shorter and of the longer half; NaN of none."""
        short, long = (
            dropped / seen if seen else float("nan")
            for dropped, seen in zip(self.dropped, self.seen, strict=True)
        )
        return short, long

    @property
    def prefers_short(self) -> bool:
        """Whether the longer half loses more than chance and rounding explain (two proportions, pooled)."""
        short, long = self.rates
        if not min(self.seen) or not long - short > WARN_GAP:
            return False
        share = sum(self.dropped) / sum(self.seen)
        error = np.sqrt(share * (1 - share) * sum(1 / seen for seen in self.seen))
        return bool(long - short > WARN_Z * error)


class LengthWatch:
    """Drop rates by length over the whole run, and one warning where the filters prefer the short.

    Two lengths: of the history (the prompt's tokens, over groups) and of the response (over samples that were
    not cut off: those are dropped for their length by design). One that is given the `state` of another goes
    on as that would.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.histories = Halves(**state.get("histories", {}))
        self.responses = Halves(**state.get("responses", {}))
        self._warned: list[str] = list(state.get("warned", ()))

    @property
    def state(self) -> dict[str, Any]:
        """All that was counted and told so far, as JSON takes it."""
        return {
            "histories": asdict(self.histories),
            "responses": asdict(self.responses),
            "warned": list(self._warned),
        }

    def add(self, judged: Sequence[JudgedGroup]) -> dict[str, float]:
        """Count a step; returns the drop rates of it alone."""
        step = {"history": Halves(), "response": Halves()}
        # What was dropped for its age says nothing of the filters.
        judged = [one for one in judged if STALE not in one.verdict.group_reasons]
        groups = [(len(one.scored.group.prompt.token_ids), not one.verdict.kept) for one in judged]
        samples = [
            (len(rollout.token_ids), bool(reasons) or not one.verdict.kept)
            for one in judged
            for rollout, reasons in zip(one.scored.group.rollouts, one.verdict.sample_reasons, strict=True)
            if not rollout.truncated
        ]
        metrics: dict[str, float] = {}
        for name, cases, whole in (
            ("history", groups, self.histories),
            ("response", samples, self.responses),
        ):
            lengths, drops = [length for length, _ in cases], [drop for _, drop in cases]
            for halves in (step[name], whole):
                halves.add(lengths, drops)
            short, long = step[name].rates
            metrics |= {f"filter/drop_rate/{name}_short": short, f"filter/drop_rate/{name}_long": long}
        return {name: value for name, value in metrics.items() if not np.isnan(value)}

    def warnings(self) -> list[str]:
        """What has become clear since the last call, a sentence each."""
        told = []
        for name, halves in (("histories", self.histories), ("responses", self.responses)):
            if name not in self._warned and halves.prefers_short:
                self._warned.append(name)
                short, long = halves.rates
                told.append(
                    f"the filters prefer short {name}: {long:.0%} of the longer half are dropped, "
                    f"{short:.0%} of the shorter; look at `usergpt filters sweep` and at thresholds by task"
                )
        return told
