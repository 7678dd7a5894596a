"""How jobs are dealt over engines, without any."""

from collections import deque
from typing import Any

import pytest

from actors.placement import Places
from actors.rollout import RolloutPool, _Call, _Seat
from actors.supervision import ActorError
from records.config import RolloutConfig
from records.prompt import Prompt, Request, Sampling

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_tokens=4)
PROMPT = Prompt(prompt_id="p", user_id="u", task="tags", tags=("pet",), history_lines=1, token_ids=(1,))


def _pool(seats: int, max_sequences: int = 256) -> RolloutPool:
    pool = object.__new__(RolloutPool)
    pool.config = RolloutConfig(actors=seats, max_sequences=max_sequences)
    pool._seats = [
        _Seat(number=number, name=f"rollout engine {number}", actor=None) for number in range(seats)
    ]
    pool._queue = deque()
    pool._next_key = 0
    pool._weights = None
    return pool


def _submit(pool: RolloutPool, count: int, *, placed: bool) -> None:
    for place in range(count):
        request = Request(prompt=PROMPT, samples=8, seed=place)
        pool.submit(request, SAMPLING, place if placed else None)


def _taken(pool: RolloutPool) -> list[list[int]]:
    """Keys that each seat takes, one after the other."""
    found = []
    for number, seat in enumerate(pool._seats):
        jobs = pool._take(number, seat)
        seat.under_way |= {job.key: job for job in jobs}
        found.append([job.key for job in jobs])
    return found


def test_jobs_without_a_place_are_shared_out() -> None:
    pool = _pool(2)
    _submit(pool, 6, placed=False)
    assert _taken(pool) == [[0, 1, 2], [3, 4, 5]]
    assert not pool._queue


def test_an_engine_takes_no_more_than_it_can_sample_at_once() -> None:
    pool = _pool(2, max_sequences=16)
    _submit(pool, 6, placed=False)
    assert _taken(pool) == [[0, 1], [2, 3]]
    assert [job.key for job in pool._queue] == [4, 5]
    # One is done: there is room for another.
    del pool._seats[0].under_way[0]
    assert [job.key for job in pool._take(0, pool._seats[0])] == [4]


def test_a_large_job_is_taken_by_an_idle_engine() -> None:
    pool = _pool(1, max_sequences=4)
    _submit(pool, 2, placed=False)
    assert _taken(pool) == [[0]]


def test_places_decide_where_there_are_any() -> None:
    pool = _pool(3)
    _submit(pool, 7, placed=True)
    assert _taken(pool) == [[0, 3, 6], [1, 4], [2, 5]]


def test_an_engine_whose_node_died_without_another_ends_the_run_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not tried three times: an actor that has no place never starts."""
    table = {"bundles_to_node_id": {0: "a node", 1: ""}}
    monkeypatch.setattr("actors.placement.placement_group_table", lambda group: table)
    group: Any = object()
    pool = _pool(2)
    pool._places, pool.timeout_s = Places(group=group), 5.0
    pool._seats[0].stands = True
    pool._seats[1].call = _Call(method="advance", ref=None, since=-10.0)
    monkeypatch.setattr("ray.wait", lambda refs, **_: ([], refs))
    with pytest.raises(ActorError, match="rollout engine 1: a node died, and no other had room for what was"):
        pool.poll()
