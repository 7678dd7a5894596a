"""A cluster of two nodes on this machine: learner and engines on both; then one node is killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
import ray
from ray.util.placement_group import placement_group_table

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from actors.nodes import check_shared
from actors.placement import Need, Places, cluster_nodes, learner_need, reserved, rollout_need, scorer_need
from actors.rollout import RolloutPool
from actors.scorer import ScorerPool
from launch.doctor.command import doctor
from launch.stages.rl import CheckedPublisher
from lm import checkpoint
from records.config import (
    ClusterConfig,
    FilterConfig,
    LearnerConfig,
    RefillConfig,
    RLConfig,
    RolloutConfig,
    ScorerConfig,
)
from records.errors import UserError
from records.prompt import Prompt
from rl.loop import RLRun, train
from rl.prompts import Shuffled

HEAD, OTHER = "127.0.0.2", "127.0.0.3"
"""Loopback too, but unlike 127.0.0.1 Ray does not replace it by the machine's outward address."""

NODES = {HEAD: 4, OTHER: 3}
"""Address → CPUs."""

PORT = 6397
ADDRESS = f"{HEAD}:{PORT}"

TIMEOUT_S = 120.0


def start_node(address: str, *where: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        # A node that was killed is known to be dead after some seconds rather than a quarter of a minute.
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
    }
    command = [
        str(Path(sys.executable).parent / "ray"), "start", *where, f"--node-ip-address={address}",
        f"--num-cpus={NODES[address]}", "--object-store-memory=200000000", "--block",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


@pytest.fixture(scope="module")
def worker_node() -> Iterator[subprocess.Popen[bytes]]:
    """Two nodes, joined; yields the process that holds the one that is not the head."""
    before = os.environ.get("RAY_AUTH_MODE")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    head, worker = start_node(HEAD, "--head", f"--port={PORT}", "--include-dashboard=false"), None
    try:
        wait_until(lambda: _listens(head))
        worker = start_node(OTHER, f"--address={ADDRESS}")
        with ray_cluster(ClusterConfig(address=ADDRESS)):
            wait_until(lambda: len(cluster_nodes()) == len(NODES))
            yield worker
    finally:
        for process in filter(None, (worker, head)):
            process.terminate()
            process.wait(timeout=60)
        if before is None:
            del os.environ["RAY_AUTH_MODE"]
        else:
            os.environ["RAY_AUTH_MODE"] = before


def _listens(head: subprocess.Popen[bytes]) -> bool:
    assert head.poll() is None, "the head node did not start"
    try:
        ray.init(address=ADDRESS, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError):
        return False
    ray.shutdown()
    return True


def kill_node(node: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a node's process and to all that it started."""
    top = psutil.Process(node.pid)
    for process in [top, *top.children(recursive=True)]:
        process.kill()


def wait_until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)


PROMPTS = [
    Prompt(
        prompt_id=f"p{number}",
        user_id=f"u{number}",
        task="tags",
        tags=("pet",),
        history_lines=1,
        token_ids=tuple(np.random.default_rng(number).integers(5, 250, 40).tolist()),
    )
    for number in range(12)
]
ENGINES = RolloutConfig(actors=2, threads=1, cpus_per_actor=0.25)
SCORERS = ScorerConfig(actors=2, embeddings="", cpus_per_actor=0.1)


class Watch:
    """A log that keeps scalars, and calls `after` with the number of each step that is done."""

    def __init__(self, after: Callable[[int], None]) -> None:
        self.after = after
        self.sync: list[float] = []

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if "sync/max_logprob_diff" in values:
            self.sync.append(values["sync/max_logprob_diff"])
        if "time/step" in values:
            self.after(step)

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None: ...

    def text(self, step: int, name: str, text: str) -> None: ...


@contextmanager
def actors(
    model_dir: Path, config: LearnerConfig, out: Path
) -> Iterator[tuple[RolloutPool, LearnerGroup, ScorerPool, dict[str, Places]]]:
    """Learner, engines and scorers in reserved places."""
    needs = learner_need(config), rollout_need(ENGINES), scorer_need(SCORERS)
    with reserved(needs, 30) as places, started(model_dir, config, places, out) as parts:
        yield *parts, places


Parts = tuple[RolloutPool, LearnerGroup, ScorerPool]


@contextmanager
def started(
    model_dir: Path, config: LearnerConfig, places: Mapping[str, Places], out: Path
) -> Iterator[Parts]:
    """Learner, engines and scorers in places that are reserved."""
    references = {prompt.user_id: {"pet": ("cat",)} for prompt in PROMPTS}
    pool = RolloutPool(model_dir, ENGINES, 256, TIMEOUT_S, places["rollout"])
    learner = LearnerGroup(model_dir, config, TIMEOUT_S, local=False, places=places["learner"])
    scorers = ScorerPool(references, SCORERS, TIMEOUT_S, out / "judge", places["scorer"])
    try:
        yield pool, learner, scorers
    finally:
        for part in (pool, learner, scorers):
            part.close()


def run_steps(
    parts: Parts, steps: int, out: Path, after: Callable[[int], None], save_every: int = 100
) -> pl.DataFrame:
    """Train up to so many steps, from the newest checkpoint in `out`; returns the ledger."""
    pool, learner, scorers = parts
    log = Watch(after)
    begun = checkpoint.step_of(checkpoint.latest(out / "checkpoints"))
    train(
        RLRun(
            config=RLConfig(
                steps=steps,
                groups_per_step=4,
                group_size=2,
                max_response_tokens=8,
                lr=0.02,
                save_every=save_every,
                probe_every=100,
                probe_samples=1,
                filters=FilterConfig(sample=False, group=False),
                refill=RefillConfig(max_rounds=1),
            ),
            directory=out,
            seed=0,
            prompts=Shuffled(PROMPTS, 0),
            probe_prompts=PROMPTS[:2],
            rollouts=pool,
            scorers=scorers,
            learner=learner,
            publish=CheckedPublisher(learner, pool, [PROMPTS[0].token_ids], 1e-4),
            log=log,
            micro_batch_tokens=100,
        )
    )
    assert len(log.sync) == steps - begun + 1
    assert max(log.sync) < 1e-4
    return pl.concat(pl.read_parquet(file) for file in sorted((out / "ledger").glob("*.parquet")))


def addresses(places: Places) -> set[str]:
    """Addresses of the nodes that bundles lie on."""
    names = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
    assert places.group is not None
    return {names[node] for node in placement_group_table(places.group)["bundles_to_node_id"].values()}


def learner_of(ranks: int, cpus: float) -> LearnerConfig:
    return LearnerConfig(
        ranks=ranks, cpus_per_rank=cpus, zero_stage=2, threads=1, micro_batch_tokens=100, weight_decay=0.5
    )


def test_learner_and_engines_on_both_nodes(
    worker_node: subprocess.Popen[bytes], model_dir: Path, tmp_path: Path
) -> None:
    # Neither node has room for both ranks.
    with actors(model_dir, learner_of(2, 2.5), tmp_path) as (*parts, places):
        for kind in ("learner", "rollout", "scorer"):
            assert addresses(places[kind]) == set(NODES), kind
        ledger = run_steps((parts[0], parts[1], parts[2]), 2, tmp_path, lambda step: None)
    assert ledger["step"].value_counts().sort("step").rows() == [(0, 8), (1, 8)]
    assert ledger["attempt"].max() == 0


def test_actors_without_room_are_told_of_before_anything_starts(
    worker_node: subprocess.Popen[bytes],
) -> None:
    large = Need(kind="rollout", count=1, cpus=5)
    told = r"no room for rollout.* the largest node, 127\.0\.0\.\d, has \d CPUs; change"
    with pytest.raises(UserError, match=told), reserved([large], 10):
        pytest.fail("reserved")
    small = Need(kind="scorer", count=1, cpus=3)
    whole = Need(kind="learner", count=2, cpus=3)
    with reserved([whole], 10):
        told = r"no place for scorer 1 × \(3 CPUs\) within 1 s .* of which are left 127\.0\.0\.\d [01] CPUs"
        with pytest.raises(UserError, match=told), reserved([small], 1):
            pytest.fail("reserved")
    with reserved([small], 10) as places:  # nothing has stayed reserved
        assert len(addresses(places["scorer"])) == 1


def test_the_doctor_asks_every_node(
    worker_node: subprocess.Popen[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(Path("quickstart"), [f"runs_dir={tmp_path}", f"cluster.address={ADDRESS}"]) == 0
    shown = capsys.readouterr().out
    assert "actors ask for 2 of 7 CPUs" in shown
    assert f"run directory: seen by 2 nodes at {tmp_path}" in shown
    assert "are the same on 2 node(s)" in shown
    check_shared(tmp_path, 60)
    assert list(tmp_path.iterdir()) == []


def test_a_node_that_is_killed_is_done_without(
    worker_node: subprocess.Popen[bytes], model_dir: Path, tmp_path: Path
) -> None:
    """Last, as the node does not come back. It held an engine and a scorer; others take their place."""

    def kill_after_the_first(step: int) -> None:
        if step == 1:
            kill_node(worker_node)

    # The learner has room on the head alone.
    with actors(model_dir, learner_of(1, 3.2), tmp_path) as (*parts, places):
        assert addresses(places["learner"]) == {HEAD}
        assert addresses(places["rollout"]) == addresses(places["scorer"]) == set(NODES)
        pool, learner, scorers = parts
        ledger = run_steps((pool, learner, scorers), 3, tmp_path, kill_after_the_first)
        assert addresses(places["rollout"]) == addresses(places["scorer"]) == {HEAD}
    for lost in (pool.lost, scorers.lost):
        assert len(lost) == 1, lost
        assert lost[0].endswith("it died"), lost
    # Every group is there once, those of the lost engine at their second attempt.
    assert ledger["step"].value_counts().sort("step").rows() == [(0, 8), (1, 8), (2, 8)]
    assert ledger.select("group_id", "sample_idx").n_unique() == len(ledger)
    again = set(ledger.filter(pl.col("attempt") == 1)["step"])
    assert again
    assert again <= {1, 2}
