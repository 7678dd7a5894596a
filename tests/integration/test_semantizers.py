"""Semantization on a real Ray: any number of workers, lost workers and killed runs give the same bytes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from actors.cluster import ray_cluster
from actors.semantizers import semantize_folder, semantizer_pool
from records.config import ClusterConfig, SemantizeConfig
from records.simulation import SimulateConfig
from semantize.folder import Generation, Job, open_log, open_update
from semantize.pipeline import semantize
from semantize.store import live_table, read_histories
from semantize.worker import Semantizer
from simulate.engine import simulate
from tests.integration.conftest import actor_processes, killed, usergpt

CLUSTER = ClusterConfig(address="local", cpus=2)
CONFIG = SemantizeConfig(token_budget=300, partition_events=10_000)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with ray_cluster(CLUSTER):
        yield


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated events of 128 users in files by time, so that users are spread over all of them."""
    folder = tmp_path_factory.mktemp("log")
    simulate(SimulateConfig(users=128), 5, folder / "simulation")
    events = pl.read_parquet(folder / "simulation" / "events-*.parquet").sort("timestamp")
    (folder / "log").mkdir()
    size = -(-len(events) // 4)
    for number in range(4):
        events[number * size : (number + 1) * size].write_parquet(folder / "log" / f"events-{number}.parquet")
    return folder / "log"


@pytest.fixture(scope="module")
def expected(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as one worker writes it, with a tokenizer trained on the log."""
    out = tmp_path_factory.mktemp("expected") / "out"
    with ray_cluster(CLUSTER):
        run(open_log(str(log), Job(config=CONFIG), out), None, workers=1)
    return out


def contents(out: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(out)): file.read_bytes()
        for file in sorted(out.rglob("*"))
        if file.is_file() and file.name != ".lock"
    }


def run(generation: Generation, tokenizer: Path | None, workers: int) -> list[str]:
    cluster = replace(CLUSTER, workers=workers)
    _, lost = semantize_folder(generation, None, tokenizer, 0.2, cluster, lambda *_: None)
    return lost


@pytest.mark.usefixtures("cluster")
def test_the_number_of_workers_does_not_matter(log: Path, expected: Path, tmp_path: Path) -> None:
    generation = open_log(str(log), Job(config=CONFIG), tmp_path / "out")
    assert len(generation.pieces) == 4
    assert generation.partitions > 2
    assert run(generation, expected / "tokenizer.json", workers=2) == []
    assert contents(tmp_path / "out") == contents(expected)


@pytest.mark.usefixtures("cluster")
def test_killed_workers_lose_nothing_and_double_nothing(log: Path, expected: Path, tmp_path: Path) -> None:
    generation = open_log(str(log), Job(config=CONFIG), tmp_path / "out")
    pool = semantizer_pool(generation, None, 2, 120.0)
    killed: dict[str, int] = {}

    def kill_in_each_phase(phase: str, done: int, total: int) -> None:
        if phase not in killed and done < total:
            killed[phase] = 0
            for process in actor_processes("SemantizerWorker"):
                killed[phase] += 1
                process.kill()

    try:
        semantizer = Semantizer(tmp_path / "out", 0, None)
        semantize(generation, semantizer, pool, expected / "tokenizer.json", 0.2, kill_in_each_phase)
    finally:
        pool.close()
    assert set(killed) == {"read", "build"}
    assert min(killed.values()) >= 1
    assert any("piece" in name for name in pool.lost)
    assert any("partition" in name for name in pool.lost)
    assert contents(tmp_path / "out") == contents(expected)


def test_a_killed_run_goes_on(log: Path, expected: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        "semantize", "run", str(log), "--out", str(out), "--model", str(expected),
        "semantize.token_budget=300", "semantize.partition_events=10000", "cluster.cpus=2",
        "cluster.workers=1",
    ]  # fmt: skip
    killed(*words, when=lambda: any(out.glob("generation-000/part-*.json")))
    done = usergpt(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "events of 128 users" in done.stdout
    assert contents(out) == contents(expected)


@pytest.mark.usefixtures("cluster")
def test_an_update_by_actors_gives_what_all_at_once_gives(log: Path, expected: Path, tmp_path: Path) -> None:
    *old, new = sorted(log.glob("events-*.parquet"))
    (tmp_path / "old").mkdir()
    for file in old:
        (tmp_path / "old" / file.name).symlink_to(file)
    out = tmp_path / "out"
    run(open_log(str(tmp_path / "old"), Job(config=CONFIG), out), expected / "tokenizer.json", workers=2)
    run(open_update(str(new), out, None), None, workers=2)
    by_user = {history.user_id: history for history in read_histories(expected)}
    assert {history.user_id: history for history in read_histories(out)} == by_user
    order = ["user_id", "row"]
    steps, once = (live_table(folder, "events").collect().sort(order) for folder in (out, expected))
    assert steps.equals(once)
