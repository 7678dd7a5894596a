"""One generation that takes far longer than the rest, on a real Ray and the real pool with engines that are
made up: who waits for it, and what becomes of it.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from actors.cluster import ray_cluster
from actors.rollout import RolloutPool, Weights
from actors.transport import SameWeights
from actors.work import Worked
from records.config import ClusterConfig, RLConfig, RolloutConfig
from records.prompt import Request, Rollout, Sampling
from rl.collector import Collector
from rl.protocols import Finished
from tests.test_rl_collector import KEPT, World, _config

STRAGGLER = "0"
"""The prompt that was asked first."""


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with ray_cluster(ClusterConfig(cpus=2)):
        yield


def engine(released: Path) -> type:
    """Engines that finish what is under way one by one and in order, STRAGGLER once the file `released` is
    there. Their responses say which engine wrote them.

    The class is made here so that Ray sends its code.
    """

    class Engine:
        def __init__(self, *arguments: Any) -> None:
            self.version = 0
            self.under_way: dict[int, tuple[Request, int]] = {}

        def ready(self) -> list[str]:
            return []

        def advance(
            self, jobs: Sequence[tuple[int, Request, Sampling]], at_least: int
        ) -> Worked[list[tuple[int, list[Rollout]]]]:
            self.under_way |= {key: (request, self.version) for key, request, _ in jobs}
            while True:
                for key, (request, version) in self.under_way.items():
                    if request.prompt.prompt_id != STRAGGLER or released.exists():
                        del self.under_way[key]
                        rollouts = [self.rollout(request, index, version) for index in range(request.samples)]
                        return Worked(answer=[(key, rollouts)], seconds=0.0)
                time.sleep(0.01)

        def update_weights(self, version: int, buckets: Sequence[Any]) -> Worked[tuple[int, int]]:
            assert not self.under_way
            self.version = version
            return Worked(answer=(version, 0), seconds=0.0)

        def rollout(self, request: Request, index: int, version: int) -> Rollout:
            return Rollout(
                prompt_id=request.prompt.prompt_id,
                sample_idx=index,
                seed=request.seed + index,
                token_ids=(1,),
                logprobs=(-1.0,),
                text=str(os.getpid()),
                finish_reason="stop",
                policy_version=version,
                gen_seconds=0.0,
            )

    return Engine


class Watched(RolloutPool):
    """A pool that remembers what it handed over: prompt and engine, in order."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.handed: list[tuple[str, str]] = []

    def poll(self, timeout_s: float = 1.0) -> list[Finished]:
        finished = super().poll(timeout_s)
        self.handed += [(done.rollouts[0].prompt_id, done.rollouts[0].text) for done in finished]
        return finished


def publish(pool: RolloutPool, version: int) -> None:
    """As generation that runs ahead gets weights: each engine when it is free, nobody waits."""
    pool.release_snapshot()
    pool.set_weights(Weights(version=version, transport=SameWeights(60), snapshot=(ray.put(b""),)))


def test_a_straggler_holds_up_nobody_and_is_dropped_as_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = tmp_path / "released"
    monkeypatch.setattr("actors.rollout.RolloutEngine", engine(released))
    config: RLConfig = replace(_config(groups=2), max_staleness=1)
    world = World([KEPT] * 100)
    pool = Watched(tmp_path, RolloutConfig(actors=2), 16, 60)
    try:
        while not all(seat.stands for seat in pool._seats):
            pool.poll()  # both are there before either has work
        collector = Collector(config, world, pool, world.scorers, seed=9)  # type: ignore[arg-type]
        for step in range(3):
            collected = collector.collect(step, world.record)
            trained = [one.scored.group for one in collected.training]
            assert len(trained) == 2
            assert STRAGGLER not in [one.scored.group.prompt.prompt_id for one in collected.judged]
            assert all(step - group.rollouts[0].policy_version <= 1 for group in trained)
            collector.pump()  # as beside an update
            publish(pool, step + 1)
        assert int(STRAGGLER) in collector.unsettled()  # a run that stopped here would ask for it again

        released.touch()
        while STRAGGLER not in [prompt for prompt, _ in pool.handed]:
            collector.pump(wait=True)
        collected = collector.collect(3, world.record)
        stale = {one.scored.group.prompt.prompt_id: one.verdict.group_reasons for one in collected.judged}
        assert stale[STRAGGLER] == ("stale",)
        assert STRAGGLER not in [one.scored.group.prompt.prompt_id for one in collected.training]
        assert len(collected.training) == 2

        pool.settle_weights()  # the engine that was held up takes those of the day
        assert {seat.version for seat in pool._seats} == {3}
    finally:
        pool.close()
    handed = [prompt for prompt, _ in pool.handed]
    assert len(handed) == len(set(handed))
    # All that three batches took came first, from each engine in the order it was asked.
    assert handed.index(STRAGGLER) >= 6
    writer = dict(pool.handed)[STRAGGLER]
    for name in {name for _, name in pool.handed}:
        order = [int(prompt) for prompt, by in pool.handed if by == name and prompt != STRAGGLER]
        assert order == sorted(order)
        before = [prompt for prompt, by in pool.handed[: handed.index(STRAGGLER)] if by == name]
        assert (len(before) == 1) == (name == writer)  # what it had begun beside it, and nothing new
    assert pool.lost == []
