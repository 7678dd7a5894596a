"""Producers of live prompts without Ray: what one makes, and what becomes of one that dies."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors import producers
from actors.producers import ProducerPool
from actors.supervision import ActorDiedError, ActorError
from actors.work import Worked
from records.config import LiveConfig
from records.simulation import SimulateConfig
from rl.questions import Asking

ASKING = Asking(composite_share=0.5, tags_per_prompt=3, seed=4)


class Actor:
    """A producer whose batches are their numbers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.begun: list[int] = []

    @property
    def make(self) -> "Actor":
        return self

    def remote(self, batch: int) -> tuple["Actor", int]:
        self.begun.append(batch)
        return self, batch


class Pool(ProducerPool):
    """A pool of such producers."""

    def _start(self, seat: int) -> tuple[str, Any]:
        name = f"producer {self._started}"
        self._started += 1
        return name, Actor(name)


def _pool(workers: int, users: int = 20) -> Pool:
    config = replace(SimulateConfig(), users=users)
    return Pool(config, 3, Path("h"), Path("m"), ASKING, LiveConfig(workers=workers), 60)


def _waiting(deaths: int) -> Callable[..., Worked[list[str]]]:
    left = [deaths]

    def wait_for(ref: tuple[Actor, int], who: str, timeout_s: float, **bounds: float) -> Worked[list[str]]:
        actor, batch = ref
        if left[0]:
            left[0] -= 1
            raise ActorDiedError(who, "died")
        return Worked(answer=[f"{actor.name}: {batch}"], seconds=1.5)

    return wait_for


def test_batches_go_to_whoever_has_least_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producers, "wait_for", _waiting(0))
    pool = _pool(2)
    for batch in range(4):
        pool.begin(batch)
    assert [pool.take(batch) for batch in (0, 2)] == [["producer 0: 0"], ["producer 0: 2"]]
    pool.begin(4)
    assert pool.take(4) == ["producer 0: 4"]


def test_a_producer_that_dies_is_replaced_and_all_it_had_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(producers, "wait_for", _waiting(1))
    pool = _pool(2)
    for batch in range(4):
        pool.begin(batch)
    pool.drop(3)
    assert [pool.take(batch) for batch in (0, 1, 2)] == [
        ["producer 2: 0"],
        ["producer 1: 1"],
        ["producer 2: 2"],
    ]
    assert pool.lost == ["producer 0 with live prompts from 0 on"]
    assert (pool.busy_s, pool.seats) == (4.5, 2)  # what the lost one was at counts as nothing


def test_who_died_is_replaced_when_it_is_asked_for_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producers, "wait_for", _waiting(1))
    done: list[Any] = []
    monkeypatch.setattr(producers.ray, "wait", lambda refs, timeout: (refs if done else [], []))
    pool = _pool(1)
    pool.begin(0)
    pool.begin(1)
    assert not pool.ready(0)  # under way
    done.append(True)
    assert not pool.ready(0)  # it died: made again
    assert pool.lost == ["producer 0 with live prompts from 0 on"]
    assert pool.ready(0)
    assert pool.take(0) == ["producer 1: 0"]
    assert pool.ready(1)
    assert pool.busy_s == 1.5  # counted once, and when it is taken
    assert pool.take(1) == ["producer 1: 1"]


def test_a_batch_that_ends_three_producers_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producers, "wait_for", _waiting(3))
    pool = _pool(1)
    pool.begin(2)
    with pytest.raises(ActorError, match="producer 2, asked for live prompts from 256 on, died 3 times"):
        pool.take(2)


def test_one_that_does_not_answer_in_time_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_for(ref: Any, who: str, timeout_s: float, *, bound_s: float) -> None:
        assert 59 < timeout_s <= bound_s == 60
        raise ActorError(f"{who} did not answer within {timeout_s:g} s")

    monkeypatch.setattr(producers, "wait_for", wait_for)
    pool = _pool(1)
    pool.begin(0)
    with pytest.raises(ActorError, match="producer 0, asked for live prompts from 0 on, did not answer"):
        pool.take(0)
