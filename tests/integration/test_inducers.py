"""Induction on a real Ray with the real sentence embeddings: any number of workers, lost workers and killed
runs give the same personas."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from actors.cluster import ray_cluster
from actors.inducers import induce_folder, inducer_pool
from actors.semantizers import semantize_folder
from induce import store
from induce.folder import Generation, open_personas
from induce.pipeline import make_memories, make_personas
from records.config import ClusterConfig, SemantizeConfig
from records.induction import InduceConfig
from records.simulation import SimulateConfig
from semantize.folder import Job, open_log
from simulate.engine import simulate
from tests.integration.conftest import actor_processes, killed, usergpt

CLUSTER = ClusterConfig(address="local", cpus=2)
CONFIG = InduceConfig()
TABLES = ("memories", "personas", "quality")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with ray_cluster(CLUSTER):
        yield


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A semantized log of 48 simulated users in several partitions."""
    folder = tmp_path_factory.mktemp("log")
    simulate(SimulateConfig(users=48, min_days=60, max_days=120), 5, folder / "simulation")
    job = Job(config=SemantizeConfig(token_budget=300, partition_events=1_500))
    generation = open_log(str(folder / "simulation"), job, folder / "log")
    with ray_cluster(CLUSTER):
        semantize_folder(generation, None, None, 0.2, replace(CLUSTER, workers=1), lambda *_: None)
    return folder / "log"


@pytest.fixture(scope="module")
def expected(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The personas as one worker makes them; the vectors it keeps are there for all."""
    out = tmp_path_factory.mktemp("expected") / "out"
    with ray_cluster(CLUSTER):
        induce_folder(opened(out, log), CONFIG, replace(CLUSTER, workers=1), lambda *_: None)
    return out


def opened(out: Path, log: Path) -> Generation:
    return open_personas(out, log, CONFIG, {"name": "clusters"})


def same(out: Path, expected: Path) -> None:
    for name in TABLES:
        one, other = (
            store.live(folder, name).collect().sort("user_id", maintain_order=True)
            for folder in (out, expected)
        )
        assert one.equals(other), name
    assert (out / store.TOLD).read_bytes() == (expected / store.TOLD).read_bytes()


@pytest.mark.usefixtures("cluster")
def test_killed_workers_lose_nothing_and_double_nothing(log: Path, expected: Path, tmp_path: Path) -> None:
    generation = opened(tmp_path / "out", log)
    assert generation.partitions > 2
    pool = inducer_pool(generation, 2, 120.0)
    seen: dict[str, int] = {}

    def kill_in_each_phase(phase: str, done: int, total: int) -> None:
        if phase not in seen and 0 < done < total:
            seen[phase] = 0
            for process in actor_processes("InducerWorker"):
                seen[phase] += 1
                process.kill()

    try:
        chunks = make_memories(generation, CONFIG, pool, kill_in_each_phase)
        make_personas(generation, chunks, pool, kill_in_each_phase)
    finally:
        pool.close()
    assert set(seen) == {"pauses", "memories", "chunks of users"}
    assert min(seen.values()) >= 1
    assert any("partition" in name for name in pool.lost)
    assert any("chunk" in name for name in pool.lost)
    same(tmp_path / "out", expected)


def test_a_killed_run_goes_on(log: Path, expected: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["induce", str(log), "--out", str(out), "cluster.cpus=2", "cluster.workers=1"]
    killed(*words, when=lambda: any(out.glob("generation-000/chunk-*.json")))
    assert not (out / store.PERSONAS).exists()
    done = usergpt(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "personas, " in done.stdout
    same(out, expected)
    assert (out / store.PAGE).read_text(encoding="utf-8").count("<article>") > 40


def test_personas_are_about_what_users_did(expected: Path) -> None:
    memories = store.read_memories(expected)
    records = [json.loads(line) for line in (expected / store.TOLD).read_text(encoding="utf-8").splitlines()]
    assert len(records) == len(memories) == 48
    several = 0
    for record in records:
        mine = {memory.number: memory for memory in memories[record["user_id"]]}
        several += len(record["personas"]) > 1
        for persona in record["personas"]:
            assert all(not mine[number].noise for number in persona["memories"])
    assert several > 10
    quality = pl.read_parquet(expected / store.QUALITY)
    assert quality.filter(pl.col("count") > 0)["total"].mean() > 0.3  # type: ignore[operator]
