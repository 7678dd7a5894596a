"""How jobs and weights are dealt over engines and what becomes of a lost one's, without any."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from actors.placement import Places
from actors.rollout import RolloutPool, Weights, _Call, _Job, _Seat
from actors.scorer import ScorerPool
from actors.supervision import ActorError
from actors.tasks import LIVES
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
    pool._finished, pool.lost, pool.longest_s = [], [], {}
    pool.received_bytes, pool.busy_s, pool.timeout_s = 0, 0.0, 5.0
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


class Engine:
    """A handle whose calls are kept, and answer nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, method: str) -> Any:
        def remote(*arguments: Any) -> object:
            self.calls.append((method, *arguments))
            return object()

        return type("Method", (), {"remote": staticmethod(remote)})


class Transport:
    """Tells whom it sent which version; every engine receives 10 bytes, or what `answers` says."""

    def __init__(self, answers: Mapping[str, int | str] | None = None) -> None:
        self.answers = answers or {}
        self.sent: list[tuple[dict[str, Any], int]] = []

    def send(self, engines: Mapping[str, Any], version: int) -> dict[str, int | str]:
        self.sent.append((dict(engines), version))
        return {name: self.answers.get(name, 10) for name in engines}


def _standing(seats: int, version: int | None = None) -> RolloutPool:
    """Engines that stand and hold the weights of `version`, none of which is at work."""
    pool = _pool(seats)
    for seat in pool._seats:
        seat.actor, seat.stands, seat.version = Engine(f"engine {seat.number}"), True, version
    return pool


def _weights(version: int, transport: Any = None, **more: Any) -> Weights:
    return Weights(version=version, transport=transport or Transport(), **more)


def _calls(pool: RolloutPool) -> list[list[tuple[Any, ...]]]:
    return [seat.actor.calls for seat in pool._seats]


def _job(key: int, attempt: int = 0, place: int | None = None) -> _Job:
    request = Request(prompt=PROMPT, samples=8, seed=key)
    return _Job(key=key, request=request, sampling=SAMPLING, place=place, attempt=attempt)


def test_an_engine_starts_before_it_is_given_anything() -> None:
    pool = _standing(1)
    pool._seats[0].stands = False
    _submit(pool, 1, placed=False)
    pool._dispatch()
    pool._dispatch()  # it is at it: nothing is sent again
    assert _calls(pool) == [[("ready",)]]
    assert len(pool._queue) == 1


def test_jobs_without_a_place_come_back_one_by_one_and_those_with_one_together() -> None:
    for placed, at_least in ((False, 1), (True, 3)):
        pool = _standing(1)
        _submit(pool, 3, placed=placed)
        pool._dispatch()
        ((call,),) = _calls(pool)
        assert (call[0], [key for key, _, _ in call[1]], call[2]) == ("advance", [0, 1, 2], at_least)
        assert list(pool._seats[0].under_way) == [0, 1, 2]
        assert pool._seats[0].call is not None


def test_an_engine_with_nothing_to_do_is_left_alone() -> None:
    pool = _standing(2)
    pool._dispatch()
    assert _calls(pool) == [[], []]


def test_what_an_engine_is_at_is_finished_before_weights_and_nothing_new_is_begun() -> None:
    pool = _standing(1, version=1)
    pool._seats[0].under_way = {7: _job(7)}
    pool._weights = _weights(2, snapshot=("bucket",))
    _submit(pool, 1, placed=False)
    pool._dispatch()
    assert _calls(pool) == [[("advance", [], 1)]]
    assert [job.key for job in pool._queue] == [0]


def test_weights_of_a_snapshot_come_before_their_check_and_the_check_before_jobs() -> None:
    pool = _standing(1, version=1)
    (seat,) = pool._seats
    seat.checked = False
    pool._weights = _weights(2, snapshot=("bucket",), probe=((1, 2),))
    _submit(pool, 1, placed=False)
    pool._dispatch()
    seat.version, seat.call = 2, None
    pool._dispatch()
    seat.checked, seat.call = True, None
    pool._dispatch()
    names = [call[0] for call in seat.actor.calls]
    assert names == ["update_weights", "logprobs", "advance"]
    assert seat.actor.calls[0][1:] == (2, ["bucket"])
    assert seat.actor.calls[1][1:] == ([(1, 2)],)


def test_without_the_weights_set_an_engine_begins_nothing() -> None:
    """Where neither a snapshot nor the learner has them yet."""
    pool = _standing(1, version=1)
    pool._weights = _weights(2, available=lambda: False)
    _submit(pool, 1, placed=False)
    pool._dispatch()
    assert _calls(pool) == [[]]
    assert len(pool._queue) == 1


