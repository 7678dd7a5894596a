"""Semantization actors: pieces of a log read, then partitions of users built, side by side."""

from pathlib import Path
from typing import Any

from actors.cluster import ray_cluster
from actors.tasks import TaskPool, TaskWorker, workers_for
from lm.chat import Client
from records.config import ClusterConfig
from semantize.folder import Generation
from semantize.pipeline import LocalRunner, Progress, TokenizerSource, semantize
from semantize.worker import Semantizer


class SemantizerWorker(TaskWorker):
    """Does the tasks of one generation of a folder."""

    def __init__(self, out: str, generation: int, key_file: str) -> None:
        self.semantizer = Semantizer(Path(out), generation, Path(key_file) if key_file else None)

    def partition(self, piece: int) -> None:
        """Read a piece of the log."""
        self.semantizer.partition(piece)

    def build(self, part: int) -> None:
        """Write a partition's histories."""
        self.semantizer.build(part)


def semantizer_pool(
    generation: Generation, key_file: Path | None, workers: int, timeout_s: float
) -> TaskPool:
    """Semantizers whose tasks are those of `generation`."""
    arguments = (
        str(generation.out.absolute()),
        generation.number,
        str(key_file.absolute()) if key_file else "",
    )
    return TaskPool(SemantizerWorker, arguments, name="semantizer", workers=workers, timeout_s=timeout_s)


def semantize_folder(
    generation: Generation,
    key_file: Path | None,
    tokenizer: TokenizerSource,
    max_quarantine_share: float,
    cluster: ClusterConfig,
    progress: Progress,
    client: Client | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Do what is left of `generation`: in this process where it is little, else by actors of a Ray.

    Returns the summary, and the workers that were lost on the way, each with its task.
    Raises as `semantize.pipeline.semantize` and `TaskPool.run`.
    """
    semantizer = Semantizer(generation.out, generation.number, key_file)

    def run(runner: LocalRunner | TaskPool) -> dict[str, Any]:
        return semantize(
            generation,
            semantizer,
            runner,
            tokenizer,
            max_quarantine_share,
            progress,
            client=client,
            timeout_s=cluster.timeout_s,
        )

    tasks = max(len(generation.pieces), len(generation.parts))
    if tasks <= 1:  # sooner done than a Ray is up
        return run(LocalRunner(semantizer)), []
    with ray_cluster(cluster):
        pool = semantizer_pool(generation, key_file, workers_for(cluster, tasks), cluster.timeout_s)
        try:
            return run(pool), pool.lost
        finally:
            pool.close()
