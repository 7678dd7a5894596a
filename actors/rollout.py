"""The rollout engines of a run, driven as one: jobs in, groups of rollouts out, weights in between.

submit ──► queue ──► engine 0 ──► poll          An engine that dies or hangs is replaced, and what it
                └──► engine 1 ──►               had under way is generated again.
                        ▲
      set_weights ──────┘  taken by each engine once nothing is under way in it
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from actors.engine import RolloutEngine, engine_environment
from actors.placement import ANYWHERE, HOMELESS, Places
from actors.supervision import ActorError, await_verdict, loss, wait_for
from actors.tasks import LIVES
from actors.transport import WeightTransport
from actors.work import Worked
from records.config import RolloutConfig
from records.prompt import Request, Rollout, Sampling
from rl.protocols import Finished

_LOOK_S = 1.0
"""Seconds between looks at how long each engine has been at work."""

Logprobs = list[npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What engines shall hold: a version, how they get it, and a check of each engine's log-probs of `probe`.

    Engines that wait for weights take them together, by `transport`, when this is `available` (a learner at
    work has others by and by). With a `snapshot` (all buckets, a full copy in the object store) each takes
    them by itself as soon as it is free. The pool lets go of the snapshot once every engine has had it.
    `check` is given the engine's name and the log-probs, and raises where they are not those of the weights.
    """

    version: int
    transport: WeightTransport
    available: Callable[[], bool] = lambda: True
    snapshot: tuple[ray.ObjectRef, ...] = ()
    probe: tuple[tuple[int, ...], ...] = ()
    check: Callable[[str, Logprobs], None] = lambda name, logprobs: None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    key: int
    request: Request
    sampling: Sampling
    place: int | None
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    method: str
    ref: ray.ObjectRef
    since: float


@dataclass(slots=True, kw_only=True)
class _Seat:
    """An engine's place: who sits there, whether it has started, its version, whether checked, its jobs.

    `losses` counts engines in a row that were lost before they had done anything.
    """

    number: int
    name: str
    actor: Any
    stands: bool = False
    version: int | None = None
    checked: bool = True
    losses: int = 0
    under_way: dict[int, _Job] = field(default_factory=dict)
    call: _Call | None = None


