"""Simulation actors: shards of users written side by side, a lost worker's shard written again."""

import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError

from actors.supervision import ActorError, wait_for, wait_for_all
from records.config import ClusterConfig
from records.errors import UserError
from records.simulation import SimulateConfig
from simulate.engine import SHARD_USERS, ShardWriter, SimulationSummary, open_simulation, summary_of
from simulate.world_files import SHIPPED

LIVES = 3
"""How often a shard is tried: one that ends its worker every time is at fault itself."""


class SimulatorWorker:
    """Writes shards; runs inside its actor's process."""

    def __init__(self, config: SimulateConfig, seed: int, out: str) -> None:
        self.writer = ShardWriter(config, seed, Path(out))

    def write(self, shard: int) -> int:
        """Write a shard; returns its number."""
        self.writer.write(shard)
        return shard

    def peak_bytes(self) -> int:
        """Largest resident memory of this process so far."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class SimulatorPool:
    """Simulators that take shards from one queue."""

    def __init__(self, config: SimulateConfig, seed: int, out: Path, workers: int, timeout_s: float) -> None:
        # A worker runs in a directory of its own.
        world = [name if name == SHIPPED else str(Path(name).absolute()) for name in config.world]
        self.arguments = (ray.put(replace(config, world=world)), seed, str(out.absolute()))
        self.timeout_s = timeout_s
        self.lost: list[str] = []
        self.actors: dict[str, Any] = {}
        self.started = 0
        for _ in range(workers):
            self._start()

    def run(self, todo: list[int], progress: Callable[[int], None]) -> None:
        """Write the shards `todo`; `progress` is called with how many are written.

        Raises:
            ActorError: a shard was lost LIVES times, or a worker did not answer in time.
        """
        queue = list(reversed(todo))
        tries = dict.fromkeys(todo, 0)
        pending: dict[Any, tuple[str, int, float]] = {}
        idle = list(self.actors)
        done = 0
        while queue or pending:
            while queue and idle:
                name, shard = idle.pop(), queue.pop()
                tries[shard] += 1
                pending[self.actors[name].write.remote(shard)] = (name, shard, time.monotonic())
            ready, _ = ray.wait(list(pending), timeout=5.0)
            for ref in ready:
                name, shard, _ = pending.pop(ref)
                try:
                    wait_for(ref, name, self.timeout_s)
                except ActorError as error:
                    if not isinstance(error.__cause__, RayActorError) or tries[shard] >= LIVES:
                        raise ActorError(f"shard {shard}: {error}") from error
                    self.lost.append(f"{name} with shard {shard}")
                    del self.actors[name]
                    idle.append(self._start())
                    queue.append(shard)
                else:
                    done += 1
                    idle.append(name)
                    progress(done)
            for name, shard, since in pending.values():
                if time.monotonic() - since > self.timeout_s:
                    raise ActorError(
                        f"{name} did not write shard {shard} within {self.timeout_s:g} s (cluster.timeout_s)"
                    )

    def wait_until_up(self) -> None:
        """Return when every worker has read the world."""
        self.peak_bytes()

    def peak_bytes(self) -> list[int]:
        """Largest resident memory of each worker so far."""
        refs = [actor.peak_bytes.remote() for actor in self.actors.values()]
        return wait_for_all(refs, list(self.actors), self.timeout_s)

    def close(self) -> None:
        """End the workers' processes."""
        for actor in self.actors.values():
            ray.kill(actor)

    def _start(self) -> str:
        name = f"simulator {self.started}"
        self.started += 1
        # Polars would start as many threads as there are CPUs, in every worker.
        environment = {"env_vars": {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}}
        actor = ray.remote(SimulatorWorker).options(num_cpus=1, runtime_env=environment)
        self.actors[name] = actor.remote(*self.arguments)
        return name


def simulate_sharded(
    config: SimulateConfig,
    seed: int,
    out: Path,
    cluster: ClusterConfig,
    progress: Callable[[int], None],
) -> tuple[SimulationSummary, list[str]]:
    """Simulate into `out` with the workers of the Ray that is up; `progress` gets the number of users done.

    Returns the summary, and the workers that were lost on the way, each with its shard.
    Raises as `simulate.engine.open_simulation` and `SimulatorPool.run`.
    """
    todo = open_simulation(config, seed, out)
    lost: list[str] = []
    if todo:
        cpus = int(ray.cluster_resources().get("CPU", 1))
        workers = cluster.simulators or cpus
        if workers > cpus:  # Ray would wait for ever
            raise UserError(f"cluster.simulators is {workers}, the cluster has {cpus} CPUs; lower it")
        before = -(-config.users // SHARD_USERS) - len(todo)
        pool = SimulatorPool(config, seed, out, min(workers, len(todo)), cluster.timeout_s)
        try:
            pool.run(todo, lambda done: progress(min(config.users, (before + done) * SHARD_USERS)))
        finally:
            pool.close()
            lost = pool.lost
    return summary_of(config, out), lost
