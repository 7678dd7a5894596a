"""What the RL loop needs of the world; `launch` hands in Ray actors, unit tests hand in fakes."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from records.prompt import Request, Rollout, RolloutGroup, Sampling, ScoredGroup


class Generator(Protocol):
    """Samples responses with the rollout policy."""

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]: ...


class Scorers(Protocol):
    """Scores every rollout of every group."""

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]: ...


class Publisher(Protocol):
    """Brings the learner's weights to the generator and checks them; returns `sync/…` metrics."""

    def __call__(self, version: int) -> Mapping[str, float]: ...