def test_engines_take_weights_together_once_all_that_wait_can() -> None:
    transport = Transport()
    pool = _standing(4, version=1)
    first, working, current, starting = pool._seats
    working.under_way = {7: _job(7)}
    current.version = 2
    starting.stands = False
    pool._weights = _weights(2, transport)
    pool._bring_weights()
    assert transport.sent == []  # one starts
    starting.stands, starting.call = True, _Call(method="ready", ref=None, since=0.0)
    pool._bring_weights()
    assert transport.sent == []  # and has not said so
    starting.call = None
    pool._bring_weights()
    ((engines, version),) = transport.sent
    assert version == 2
    assert engines == {seat.name: seat.actor for seat in (first, starting)}
    assert [seat.version for seat in pool._seats] == [2, 1, 2, 2]
    # They are yet to be checked; who held them before stays as it was.
    assert [seat.checked for seat in pool._seats] == [False, True, True, False]
    assert pool.received_bytes == 20
    assert pool.busy_s > pool.longest_s["update_weights"] > 0  # that of each counts


def test_weights_are_not_brought_where_none_are_set_or_wanted_or_to_be_had() -> None:
    for version, changes in (
        (1, {"available": lambda: False}),
        (1, {"snapshot": ("bucket",)}),  # of which each takes its own
        (2, {}),
    ):
        transport = Transport()
        pool = _standing(2, version=version)
        pool._bring_weights()
        pool._weights = _weights(2, transport, **changes)
        pool._bring_weights()
        assert transport.sent == []
        assert [seat.version for seat in pool._seats] == [version, version]


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Engines killed; new ones are called after their seats."""
    killed: list[Any] = []
    monkeypatch.setattr("ray.kill", killed.append)
    monkeypatch.setattr(RolloutPool, "_engine", lambda pool, number: Engine(f"new {number}"))
    return killed


def test_an_engine_lost_amid_a_transfer_is_replaced_and_the_others_hold_the_weights(
    killed: list[Any],
) -> None:
    pool = _standing(2, version=1)
    lost = pool._seats[1].actor
    pool._weights = _weights(2, Transport({"rollout engine 1": "it died"}))
    pool._bring_weights()
    assert killed == [lost]
    assert pool.lost == ["rollout engine 1 with 0 jobs: it died"]
    assert [(seat.version, seat.stands) for seat in pool._seats] == [(2, True), (None, False)]
    assert pool.received_bytes == 10


def test_what_a_lost_engine_was_at_is_first_in_the_queue_in_its_order(killed: list[Any]) -> None:
    pool = _standing(2, version=1)
    seat, other = pool._seats
    lost = seat.actor
    seat.under_way = {4: _job(4, attempt=1), 5: _job(5, place=2)}
    seat.checked, seat.call = True, _Call(method="advance", ref=None, since=0.0)
    other.under_way = {3: _job(3)}
    pool._next_key = 6
    _submit(pool, 1, placed=False)
    pool._replace(seat, "it hung")
    assert killed == [lost]
    assert pool.lost == ["rollout engine 0 with 2 jobs: it hung"]
    assert [(job.key, job.attempt) for job in pool._queue] == [(4, 2), (5, 1), (6, 0)]
    assert pool._queue[1] == replace(_job(5, place=2), attempt=1)
    assert seat.actor.name == "new 0"
    assert (seat.stands, seat.version, seat.checked, seat.under_way, seat.call) == (
        False,
        None,
        False,
        {},
        None,
    )
    assert (seat.losses, other.losses) == (1, 0)
    assert list(other.under_way) == [3]


def test_a_job_that_ended_all_its_engines_ends_the_run_with_its_name(killed: list[Any]) -> None:
    pool = _standing(1)
    (seat,) = pool._seats
    lost = seat.actor
    seat.under_way = {4: _job(4, attempt=LIVES - 1)}
    with pytest.raises(ActorError, match=f"^rollout engine 0: it died, {LIVES} times with p$"):
        pool._replace(seat, "it died")
    assert killed == [lost]


def test_a_seat_whose_engines_do_nothing_but_die_ends_the_run(killed: list[Any]) -> None:
    pool = _standing(1)
    (seat,) = pool._seats
    for _ in range(LIVES - 1):
        pool._replace(seat, "it died")
    with pytest.raises(ActorError, match=f"^rollout engine 0: it died, {LIVES} times in a row$"):
        pool._replace(seat, "it died")
    assert len(killed) == len(pool.lost) == LIVES


def test_patience_is_that_of_all_calls_that_follow_each_other() -> None:
    pool = _pool(1)
    pool.timeout_s = 5.0
    assert pool.patience_s == 20
    scorers = object.__new__(ScorerPool)
    scorers.start_s, scorers.timeout_s = 7.0, 11.0
    assert scorers.patience_s == 18
