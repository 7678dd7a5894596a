"""Tasks for a pool of workers: a lost worker's task is done again, nothing waits without a bound."""

import resource
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError

from actors.supervision import ActorError, wait_for, wait_for_all
from records.config import ClusterConfig
from records.errors import UserError

LIVES = 3
"""How often a task is tried: one that ends its worker every time is at fault itself."""

SINGLE_THREADED = {"env_vars": {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}}
"""Libraries would start as many threads as there are CPUs, in every worker."""


class TaskWorker:
    """What does tasks, inside its actor's process."""

    def peak_bytes(self) -> int:
        """Largest resident memory of this process so far."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class TaskPool:
    """Workers of one kind that take tasks from one queue.

    `work` is made once a worker, from `arguments`, inside the worker's process; its methods take the number
    of a task. `name` is what a worker is called in errors.
    """

    def __init__(
        self, work: type[TaskWorker], arguments: Sequence[Any], *, name: str, workers: int, timeout_s: float
    ) -> None:
        self.work = work
        self.arguments = [ray.put(argument) for argument in arguments]
        self.name = name
        self.timeout_s = timeout_s
        self.lost: list[str] = []
        self.actors: dict[str, Any] = {}
        self.started = 0
        for _ in range(workers):
            self._start()

    def run(
        self,
        method: str,
        todo: Sequence[int],
        progress: Callable[[int], None],
        *,
        task_name: str,
        timeout_s: float | None = None,
    ) -> None:
        """Do the tasks `todo`, each by `method` of a worker; `progress` is called with how many are done.

        Raises:
            UserError: a worker says the input is at fault.
            ActorError: a task failed, was lost LIVES times, or took longer than `timeout_s` (the pool's own
                where None).
        """
        limit = self.timeout_s if timeout_s is None else timeout_s
        queue = list(reversed(todo))
        tries = dict.fromkeys(todo, 0)
        pending: dict[Any, tuple[str, int, float]] = {}
        idle = list(self.actors)
        done = 0
        while queue or pending:
            while queue and idle:
                name, task = idle.pop(), queue.pop()
                tries[task] += 1
                pending[getattr(self.actors[name], method).remote(task)] = (name, task, time.monotonic())
            ready, _ = ray.wait(list(pending), timeout=5.0)
            for ref in ready:
                name, task, _ = pending.pop(ref)
                try:
                    wait_for(ref, name, limit)
                except ActorError as error:
                    if not isinstance(error.__cause__, RayActorError) or tries[task] >= LIVES:
                        raise ActorError(f"{task_name} {task}: {error}") from error
                    self.lost.append(f"{name} with {task_name} {task}")
                    del self.actors[name]
                    idle.append(self._start())
                    queue.append(task)
                else:
                    done += 1
                    idle.append(name)
                    progress(done)
            for name, task, since in pending.values():
                if time.monotonic() - since > limit:
                    raise ActorError(
                        f"{name} did not finish {task_name} {task} within {limit:g} s (cluster.timeout_s)"
                    )

    def wait_until_up(self) -> None:
        """Return when every worker is made."""
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
        name = f"{self.name} {self.started}"
        self.started += 1
        actor = ray.remote(self.work).options(num_cpus=1, runtime_env=SINGLE_THREADED)
        self.actors[name] = actor.remote(*self.arguments)
        return name


def workers_for(cluster: ClusterConfig, tasks: int) -> int:
    """How many workers to start for so many tasks on the Ray that is up.

    Raises:
        UserError: `cluster.workers` asks for more than there are CPUs, which Ray would wait for for ever.
    """
    cpus = int(ray.cluster_resources().get("CPU", 1))
    workers = cluster.workers or cpus
    if workers > cpus:
        raise UserError(f"cluster.workers is {workers}, the cluster has {cpus} CPUs; lower it")
    return max(1, min(workers, tasks))
