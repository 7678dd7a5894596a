"""Simulation actors on a real Ray: any number of workers, lost workers, a killed run that goes on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actors.cluster import ray_cluster
from actors.simulators import simulate_sharded, simulator_pool
from actors.supervision import ActorError
from actors.tasks import LIVES
from records.config import ClusterConfig
from records.errors import UserError
from records.simulation import SimulateConfig
from simulate.engine import SHARD_USERS, open_simulation, scan, simulate, summary_of
from tests.integration.conftest import actor_processes, killed, usergpt

CONFIG = SimulateConfig(users=4 * SHARD_USERS + 10, min_days=60, max_days=120)
CLUSTER = ClusterConfig(cpus=2)
SEED = 5


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.glob("[!.]*")) if path.is_file()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process writes without Ray."""
    out = tmp_path_factory.mktemp("expected")
    simulate(CONFIG, SEED, out)
    return contents(out)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with ray_cluster(CLUSTER):
        yield


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_does_not_matter(
    workers: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    done: list[int] = []
    summary, lost = simulate_sharded(CONFIG, SEED, tmp_path, replace(CLUSTER, workers=workers), done.append)
    assert contents(tmp_path) == expected
    assert (summary, lost) == (summary_of(CONFIG, tmp_path), [])
    assert done == sorted(done)
    assert done[-1] == CONFIG.users


@pytest.mark.usefixtures("cluster")
def test_more_workers_than_cpus_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cluster.workers is 5, the cluster has 2 CPUs; lower it"):
        simulate_sharded(CONFIG, SEED, tmp_path, replace(CLUSTER, workers=5), lambda done: None)


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    expected: dict[str, bytes], tmp_path: Path
) -> None:
    pool = simulator_pool(CONFIG, SEED, tmp_path, 2, 120.0)
    killed: list[int] = []

    def kill_once(done: int) -> None:
        if not killed:
            for process in actor_processes("SimulatorWorker"):
                killed.append(process.pid)
                process.kill()

    try:
        pool.run("write", open_simulation(CONFIG, SEED, tmp_path), kill_once, task_name="shard")
    finally:
        pool.close()
    assert len(killed) == 2
    assert pool.lost
    assert all("simulator" in name and "with shard" in name for name in pool.lost)
    assert contents(tmp_path) == expected
    assert scan(tmp_path, "events").collect()["event_id"].is_unique().all()


@pytest.mark.usefixtures("cluster")
def test_a_shard_that_ends_every_worker_is_named(tmp_path: Path) -> None:
    pool = simulator_pool(CONFIG, SEED, tmp_path, 1, 120.0)
    todo = open_simulation(CONFIG, SEED, tmp_path)[:1]
    start = pool._start

    def start_dead() -> str:
        name = start()
        import ray

        ray.kill(pool.actors[name])
        return name

    pool._start = start_dead  # type: ignore[method-assign]
    import ray

    ray.kill(pool.actors["simulator 0"])
    try:
        with pytest.raises(ActorError, match=r"shard 0: simulator \d+ died"):
            pool.run("write", todo, lambda done: None, task_name="shard")
    finally:
        pool.close()
    assert len(pool.lost) == LIVES - 1


def test_a_killed_run_goes_on(expected: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        "simulate", "run", f"simulate.users={CONFIG.users}", "simulate.min_days=60", "simulate.max_days=120",
        f"seed={SEED}", "cluster.cpus=2", "--out", str(out),
    ]  # fmt: skip
    killed(*words, when=lambda: any(out.glob("shard-*.json")))
    done = usergpt(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(out) == expected
    assert "repaired, rejected" in done.stdout
