"""Reward scorers as Ray actors: one that dies or hangs is replaced, and its group scored again."""

import shutil
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError

from actors.placement import ANYWHERE, HOMELESS, Places, scorer_gpus
from actors.supervision import ActorDiedError, ActorError, await_verdict, wait_for
from actors.tasks import LIVES
from actors.work import worked
from records.config import ScorerConfig
from records.prompt import Prompt, RolloutGroup, Score, ScoredGroup
from rewards.build import empty_tally, judge_client, reward_model
from rewards.case import Reference
from rewards.summary import Tally
from rewards.total import failed_score

_LOOK_S = 1.0
"""Seconds between looks at how long each scorer has been at work."""

SPENT = "spent"
"""Folder beside the replies: what the judge of each seat has used of its budget since the pool began."""


class Scorer:
    """Holds the reward model; runs inside its actor's process.

    `seat` is its number in the pool: whoever takes it over goes on with what is left of its judge's budget.
    """

    def __init__(self, config: ScorerConfig, replies: str, seat: int) -> None:
        self.config = config
        self.model, self.judge = reward_model(config, Path(replies), Path(replies) / SPENT / str(seat))

    @worked
    def score(self, prompt: Prompt, texts: Sequence[str], reference: Reference) -> tuple[list[Score], Tally]:
        """Score responses to one prompt, in order, by the true values of its user; and what the judge did
        since the last answer, which whoever asks adds up: this process may die."""
        scores = self.model.score([prompt] * len(texts), texts, [reference] * len(texts))
        did, self.judge.tally = self.judge.tally, empty_tally(self.config)
        return scores, did


@dataclass(slots=True, kw_only=True)
class _Seat:
    """A scorer's place: who sits there, whether it has answered before, and the group it is at."""

    number: int
    name: str
    actor: Any
    up: bool = False
    ref: Any = None
    key: int = -1
    since: float = 0.0


