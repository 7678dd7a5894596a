"""Rollouts and scorers for unit tests of the loop: what is submitted is answered when it is polled for."""

from collections.abc import Sequence
from dataclasses import replace

from records.prompt import Request, Rollout, RolloutGroup, Sampling, ScoredGroup
from rl.protocols import Finished


class Queues:
    """`submit` and `poll` of rollouts, over the `generate` of a subclass.

    Requests with a place are answered at once; others `slow` polls later, the last asked first, as an engine
    might that has had luck with it.
    """

    slow = 1
    lost: Sequence[str] = ()
    patience_s = 60.0

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Request, Sampling]] = []
        self._versions: dict[int, int] = {}
        self._keys = 0

    @property
    def version_now(self) -> int:
        """Version of the weights that whatever begins now is sampled with."""
        raise NotImplementedError

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        raise NotImplementedError

    def submit(self, request: Request, sampling: Sampling, place: int | None = None) -> int:
        self._keys += 1
        self._waiting.append((self._keys, 0 if place is not None else self.slow, request, sampling))
        self._versions[self._keys] = self.version_now
        return self._keys

    def poll(self, timeout_s: float) -> list[Finished]:
        due = [one for one in self._waiting if one[1] == 0]
        self._waiting = [(k, left - 1, r, s) for k, left, r, s in self._waiting if left > 0]
        if not due:
            return []
        answers = self.generate([request for _, _, request, _ in due], due[0][3])
        found = []
        for (key, _, _, _), rollouts in zip(due, answers, strict=True):
            version = self._versions.pop(key)
            begun = tuple(replace(rollout, policy_version=version) for rollout in rollouts)
            found.append(Finished(key=key, rollouts=begun, attempt=0))
        return found[::-1]


class ScorerQueue:
    """`submit` and `poll` of scorers over a `score`: every `every`-th poll answers, the last first."""

    lost: Sequence[str] = ()
    patience_s = 60.0

    def __init__(self, scorers: "Scoring", every: int = 1) -> None:
        self._scorers = scorers
        self.every = every
        self._polls = 0
        self._waiting: list[tuple[int, RolloutGroup]] = []
        self._keys = 0

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        return self._scorers.score(groups)

    def submit(self, group: RolloutGroup) -> int:
        self._keys += 1
        self._waiting.append((self._keys, group))
        return self._keys

    def poll(self, timeout_s: float) -> list[tuple[int, ScoredGroup]]:
        self._polls += 1
        if self._polls % self.every:
            return []
        waiting, self._waiting = self._waiting[::-1], []
        scored = self.score([group for _, group in waiting])
        return [(key, one) for (key, _), one in zip(waiting, scored, strict=True)]


class Scoring:
    """Whoever scores."""

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        raise NotImplementedError
