"""Scorers of groups as Ray actors: one that dies or hangs is replaced, and its group scored again."""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayActorError

from actors.placement import HOMELESS, Places
from actors.supervision import ActorDiedError, ActorError, await_verdict, wait_for
from actors.tasks import LIVES
from records.prompt import RolloutGroup

Scored = TypeVar("Scored")
"""What a group comes back as."""

_LOOK_S = 1.0
"""Seconds between looks at how long each scorer has been at work."""


@dataclass(slots=True, kw_only=True)
class Seat:
    """A scorer's place: who sits there, whether it has answered before, and the group it is at."""

    number: int
    name: str
    actor: Any
    up: bool = False
    ref: Any = None
    key: int = -1
    since: float = 0.0


class GroupPool(ABC, Generic[Scored]):
    """Scorers, each with one group at a time. They start in the background.

    `lost` names the scorers that died or hung, each with its group; `busy_s` is how long all were at work
    together (waiting for a judge's server too). `start_s` bounds the start of a scorer, `timeout_s` its work
    on a group. A group whose scorer raises, or that ends or stalls LIVES scorers, comes back as `_failed`.
    """

    def __init__(self, scorers: int, start_s: float, timeout_s: float, places: Places) -> None:
        self.start_s, self.timeout_s = start_s, timeout_s
        self.lost: list[str] = []
        self.busy_s = 0.0
        self._places = places
        self._started = 0
        self._seats = [self._seated(number) for number in range(scorers)]
        self._groups: dict[int, RolloutGroup] = {}
        self._tries: dict[int, int] = {}
        self._queue: deque[int] = deque()
        self._scored: list[tuple[int, Scored]] = []
        self._next_key = 0

    @abstractmethod
    def _actor(self, number: int, place: dict[str, Any]) -> Any:
        """Start the actor of a seat, with the options of its `place`."""

    @abstractmethod
    def _send(self, seat: Seat, group: RolloutGroup) -> Any:
        """Give a group to the actor of a seat, by a method that is `actors.work.worked`."""

    @abstractmethod
    def _taken(self, seat: Seat, group: RolloutGroup, answer: Any) -> Scored:
        """What a group came to, by the actor's answer."""

    @abstractmethod
    def _failed(self, group: RolloutGroup, cause: str) -> Scored:
        """The same where nobody could score it."""

    @property
    def seats(self) -> int:
        """How many scorers there are."""
        return len(self._seats)

    @property
    def patience_s(self) -> float:
        """Longest without an answer or a loss, seconds: a start and a group (as `rl.protocols.Pool`)."""
        return self.start_s + self.timeout_s

    def submit(self, group: RolloutGroup) -> int:
        """Have every rollout of `group` scored; returns the key by which it comes back."""
        key = self._next_key
        self._next_key += 1
        self._groups[key], self._tries[key] = group, 0
        self._queue.append(key)
        return key

    def poll(self, timeout_s: float = _LOOK_S) -> list[tuple[int, Scored]]:
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
            limit = self.timeout_s + (0 if seat.up else self.start_s)
            if seat.ref is not None and time.monotonic() - seat.since > limit:
                if not self._places.placed(seat.number):
                    raise ActorError(f"{seat.name}: {HOMELESS} within {limit:g} s (scorer.timeout_s)")
                self._replace(seat, f"no answer within {limit:g} s (scorer.timeout_s)")
        self._dispatch()
        scored, self._scored = self._scored, []
        return scored

    def score(self, groups: Sequence[RolloutGroup]) -> list[Scored]:
        """Score every rollout of every group, in order.

        Raises:
            UserError, ActorError: as `poll`.
        """
        keys = [self.submit(group) for group in groups]
        found: dict[int, Scored] = {}
        while not found.keys() >= set(keys):
            found.update(self.poll())
        # What was submitted before comes back at the next poll.
        self._scored = [(key, one) for key, one in found.items() if key not in keys] + self._scored
        return [found[key] for key in keys]

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

    def _settle(self, seat: Seat) -> None:
        """Take the answer of a seat."""
        group = self._groups[seat.key]
        try:
            done = wait_for(seat.ref, seat.name, self.timeout_s)
        except ActorDiedError as error:
            await_verdict(error, seat.actor)
            self._replace(seat, "it died")
            return
        except ActorError as error:
            if isinstance(error.__cause__, RayActorError):  # it cannot start, and no other could
                raise
            self._tell(seat.key, self._failed(group, str(error)))
        else:
            self.busy_s += done.seconds
            self._tell(seat.key, self._taken(seat, group, done.answer))
        seat.up, seat.ref = True, None

    def _tell(self, key: int, scored: Scored) -> None:
        self._scored.append((key, scored))
        del self._groups[key], self._tries[key]

    def _replace(self, seat: Seat, cause: str) -> None:
        """Put a new scorer into a seat; its group is next, unless it ended as many as it may."""
        group = self._groups[seat.key]
        self.lost.append(f"{seat.name} with group {group.group_id}: {cause}")
        ray.kill(seat.actor)
        if self._tries[seat.key] < LIVES:
            self._queue.appendleft(seat.key)
        else:
            self._tell(seat.key, self._failed(group, f"{cause}, {LIVES} times"))
        self._seats[seat.number] = self._seated(seat.number)

    def _seated(self, number: int) -> Seat:
        """A new scorer for a seat, in the seat's place, under a name of its own."""
        name = f"scorer {self._started}"
        self._started += 1
        return Seat(number=number, name=name, actor=self._actor(number, self._places.of(number)))
