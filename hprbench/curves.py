"""What happened while models were trained, as the report plots and tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Steps = Sequence[Mapping[str, float | None]]
"""One mapping an RL step: `step`, and numbers by name, None or absent where there is none."""

ACTORS = {
    "producer": "producers of live prompts",
    "rollout": "rollout engines",
    "scorer": "scorers",
    "learner": "learner",
}
"""Kinds of actors whose idle share is told, in the order of a step's work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What happened during training; every part may be empty.

    `reward`: `pre_filter`, `post_filter` and `probe`, mean rewards in [0, 2]; `probe_low` and `probe_high`
    are the ends of the probe's 95 % interval over users, where rewards by prompt are known.
    `filter_reasons`: the number of samples dropped by each reason (the mean share works as well).
    `tokens_wasted`: response tokens that trained nothing, by reason. `mismatch`: KL of the rollout policy to
    the learner, nats a token, over what was sampled (`sampled`) and over the sequences that every publish is
    checked with (`checked`). `idle`: of each kind of ACTORS the share of `seconds` in which it was not at
    work. `tokens`: response tokens `generated` and `trained` on in all.
    `sft_loss`: stage → loss of each optimiser step, nats a token.
    """

    reward: Steps = ()
    filter_reasons: Steps = ()
    tokens_wasted: Steps = ()
    mismatch: Steps = ()
    idle: Steps = ()
    tokens: Mapping[str, float] = field(default_factory=dict)
    sft_loss: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def idle_shares(self) -> dict[str, float | None]:
        """Of each kind of ACTORS the share of the whole stage, None where it is not known."""
        return {kind: self._idle_share(kind) for kind in ACTORS}

    def _idle_share(self, kind: str) -> float | None:
        idle_s = whole_s = 0.0
        for row in self.idle:
            share, seconds = row.get(kind), row.get("seconds")
            if share is not None and seconds is not None:
                idle_s += share * seconds
                whole_s += seconds
        return idle_s / whole_s if whole_s else None