class ScorerPool:
    """The scorers of a run, each with one group at a time. They start in the background.

    `references` are the true values by user; a user's must be there when a group of it is submitted.
    `replies` is where a judging language model's replies are kept. `lost` names the scorers that died or
    hung, each with its group; `busy_s` is how long all were at work together (waiting for a judge's server
    too). `start_s` bounds the start of a scorer, `config.timeout_s` its work on a group.
    A group whose scorer raises, or that ends or stalls LIVES scorers, has an error on every rollout.

    Raises:
        UserError: the settings of the judging language model are at fault.
    """

    def __init__(
        self,
        references: Mapping[str, Reference],
        config: ScorerConfig,
        start_s: float,
        replies: Path,
        places: Places = ANYWHERE,
    ) -> None:
        if config.judge == "llm":
            judge_client(config, replies)  # said here, rather than by an actor later
        shutil.rmtree(replies / SPENT, ignore_errors=True)
        self.config = config
        self.start_s = start_s
        self.lost: list[str] = []
        self.busy_s = 0.0
        self.references = references
        self._places = places
        self._arguments = (config, str(replies.absolute()))
        self._started = 0
        self._seats = [self._seated(number) for number in range(config.actors)]
        self._tallies = [empty_tally(config) for _ in self._seats]
        self._groups: dict[int, RolloutGroup] = {}
        self._tries: dict[int, int] = {}
        self._queue: deque[int] = deque()
        self._scored: list[tuple[int, ScoredGroup]] = []
        self._next_key = 0

    @property
    def seats(self) -> int:
        """How many scorers there are."""
        return self.config.actors

    @property
    def patience_s(self) -> float:
        """Longest without an answer or a loss, seconds: a start and a group (as `rl.protocols.Pool`)."""
        return self.start_s + self.config.timeout_s

    def submit(self, group: RolloutGroup) -> int:
        """Have every rollout of `group` scored; returns the key by which it comes back."""
        key = self._next_key
        self._next_key += 1
        self._groups[key], self._tries[key] = group, 0
        self._queue.append(key)
        return key

    def poll(self, timeout_s: float = _LOOK_S) -> list[tuple[int, ScoredGroup]]:
        """What was scored meanwhile, by key, after at most `timeout_s` seconds of waiting for the first.

        Raises:
            UserError: the input is at fault, such as a key that the judge's server refuses.
            ActorError: a scorer cannot start, or has lost its node and no other has room.
        """
        self._dispatch()
        busy = {seat.ref: seat for seat in self._seats if seat.ref is not None}
        if busy:
            ready, _ = ray.wait(list(busy), timeout=timeout_s)
            more, _ = ray.wait(list(busy), num_returns=len(busy), timeout=0)
            for ref in dict.fromkeys([*ready, *more]):
                self._settle(busy[ref])
        for seat in self._seats:
            limit = self.config.timeout_s + (0 if seat.up else self.start_s)
            if seat.ref is not None and time.monotonic() - seat.since > limit:
                if not self._places.placed(seat.number):
                    raise ActorError(f"{seat.name}: {HOMELESS} within {limit:g} s (scorer.timeout_s)")
                self._replace(seat, f"no answer within {limit:g} s (scorer.timeout_s)")
        self._dispatch()
        scored, self._scored = self._scored, []
        return scored

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        """Score every rollout of every group, in order.

        Raises:
            UserError, ActorError: as `poll`.
        """
        keys = [self.submit(group) for group in groups]
        found: dict[int, ScoredGroup] = {}
        while not found.keys() >= set(keys):
            found.update(self.poll())
        # What was submitted before comes back at the next poll.
        self._scored = [(key, one) for key, one in found.items() if key not in keys] + self._scored
        return [found[key] for key in keys]

    def stats(self) -> list[dict[str, Any]]:
        """What the judges of each seat did for groups that came back, whoever sat there."""
        return [tally.stats() for tally in self._tallies]

    def close(self) -> None:
        """End the scorers' processes."""
        for seat in self._seats:
            ray.kill(seat.actor)

    def _dispatch(self) -> None:
        for seat in self._seats:
            if seat.ref is None and self._queue:
                seat.key, seat.since = self._queue.popleft(), time.monotonic()
                self._tries[seat.key] += 1
                seat.ref = self._send(seat, self._groups[seat.key])

    def _send(self, seat: _Seat, group: RolloutGroup) -> Any:
        texts = [rollout.text for rollout in group.rollouts]
        return seat.actor.score.remote(group.prompt, texts, self.references[group.prompt.user_id])

    def _settle(self, seat: _Seat) -> None:
        """Take the answer of a seat."""
        try:
            done = wait_for(seat.ref, seat.name, self.config.timeout_s)
            self.busy_s += done.seconds
            scores, did = done.answer
            self._tallies[seat.number].add(did)
        except ActorDiedError as error:
            await_verdict(error, seat.actor)
            self._replace(seat, "it died")
            return
        except ActorError as error:
            if isinstance(error.__cause__, RayActorError):  # it cannot start, and no other could
                raise
            scores = _failed(self._groups[seat.key], str(error))
        self._tell(seat.key, scores)
        seat.up, seat.ref = True, None

    def _tell(self, key: int, scores: Sequence[Score]) -> None:
        self._scored.append((key, ScoredGroup(group=self._groups.pop(key), scores=tuple(scores))))
        del self._tries[key]

    def _replace(self, seat: _Seat, cause: str) -> None:
        """Put a new scorer into a seat; its group is next, unless it ended as many as it may."""
        group = self._groups[seat.key]
        self.lost.append(f"{seat.name} with group {group.group_id}: {cause}")
        ray.kill(seat.actor)
        if self._tries[seat.key] < LIVES:
            self._queue.appendleft(seat.key)
        else:
            self._tell(seat.key, _failed(group, f"{cause}, {LIVES} times"))
        self._seats[seat.number] = self._seated(seat.number)

    def _seated(self, number: int) -> _Seat:
        """A new scorer for a seat, in the seat's place, under a name of its own."""
        actor = ray.remote(Scorer).options(
            num_cpus=self.config.cpus_per_actor,
            num_gpus=scorer_gpus(self.config),
            **self._places.of(number),
        )
        name = f"scorer {self._started}"
        self._started += 1
        return _Seat(number=number, name=name, actor=actor.remote(*self._arguments, number))


def _failed(group: RolloutGroup, cause: str) -> list[Score]:
    return [failed_score(cause)] * len(group.rollouts)
