"""Producers of live prompts as Ray actors: users simulated, semantized and asked about, block by block.

A producer that dies is replaced, and its blocks are made again; whoever waits for one waits no longer than
`timeout_s`.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray

from actors.placement import ANYWHERE, Places
from actors.supervision import ActorDiedError, ActorError, await_verdict, wait_for
from actors.tasks import LIVES, SINGLE_THREADED, TaskWorker
from actors.work import Worked, worked
from lm.tokenizer import ChatTokenizer
from records.config import LiveConfig
from records.simulation import SimulateConfig
from records.tags import in_order
from rl.live import MadePrompt
from rl.protocols import PromptsEndedError
from rl.questions import Asking
from semantize.in_memory import InMemorySemantizer
from simulate.beyond import MAX_BLOCKS, UserSource, first_block_beyond
from simulate.block import BLOCK
from simulate.world_files import SHIPPED

NICENESS = 10
"""Engines and learner go first where cores are few."""


class Producer(TaskWorker):
    """Makes batches of prompts, each of a block of users beyond those of a simulation.

    `histories` is the folder of the run whose settings, entities and tokenizer histories are made with,
    `model` that of the model that is asked.
    """

    def __init__(self, config: SimulateConfig, seed: int, histories: str, model: str, asking: Asking) -> None:
        os.nice(NICENESS)
        self.users = UserSource(config, seed)
        self.first = first_block_beyond(config.users)
        self.semantizer = InMemorySemantizer(Path(histories))
        self.tokenizer = ChatTokenizer.load(Path(model))
        self.asking = asking

    @worked
    def make(self, batch: int) -> list[MadePrompt | None]:
        """One prompt for each user of a block, None for one without a history."""
        users, log, gold = self.users.draw(self.first + batch)
        found = {history.user_id: history for history in self.semantizer.histories(log)}
        made: list[MadePrompt | None] = []
        for place, user in enumerate(users, start=batch * BLOCK):
            if user not in found:
                made.append(None)
                continue
            prompt = self.asking.question(place, found[user], in_order(gold[user]), self.tokenizer)
            made.append(
                MadePrompt(prompt=prompt, reference={name: tag.values for name, tag in gold[user].items()})
            )
        return made


Made = Worked[list[MadePrompt | None]]
"""A batch, and how long it took to make."""


@dataclass(slots=True, kw_only=True)
class _Task:
    """A batch under way: whose it is, how often it was begun, and what was made, once that is known."""

    seat: int
    ref: Any
    tries: int = 1
    made: Made | None = None


class ProducerPool:
    """The producers of a run (`rl.live.Producers`); each makes its batches in the order they were begun.

    They start in the background. `lost` names those that died, each with the batch that was waited for;
    `busy_s` is how long all were at work together, a batch counted when it is taken.
    """

    size = BLOCK

    def __init__(
        self,
        simulation: SimulateConfig,
        seed: int,
        histories: Path,
        model: Path,
        asking: Asking,
        config: LiveConfig,
        timeout_s: float,
        places: Places = ANYWHERE,
    ) -> None:
        # A worker runs in a directory of its own.
        world = [name if name == SHIPPED else str(Path(name).absolute()) for name in simulation.world]
        simulation = replace(simulation, world=world)
        self._arguments = (simulation, seed, str(histories.absolute()), str(model.absolute()), asking)
        self.timeout_s = timeout_s
        self.lost: list[str] = []
        self.busy_s = 0.0
        self._cpus, self._places = config.cpus_per_worker, places
        self._batches = MAX_BLOCKS - first_block_beyond(simulation.users)
        self._started = 0
        self._seats = [self._start(seat) for seat in range(config.workers)]
        self._under_way: dict[int, _Task] = {}

    @property
    def seats(self) -> int:
        """How many producers there are."""
        return len(self._seats)

    def begin(self, batch: int) -> None:
        """Have a batch made by whoever has the least to do; one beyond the last possible user is none."""
        if batch >= self._batches:
            return
        load = [
            sum(task.seat == seat for task in self._under_way.values()) for seat in range(len(self._seats))
        ]
        seat = load.index(min(load))
        self._under_way[batch] = _Task(seat=seat, ref=self._seats[seat][1].make.remote(batch))

    def ready(self, batch: int) -> bool:
        """Whether `take` would answer at once. Whoever died at it is replaced.

        Raises:
            ActorError, UserError: as `take`.
        """
        task = self._under_way.get(batch)
        if task is not None and task.made is None and ray.wait([task.ref], timeout=0)[0]:
            task.made = self._answer(batch, self.timeout_s)
        return task is None or task.made is not None

    def drop(self, batch: int) -> None:
        """Let go of a batch."""
        self._under_way.pop(batch, None)

    def take(self, batch: int) -> Sequence[MadePrompt | None]:
        """A batch that was begun, after waiting for it.

        Raises:
            PromptsEndedError: there are no names for so many users.
            ActorError: its producer failed, died LIVES times with it, or took longer than `timeout_s`.
            UserError: the producer says the input is at fault.
        """
        if batch >= self._batches:
            raise PromptsEndedError(f"all {self._batches * BLOCK:,} live users were asked")
        deadline, made = time.monotonic() + self.timeout_s, self._under_way[batch].made
        while made is None:
            made = self._answer(batch, deadline - time.monotonic())
        del self._under_way[batch]
        self.busy_s += made.seconds
        return made.answer

    def _answer(self, batch: int, timeout_s: float) -> Made | None:
        """A batch as soon as it is made; None where its producer died, and it is being made again."""
        task = self._under_way[batch]
        who, actor = self._seats[task.seat]
        name = f"{who}, asked for live prompts from {batch * BLOCK} on,"
        try:
            made: Made = wait_for(task.ref, name, max(0.0, timeout_s), bound_s=self.timeout_s)
        except ActorDiedError as error:
            if task.tries >= LIVES:
                raise ActorError(f"{name} died {LIVES} times") from error
            await_verdict(error, actor)
            self._replace(task.seat, batch)
            return None
        return made

    def close(self) -> None:
        """End the producers' processes."""
        for _, actor in self._seats:
            ray.kill(actor)

    def _replace(self, seat: int, batch: int) -> None:
        """Put a new producer into a seat and have all that was begun there made again."""
        self.lost.append(f"{self._seats[seat][0]} with live prompts from {batch * BLOCK} on")
        self._seats[seat] = self._start(seat)
        for number, task in sorted(self._under_way.items()):
            if task.seat == seat and task.made is None:
                task.ref, task.tries = self._seats[seat][1].make.remote(number), task.tries + 1

    def _start(self, seat: int) -> tuple[str, Any]:
        name = f"producer {self._started}"
        self._started += 1
        actor = ray.remote(Producer).options(
            num_cpus=self._cpus, runtime_env=SINGLE_THREADED, **self._places.of(seat)
        )
        return name, actor.remote(*self._arguments)
