"""The DeepSpeed learner: one Ray actor a rank, driven as one by `LearnerGroup`.

It knows no algorithm: SFT and DF-GRPO pass it an `Objective` and micro-batches.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from actors.learner_rank import CPU_ENVIRONMENT, LearnerRank
from actors.placement import ANYWHERE, HOMELESS, Places
from actors.rounds import Engines
from actors.supervision import ActorDiedError, ActorError, await_verdict, wait_for, wait_for_all
from actors.weights import BUCKET_BYTES
from lm.objective import Objective, UpdateReport
from records.config import LearnerConfig
from records.errors import UserError
from records.files import read_json, write_json

DIVIDED = "learner.json"
"""File of a checkpoint that says over how many ranks it is divided, and how."""

_LOOK_S = 0.02
"""How long to wait for the ranks between two looks at others, seconds."""


class LearnerGroup:
    """All ranks as one learner. They start in the background; the first call waits for them.

    `busy_s` is how long all ranks were at work together (waiting for each other too), `longest_s`, by method,
    how long the slowest was at the last call. `busy` while there is an update, with no weights to give then.
    """

    def __init__(
        self,
        model_dir: Path,
        config: LearnerConfig,
        timeout_s: float,
        *,
        local: bool,
        optimizer: str = "adamw",
        places: Places = ANYWHERE,
    ) -> None:
        self.config = config
        self.timeout_s = timeout_s
        self._places = places
        self.busy_s = 0.0
        self.longest_s: dict[str, float] = {}
        self._store = tempfile.mkdtemp(prefix="usergpt-ranks-") if local else ""
        environment = {
            "OMP_NUM_THREADS": str(config.threads),
            "HF_HUB_OFFLINE": "1",
            **({} if config.gpus_per_rank else CPU_ENVIRONMENT),
        }
        options = {
            "num_cpus": config.cpus_per_rank,
            "num_gpus": config.gpus_per_rank,
            "runtime_env": {"env_vars": environment},
        }
        self.actors = [
            ray.remote(LearnerRank)
            .options(**options, **places.of(rank))
            .remote(model_dir.absolute(), config, rank)
            for rank in range(config.ranks)
        ]
        store = f"file:{self._store}/store"
        if not local:
            store = wait_for(self.actors[0].address.remote(), "learner rank 0", timeout_s)
        self.busy = False
        self._starting = [rank.start.remote(optimizer, store, timeout_s) for rank in self.actors]

    @property
    def ranks(self) -> int:
        """How many ranks there are."""
        return self.config.ranks

    @property
    def seats(self) -> int:
        """The same, as workers of a kind."""
        return self.ranks

    def _all(self, method: str, *args: Any) -> list[Any]:
        """Call `method` on every rank and wait for all of them."""
        return self._wait(method, [getattr(rank, method).remote(*args) for rank in self.actors])

    def _wait(self, method: str, pending: list[ray.ObjectRef], timeout_s: float | None = None) -> list[Any]:
        self._wait_for_start()
        done = self._answers(pending, self.timeout_s if timeout_s is None else max(1.0, timeout_s))
        self.busy_s += sum(rank.seconds for rank in done)
        self.longest_s[method] = max(rank.seconds for rank in done)
        return [rank.answer for rank in done]

    def _wait_for_start(self) -> None:
        # What a rank cannot do because it never started is not the failure to tell.
        if self._starting:
            starting, self._starting = self._starting, []
            try:
                self._answers(starting, self.timeout_s)
            except ActorError as error:
                if isinstance(error, ActorDiedError) or all(map(self._places.placed, range(self.ranks))):
                    raise
                raise ActorError(f"{error}: {HOMELESS}") from error

    def _answers(self, pending: list[ray.ObjectRef], timeout_s: float) -> list[Any]:
        names = [f"learner rank {rank}" for rank in range(len(pending))]
        try:
            return wait_for_all(pending, names, timeout_s, bound_s=self.timeout_s)
        except ActorDiedError as error:
            await_verdict(error, self.actors[names.index(error.who)])
            raise

    def update(
        self,
        minibatches: Sequence[Sequence[Any]],
        normalisers: Sequence[float],
        objective: Objective,
        lr: float,
        empty: Any,
        meanwhile: Callable[[], None] | None = None,
    ) -> UpdateReport:
        """One optimiser step a mini-batch; its micro-batches are dealt over the ranks.

        A rank that is dealt fewer gets `empty` (a micro-batch in which nothing counts): ranks that run
        different numbers of micro-batches would wait for each other for ever. `meanwhile` is called again
        and again until one is done.
        """
        world = self.config.ranks
        dealt: list[list[list[Any]]] = [[] for _ in range(world)]
        for minibatch in minibatches:
            rounds = -(-len(minibatch) // world)
            for rank in range(world):
                mine = list(minibatch[rank::world])
                dealt[rank].append(mine + [empty] * (rounds - len(mine)))
        pending = [
            actor.update.remote(dealt[rank], list(normalisers), objective, lr)
            for rank, actor in enumerate(self.actors)
        ]
        deadline = time.monotonic() + self.timeout_s
        self.busy = True
        try:
            while meanwhile and time.monotonic() < deadline and not ray.wait(pending, timeout=_LOOK_S)[0]:
                meanwhile()
            return self._wait("update", pending, deadline - time.monotonic())[0]  # type: ignore[no-any-return]
        finally:
            self.busy = False

    def logprobs(self, sequences: Sequence[tuple[int, ...]]) -> list[npt.NDArray[np.float64]]:
        """Untempered log-probs of tokens 1… of each sequence given those before."""
        return self._all("logprobs", list(sequences))[0]  # type: ignore[no-any-return]

    def buckets(self, dtype: str = "float32", most_bytes: int = BUCKET_BYTES) -> Iterator[ray.ObjectRef]:
        """The current weights, a bucket at a time; the next is made while one is used.

        A bucket leaves the object store when its user drops it: who drops each before asking for the next has
        at most two there. Must not be called while there is an update.
        """

        def ask(first: bool) -> tuple[list[ray.ObjectRef], ray.ObjectRef]:
            asked = [
                rank.next_bucket.options(num_returns=2).remote(first, dtype, most_bytes)
                for rank in self.actors
            ]
            return [more for more, _ in asked], asked[0][1]

        self._wait_for_start()
        ahead = ask(True)
        while True:
            more, bucket = ahead
            if not self._answers(more, self.timeout_s)[0]:
                return
            ahead = ask(False)
            yield bucket

    def places(self) -> list[str]:
        """The GPUs of all ranks, rank 0's first, as NODE:NUMBER."""
        return [place for places in self._all("places") for place in places]

    def send(
        self, dtype: str, backend: str, engines: Engines, workers: Mapping[str, int], version: int
    ) -> dict[str, int | str]:
        """Give `engines` the current weights from GPU to GPU; the bytes each received, or how it was lost."""
        address = wait_for(self.actors[0].address.remote(), "learner rank 0", self.timeout_s)
        to = (backend, dict(engines), dict(workers), address, version, self.timeout_s)
        return self._all("send", dtype, *to)[0]  # type: ignore[no-any-return]

    def export(self, directory: Path) -> None:
        """Write the weights in Hugging Face format, whole."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        self._all("export", directory.absolute())

    def save(self, directory: Path) -> None:
        """Write a checkpoint of all ranks into `directory` (the caller renames it into place)."""
        self._all("save", directory.absolute())
        write_json(directory / DIVIDED, self._divided())

    def load(self, directory: Path) -> None:
        """Continue from a checkpoint of as many ranks.

        Raises:
            UserError: it was divided otherwise.
        """
        was = read_json(directory / DIVIDED) if (directory / DIVIDED).exists() else self._divided()
        for key, now in self._divided().items():
            if was.get(key) != now:
                raise UserError(f"{directory} has learner.{key} {was.get(key)}, now it is {now}; set it back")
        self._all("load", directory.absolute())

    def _divided(self) -> dict[str, int]:
        return {"ranks": self.config.ranks, "zero_stage": self.config.zero_stage}

    def close(self) -> None:
        """End the ranks' processes."""
        for rank in self.actors:
            ray.kill(rank)
        if self._store:
            shutil.rmtree(self._store, ignore_errors=True)
