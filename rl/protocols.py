"""What the RL loop needs of the world; `launch` hands in Ray actors, unit tests hand in fakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from records.prompt import Prompt, Request, Rollout, RolloutGroup, Sampling, ScoredGroup


class PromptsEndedError(RuntimeError):
    """There is no further prompt; the message says of what."""


class Prompts(Protocol):
    """Prompts by place, from 0 on."""

    def at(self, cursor: int) -> Prompt | None:
        """The prompt at a place; None: there is none, and the place is passed over.

        Raises:
            PromptsEndedError: there is none from here on.
        """

    def ready(self, cursor: int) -> bool:
        """Whether `at` would answer at once."""


class NoAnswerError(RuntimeError):
    """Engines or scorers keep groups that they were given for longer than all their own bounds allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The samples of one request, and how often it had been begun before (0: never)."""

    key: int
    rollouts: tuple[Rollout, ...]
    attempt: int


class Generator(Protocol):
    """Samples responses with the rollout policy, one list a request."""

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]: ...


class Pool(Protocol):
    """Actors that answer what is submitted. `lost` tells of each that was lost. With neither an answer nor a
    loss for more than `patience_s` seconds something is wrong that the pool does not know of: each call that
    it waits for is bounded, and all that follow each other up to an answer take no longer."""

    @property
    def lost(self) -> Sequence[str]: ...

    @property
    def patience_s(self) -> float: ...


class Rollouts(Generator, Pool, Protocol):
    """Samples responses request by request.

    What is submitted with a `place` goes to engines by it and is sampled together: the same requests in the
    same order give the same samples. Without one, any engine takes it when it can. `poll` waits at most so
    long for the first answer; every key comes back once.
    """

    def submit(self, request: Request, sampling: Sampling, place: int | None = None) -> int: ...

    def poll(self, timeout_s: float) -> Sequence[Finished]: ...


class Scorers(Pool, Protocol):
    """Scores every rollout of every group, all at once or group by group (as `Rollouts`)."""

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]: ...

    def submit(self, group: RolloutGroup) -> int: ...

    def poll(self, timeout_s: float) -> Sequence[tuple[int, ScoredGroup]]: ...


class Publisher(Protocol):
    """Brings the learner's weights to the generator and checks them; returns `sync/…` metrics."""

    def __call__(self, version: int) -> Mapping[str, float]: ...
