"""Simulation actors: shards of users written side by side, a lost worker's shard written again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from actors.tasks import TaskPool, TaskWorker, workers_for
from records.config import ClusterConfig
from records.simulation import SimulateConfig
from simulate.engine import SHARD_USERS, ShardWriter, SimulationSummary, open_simulation, summary_of
from simulate.world_files import SHIPPED


class SimulatorWorker(TaskWorker):
    """Writes shards."""

    def __init__(self, config: SimulateConfig, seed: int, out: str) -> None:
        self.writer = ShardWriter(config, seed, Path(out))

    def write(self, shard: int) -> None:
        """Write a shard."""
        self.writer.write(shard)


def simulator_pool(config: SimulateConfig, seed: int, out: Path, workers: int, timeout_s: float) -> TaskPool:
    """Simulators whose tasks are the shards of `out`, done by `write`."""
    # A worker runs in a directory of its own.
    world = [name if name == SHIPPED else str(Path(name).absolute()) for name in config.world]
    arguments = (replace(config, world=world), seed, str(out.absolute()))
    return TaskPool(SimulatorWorker, arguments, name="simulator", workers=workers, timeout_s=timeout_s)


def simulate_sharded(
    config: SimulateConfig,
    seed: int,
    out: Path,
    cluster: ClusterConfig,
    progress: Callable[[int], None],
) -> tuple[SimulationSummary, list[str]]:
    """Simulate into `out` with the workers of the Ray that is up; `progress` gets the number of users done.

    Returns the summary, and the workers that were lost on the way, each with its shard.
    Raises as `simulate.engine.open_simulation` and `TaskPool.run`.
    """
    todo = open_simulation(config, seed, out)
    lost: list[str] = []
    if todo:
        before = -(-config.users // SHARD_USERS) - len(todo)
        pool = simulator_pool(config, seed, out, workers_for(cluster, len(todo)), cluster.timeout_s)
        try:
            pool.run(
                "write",
                todo,
                lambda done: progress(min(config.users, (before + done) * SHARD_USERS)),
                task_name="shard",
            )
        finally:
            pool.close()
        lost = pool.lost
    return summary_of(config, out), lost
