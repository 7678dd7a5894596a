"""Induction actors: memories of a log's partitions, then personas of chunks of users, side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors.cluster import ray_cluster
from actors.tasks import TaskPool, TaskWorker, workers_for
from induce.folder import Generation, finish
from induce.inducers import Inducer
from induce.pipeline import Progress, chunks_made, make_memories, make_personas
from induce.worker import Induction
from records.config import ClusterConfig
from records.induction import InduceConfig
from semantize.pipeline import LocalRunner, Runner


class InducerWorker(TaskWorker):
    """Does the tasks of one generation of a folder."""

    def __init__(self, out: str, generation: int) -> None:
        self.induction = Induction(Path(out), generation)

    def pauses(self, part: int) -> None:
        """Count the pauses of a partition's users."""
        self.induction.pauses(part)

    def memories(self, part: int) -> None:
        """Write the memories of a partition's users."""
        self.induction.memories(part)

    def personas(self, chunk: int) -> None:
        """Write the personas of a chunk of users."""
        self.induction.personas(chunk)


def inducer_pool(generation: Generation, workers: int, timeout_s: float) -> TaskPool:
    """Workers whose tasks are those of `generation`."""
    arguments = (str(generation.out.absolute()), generation.number)
    return TaskPool(InducerWorker, arguments, name="inducer", workers=workers, timeout_s=timeout_s)


def induce_folder(
    generation: Generation,
    config: InduceConfig,
    cluster: ClusterConfig,
    progress: Progress,
    inducer: Inducer | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Do what is left of `generation`: in this process where it is little, else by actors of a Ray.

    `inducer`, which asks a server or engines, works from this process; without it actors make clusters.
    Returns the summary, and the workers that were lost on the way, each with its task.
    Raises as `TaskPool.run` and the inducer.
    """
    lost: list[str] = []
    if generation.is_finished:
        return finish(generation), lost
    chunks = memories_of_folder(generation, config, cluster, progress, lost)
    here = inducer is not None or chunks <= 1
    with _here(generation, inducer) if here else _actors(generation, cluster, chunks, lost) as runner:
        return make_personas(generation, chunks, runner, progress), lost


def memories_of_folder(
    generation: Generation,
    config: InduceConfig,
    cluster: ClusterConfig,
    progress: Progress,
    lost: list[str],
) -> int:
    """Do what is left of the memories of `generation` alone; returns how many chunks of users there are.

    Workers that were lost on the way are added to `lost`. Raises as `TaskPool.run`.
    """
    if (made := chunks_made(generation)) is not None:  # no workers are started for nothing
        return made
    parts = generation.partitions
    with _here(generation) if parts <= 1 else _actors(generation, cluster, parts, lost) as runner:
        return make_memories(generation, config, runner, progress)


@contextmanager
def _here(generation: Generation, inducer: Inducer | None = None) -> Iterator[Runner]:
    yield LocalRunner(Induction(generation.out, generation.number, inducer))


@contextmanager
def _actors(generation: Generation, cluster: ClusterConfig, tasks: int, lost: list[str]) -> Iterator[Runner]:
    with ray_cluster(cluster):
        pool = inducer_pool(generation, workers_for(cluster, tasks), cluster.timeout_s)
        try:
            yield pool
        finally:
            pool.close()
            lost += pool.lost