class RolloutPool:
    """The engines of a run. They start in the background; the first answer waits for them.

    `lost` tells which engines died or hung, and with how many jobs; `received_bytes` what all were sent of
    weights; `busy_s` how long all were at work together; `longest_s`, by method, how long the slowest was
    since weights were set. `timeout_s` bounds every call.
    """

    def __init__(
        self,
        model_dir: Path,
        config: RolloutConfig,
        max_length: int,
        timeout_s: float,
        places: Places = ANYWHERE,
    ) -> None:
        self.config = config
        self.timeout_s = timeout_s
        self.lost: list[str] = []
        self.received_bytes = 0
        self.busy_s = 0.0
        self.longest_s: dict[str, float] = {}
        self._places = places
        self._arguments = (model_dir.absolute(), config, max_length)
        self._weights: Weights | None = None
        self._queue: deque[_Job] = deque()
        self._finished: list[Finished] = []
        self._next_key = 0
        self._seats = [
            _Seat(number=number, name=f"rollout engine {number}", actor=self._engine(number))
            for number in range(config.actors)
        ]

    @property
    def engines(self) -> list[Any]:
        """The actors, by seat."""
        return [seat.actor for seat in self._seats]

    @property
    def seats(self) -> int:
        """How many engines there are."""
        return len(self._seats)

    @property
    def under_way(self) -> int:
        """Jobs that were submitted and not yet told finished."""
        return len(self._queue) + sum(len(seat.under_way) for seat in self._seats) + len(self._finished)

    @property
    def patience_s(self) -> float:
        """Longest without an answer or a loss, seconds: a start, weights, their check and samples, each
        within `timeout_s` (as `rl.protocols.Pool`)."""
        return 4 * self.timeout_s

    def submit(self, request: Request, sampling: Sampling, place: int | None = None) -> int:
        """Have `request` sampled; returns the key by which it comes back.

        Jobs with a place go to engines by it, are sampled together and come back together: who asks for the
        same jobs in the same order gets the same samples, to the bit. Others go to whoever is free.
        """
        key = self._next_key
        self._next_key += 1
        self._queue.append(_Job(key=key, request=request, sampling=sampling, place=place))
        return key

    def poll(self, timeout_s: float = _LOOK_S) -> list[Finished]:
        """What was finished meanwhile, after at most `timeout_s` seconds of waiting for the first.

        Raises:
            ActorError: an engine fails or cannot start, or a job ended LIVES engines.
            UserError: an engine says the input is at fault.
            StaleWeightsError: an engine that took weights does not agree with them.
        """
        self._dispatch()
        calls = {seat.call.ref: seat for seat in self._seats if seat.call}
        if calls:
            ready, _ = ray.wait(list(calls), timeout=timeout_s)
            more, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0)
            for ref in dict.fromkeys([*ready, *more]):
                self._settle(calls[ref])
        for seat in self._seats:
            if seat.call and time.monotonic() - seat.call.since > self.timeout_s:
                if not self._places.placed(seat.number):
                    raise ActorError(
                        f"{seat.name}: {HOMELESS} within {self.timeout_s:g} s (cluster.timeout_s)"
                    )
                self._replace(seat, f"no answer within {self.timeout_s:g} s (cluster.timeout_s)")
        self._dispatch()
        finished, self._finished = self._finished, []
        return finished

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        """Sample responses, in the order of `requests`, which go to engines by position."""
        keys = [self.submit(request, sampling, place) for place, request in enumerate(requests)]
        found: dict[int, list[Rollout]] = {key: [] for key in keys}
        missing, others = set(keys), []
        while missing:
            for done in self.poll():
                if done.key in missing:
                    missing.remove(done.key)
                    found[done.key] = list(done.rollouts)
                else:
                    others.append(done)
        self._finished = others + self._finished
        return list(found.values())

    def set_weights(self, weights: Weights) -> None:
        """Have every engine take `weights` before it begins anything new."""
        self._weights, self.longest_s = weights, {}
        for seat in self._seats:
            seat.checked = False

    def settle_weights(self) -> None:
        """Wait until every engine holds the weights set last, and was found to."""
        finished: list[Finished] = []
        while not all(map(self._up_to_date, self._seats)):
            finished += self.poll()
        self._finished = finished + self._finished

    def release_snapshot(self) -> None:
        """Let go of the snapshot before there is another; engines amid taking it are waited for."""
        for seat in self._seats:
            if seat.call and seat.call.method == "update_weights":
                self._settle(seat)
        if self._weights is not None:
            self._weights = replace(self._weights, snapshot=())

    def update_weights(self, version: int, transport: WeightTransport) -> int:
        """Replace the weights of every engine; returns the bytes received by all."""
        before = self.received_bytes
        self.set_weights(Weights(version=version, transport=transport))
        self.settle_weights()
        return self.received_bytes - before

    def logprobs(self, sequences: Sequence[tuple[int, ...]]) -> list[Logprobs]:
        """Log-probs of `sequences` under every engine; nothing else may be under way."""
        assert not self.under_way
        refs = [seat.actor.logprobs.remote(list(sequences)) for seat in self._seats]
        return [
            self._counted("logprobs", wait_for(ref, seat.name, self.timeout_s))
            for ref, seat in zip(refs, self._seats, strict=True)
        ]

    def close(self) -> None:
        """End the engines' processes."""
        for seat in self._seats:
            ray.kill(seat.actor)

    def _engine(self, number: int) -> Any:
        """A new engine for a seat, in the seat's place."""
        actor = ray.remote(RolloutEngine).options(
            num_cpus=self.config.cpus_per_actor,
            num_gpus=self.config.gpus_per_actor,
            runtime_env={"env_vars": engine_environment(self.config)},
            **self._places.of(number),
        )
        return actor.remote(*self._arguments)

    def _up_to_date(self, seat: _Seat) -> bool:
        weights = self._weights
        return weights is None or (seat.version == weights.version and (seat.checked or not weights.probe))

    def _dispatch(self) -> None:
        """Give every engine that waits its next call."""
        self._bring_weights()
        for number, seat in enumerate(self._seats):
            if seat.call:
                continue
            weights = self._weights
            if not seat.stands:
                self._send(seat, "ready")
                continue
            if weights is not None and not self._up_to_date(seat) and not seat.under_way:
                if seat.version == weights.version:
                    self._send(seat, "logprobs", list(weights.probe))
                elif weights.snapshot:
                    self._send(seat, "update_weights", weights.version, list(weights.snapshot))
                continue
            jobs = self._take(number, seat) if self._up_to_date(seat) else []
            seat.under_way |= {job.key: job for job in jobs}
            if seat.under_way:
                together = any(job.place is not None for job in seat.under_way.values())
                at_least = len(seat.under_way) if together else 1
                self._send(seat, "advance", [(job.key, job.request, job.sampling) for job in jobs], at_least)

    def _bring_weights(self) -> None:
        """Have engines that wait for weights take them together, once those that start now can too."""
        weights = self._weights
        if weights is None or weights.snapshot:
            return
        waiting = [seat for seat in self._seats if seat.version != weights.version and not seat.under_way]
        if not waiting or any(seat.call or not seat.stands for seat in waiting) or not weights.available():
            return
        started = time.monotonic()
        sent = weights.transport.send({seat.name: seat.actor for seat in waiting}, weights.version)
        for _ in waiting:  # all were at it until the slowest was done
            self._count("update_weights", time.monotonic() - started)
        for seat in waiting:
            result = sent[seat.name]
            if isinstance(result, str):
                self._replace(seat, result)
            else:
                self._holds(seat, weights.version, result)

    def _holds(self, seat: _Seat, version: int, received: int) -> None:
        """Note that an engine has taken weights, not yet checked; the last lets the snapshot go."""
        seat.version, seat.checked = version, False
        self.received_bytes += received
        weights = self._weights
        if weights is not None and all(one.version == weights.version for one in self._seats):
            self._weights = replace(weights, snapshot=())

    def _take(self, number: int, seat: _Seat) -> list[_Job]:
        """Jobs whose place is this seat, and of others what fills the engine, up to its share."""
        samples = sum(job.request.samples for job in seat.under_way.values())
        everything = [*self._queue, *(job for one in self._seats for job in one.under_way.values())]
        share = -(-sum(job.request.samples for job in everything) // len(self._seats))
        room = min(self.config.max_sequences, share)
        taken, left = [], deque[_Job]()
        for job in self._queue:
            fits = samples < room if job.place is None else job.place % len(self._seats) == number
            if fits:
                taken.append(job)
                samples += job.request.samples
            else:
                left.append(job)
        self._queue = left
        return taken

    def _send(self, seat: _Seat, method: str, *arguments: Any) -> None:
        ref = getattr(seat.actor, method).remote(*arguments)
        seat.call = _Call(method=method, ref=ref, since=time.monotonic())

    def _settle(self, seat: _Seat) -> None:
        """Take the answer of a seat's call."""
        call, seat.call = seat.call, None
        assert call is not None
        try:
            answer = wait_for(call.ref, seat.name, self.timeout_s)
        except ActorError as error:
            how = loss(error, self.timeout_s)
            if how is None:
                raise
            await_verdict(error, seat.actor)
            self._replace(seat, how)
            return
        if call.method == "ready":
            seat.stands = True
            return
        answer = self._counted(call.method, answer)
        if call.method == "update_weights":
            self._holds(seat, *answer)
        elif call.method == "logprobs":
            assert self._weights is not None
            if seat.version == self._weights.version:
                self._weights.check(seat.name, answer)
                seat.checked = True
        else:
            seat.losses = 0
            for key, rollouts in answer:
                job = seat.under_way.pop(key)
                self._finished.append(Finished(key=key, rollouts=tuple(rollouts), attempt=job.attempt))

    def _counted(self, method: str, done: Worked[Any]) -> Any:
        """What an engine answered, its seconds counted."""
        self._count(method, done.seconds)
        return done.answer

    def _count(self, method: str, seconds: float) -> None:
        self.busy_s += seconds
        self.longest_s[method] = max(seconds, self.longest_s.get(method, 0.0))

    def _replace(self, seat: _Seat, cause: str) -> None:
        """Put a new engine into a seat; what was under way there is first in the queue.

        Raises:
            ActorError: one of these jobs has ended as many engines as it may, or the seat as many as that
                before they did anything.
        """
        self.lost.append(f"{seat.name} with {len(seat.under_way)} jobs: {cause}")
        ray.kill(seat.actor)
        for job in seat.under_way.values():
            if job.attempt + 1 >= LIVES:
                raise ActorError(f"{seat.name}: {cause}, {LIVES} times with {job.request.prompt.prompt_id}")
        seat.losses += 1
        if seat.losses >= LIVES:
            raise ActorError(f"{seat.name}: {cause}, {LIVES} times in a row")
        again = [replace(job, attempt=job.attempt + 1) for job in seat.under_way.values()]
        self._queue.extendleft(reversed(again))
        seat.actor = self._engine(seat.number)
        seat.stands, seat.version, seat.checked, seat.under_way, seat.call = False, None, False, {}, None
