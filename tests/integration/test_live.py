"""Live prompts on a real Ray: any number of producers, one that dies or hangs, a run that trains on them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from actors.cluster import ray_cluster
from actors.producers import ProducerPool
from actors.supervision import ActorError
from launch.curves import read_curves
from records.config import ClusterConfig, LiveConfig, SemantizeConfig
from records.prompt import COMPOSITE_TASK
from records.simulation import SimulateConfig
from rl.ledger import read_ledger
from rl.live import LivePrompts
from rl.questions import Asking
from semantize.folder import Job, open_log
from semantize.pipeline import LocalRunner, semantize
from semantize.worker import Semantizer
from simulate.block import BLOCK
from simulate.engine import simulate
from tests.integration.conftest import actor_processes, usergpt

CONFIG = SimulateConfig(users=20, min_days=60, max_days=90)
ASKING = Asking(composite_share=0.5, tags_per_prompt=3, seed=4)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with ray_cluster(ClusterConfig(cpus=2)):
        yield


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Path:
    """The folder of a small simulation's histories."""
    place = tmp_path_factory.mktemp("live")
    simulate(CONFIG, 3, place / "events")
    config = SemantizeConfig(token_budget=300)
    generation = open_log(str(place / "events"), Job(config=config), place / "histories")
    semantizer = Semantizer(place / "histories", 0, None)
    tokenizer = model_dir / "tokenizer.json"
    semantize(generation, semantizer, LocalRunner(semantizer), tokenizer, 0.0, lambda *progress: None)
    return place / "histories"


def _pool(histories: Path, model_dir: Path, workers: int, timeout_s: float = 120) -> ProducerPool:
    live = LiveConfig(workers=workers)
    return ProducerPool(CONFIG, 3, histories, model_dir, ASKING, live, timeout_s)


@pytest.mark.usefixtures("cluster")
def test_prompts_do_not_depend_on_who_makes_them(histories: Path, model_dir: Path) -> None:
    """One producer, or two of which one is killed and another comes in its place."""
    found = []
    for workers in (1, 2):
        pool = _pool(histories, model_dir, workers)
        references: dict[str, dict[str, tuple[str, ...]]] = {}
        live = LivePrompts(pool, 2, references)  # type: ignore[arg-type]
        try:
            prompts = [live.at(cursor) for cursor in range(BLOCK)]
            if workers == 2:
                for producer in actor_processes("Producer"):
                    producer.kill()
            prompts += [live.at(cursor) for cursor in range(BLOCK, 3 * BLOCK)]
            # One of the two may have made its block already.
            assert len(pool.lost) in {1: (0,), 2: (1, 2)}[workers]
        finally:
            pool.close()
        found.append((prompts, references))
    assert found[0] == found[1]
    prompts, references = found[0]
    users = [prompt.user_id for prompt in prompts if prompt]
    # The first block holds the 20 users of the simulation, and is left out whole.
    assert min(users) >= f"u{BLOCK:07d}"
    assert len(set(users)) == len(users) > 2.9 * BLOCK
    assert set(references) == set(users)
    assert {len(prompt.tags) for prompt in prompts if prompt} == {3}
    composites = [prompt.task == COMPOSITE_TASK for prompt in prompts if prompt]
    assert sum(composites) == pytest.approx(len(users) / 2, abs=5)


@pytest.mark.usefixtures("cluster")
def test_a_producer_that_hangs_is_named(histories: Path, model_dir: Path) -> None:
    pool = _pool(histories, model_dir, 1)
    try:
        pool.begin(0)
        pool.take(0)
        (producer,) = actor_processes("Producer")
        producer.suspend()
        pool.timeout_s = 2
        pool.begin(1)
        with pytest.raises(ActorError, match=r"producer 0, asked for live prompts from 128 on"):
            pool.take(1)
    finally:
        pool.close()


def test_a_run_trains_on_users_of_its_own(tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "tiny")
    shutil.rmtree(tmp_path / "tiny" / "rl")
    words = (str(tiny_run.parent / "tiny.yaml"), f"runs_dir={tmp_path}", "rl.prompts=live")
    done = usergpt("rl", *words, "rl.steps=2", "rl.groups_per_step=4", "rl.live.queue=128")
    assert done.returncode == 0, done.stdout + done.stderr
    ledger = read_ledger(tmp_path / "tiny" / "rl" / "ledger")
    groups = ledger.group_by("group_id", maintain_order=True).agg(pl.col("user_id").first())
    # 60 users are simulated, so the second block is the first beyond; each is asked once, in order.
    assert groups["user_id"].to_list() == [f"u{number:07d}" for number in range(128, 136)]
    assert (ledger["score_error"] == "").all()
    assert ledger["trained_step"].n_unique() == 2
    told = pl.read_parquet(tmp_path / "tiny" / "rl" / "prompts.parquet")
    assert told["purpose"].unique().to_list() == ["probe"]
    curves = read_curves(tmp_path / "tiny" / "rl" / "curves.jsonl")
    idle = [row["time/idle/producer"] for row in curves if "time/idle/producer" in row]
    assert len(idle) == 2
    assert 0 <= min(idle) < 1  # the first step waited for its prompts
    assert max(idle) <= 1
