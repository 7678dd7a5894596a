"""Seconds at work, as actors tell them: counted by pools, and the shares of idleness that follow."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import group_pool, learner, rollout
from actors.learner import LearnerGroup
from actors.placement import ANYWHERE
from actors.rollout import RolloutPool, Weights
from actors.scorer import Scorer, ScorerPool
from actors.supervision import ActorDiedError, ActorError
from actors.transport import SameWeights
from actors.work import IdleClock, Worked, worked
from launch.stages.rl import CheckedPublisher
from records.config import LearnerConfig, RolloutConfig, ScorerConfig
from records.prompt import Prompt, RolloutGroup, Score
from rewards.llm_judge import LLMTally
from rewards.summary import Tally

PROMPT = Prompt(prompt_id="p", user_id="u", task="tags", tags=("pet",), history_lines=1, token_ids=(1,))


class Crew:
    """Actors that say what they are told to."""

    def __init__(self, seats: int) -> None:
        self.seats = seats
        self.busy_s = 0.0


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_method_tells_how_long_it_took() -> None:
    class Sleeper:
        @worked
        def sleep(self, seconds: float) -> str:
            """Sleep."""
            time.sleep(seconds)
            return "slept"

    done = Sleeper().sleep(0.02)
    assert done.answer == "slept"
    assert done.seconds >= 0.02
    assert (Sleeper.sleep.__name__, Sleeper.sleep.__doc__) == ("sleep", "Sleep.")


def test_idle_shares_by_hand() -> None:
    clock, engines, ranks = Clock(), Crew(2), Crew(1)
    engines.busy_s = 50.0  # before anyone looked
    idle = IdleClock({"rollout": engines, "learner": ranks}, clock)
    clock.now, engines.busy_s, ranks.busy_s = 110.0, 55.0, 10.0
    # Of 2 × 10 s engines were at work for 5, ranks for 10 of 10.
    assert idle.look() == {"time/cycle": 10.0, "time/idle/rollout": 0.75, "time/idle/learner": 0.0}
    clock.now = 114.0
    assert idle.look() == {"time/cycle": 4.0, "time/idle/rollout": 1.0, "time/idle/learner": 1.0}
    # Nothing has passed: nobody can have been at work.
    assert idle.look()["time/idle/rollout"] == 1.0


def test_a_long_call_is_counted_over_the_looks_that_it_lasted() -> None:
    clock, ranks = Clock(), Crew(1)
    idle = IdleClock({"learner": ranks}, clock)
    clock.now = 110.0
    assert idle.look()["time/idle/learner"] == 1.0  # it is under way, and tells nothing yet
    clock.now, ranks.busy_s = 115.0, 12.0
    assert idle.look()["time/idle/learner"] == 0.0
    clock.now = 125.0
    # Of its 12 s 5 were counted in the last 5: 7 of the next 10.
    assert idle.look()["time/idle/learner"] == pytest.approx(0.3)


@given(st.lists(st.tuples(st.floats(0.1, 50), st.floats(0, 50)), min_size=1), st.integers(1, 4))
def test_shares_are_shares_and_seconds_are_not_lost(looks: list[tuple[float, float]], seats: int) -> None:
    clock, crew = Clock(), Crew(seats)
    idle = IdleClock({"rollout": crew}, clock)
    counted = 0.0
    for seconds, busy in looks:
        clock.now += seconds
        crew.busy_s += busy
        found = idle.look()
        assert 0 <= found["time/idle/rollout"] <= 1
        counted += (1 - found["time/idle/rollout"]) * found["time/cycle"] * seats
    assert counted <= crew.busy_s + 1e-6
    clock.now += crew.busy_s + 1  # what is left over has room now
    found = idle.look()
    counted += (1 - found["time/idle/rollout"]) * found["time/cycle"] * seats
    assert counted == pytest.approx(crew.busy_s, rel=1e-6, abs=1e-6)


def _answers(monkeypatch: pytest.MonkeyPatch, module: Any, answers: dict[Any, Any]) -> None:
    """Have `module` get these answers to references; one that is an error is raised."""

    def wait_for(ref: Any, who: str, timeout_s: float) -> Any:
        if isinstance(answers[ref], Exception):
            raise answers[ref]
        return answers[ref]

    def wait_for_all(refs: list[Any], who: list[str], timeout_s: float, *, bound_s: float) -> list[Any]:
        return [wait_for(ref, name, timeout_s) for ref, name in zip(refs, who, strict=True)]

    for name, stand_in in (("wait_for", wait_for), ("wait_for_all", wait_for_all)):
        monkeypatch.setattr(module, name, stand_in, raising=False)


def _died() -> ActorError:
    return ActorDiedError("somebody", "died")


class Actor:
    """Stands in for Ray's class of actors, and for an actor: what is called has the reference `ref`."""

    ref = "its call"

    def remote(self, *arguments: Any) -> Any:
        return self

    def __getattr__(self, method: str) -> Any:
        return type("Method", (), {"remote": staticmethod(lambda *arguments: self.ref)})


def _engines(seats: int) -> RolloutPool:
    pool = object.__new__(RolloutPool)
    pool.config = RolloutConfig(actors=seats)
    pool.timeout_s, pool.busy_s, pool.lost, pool.longest_s, pool.received_bytes = 60.0, 0.0, [], {}, 0
    pool._places, pool._arguments, pool._weights = ANYWHERE, (), None
    pool._queue, pool._finished, pool._next_key = rollout.deque(), [], 0
    pool._seats = [rollout._Seat(number=n, name=f"rollout engine {n}", actor=Actor()) for n in range(seats)]
    return pool


def _call(pool: RolloutPool, seat: int, method: str, ref: str) -> None:
    long_ago = time.monotonic() - 30  # the driver looks late
    pool._seats[seat].call = rollout._Call(method=method, ref=ref, since=long_ago)
    pool._settle(pool._seats[seat])


def test_engines_are_at_work_as_long_as_they_say_and_a_replaced_ones_seconds_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {
        "a": Worked(answer=[], seconds=2.5),
        "b": _died(),
        "c": Worked(answer=[], seconds=0.5),
        "weights": Worked(answer=(3, 7), seconds=0.25),
    }
    _answers(monkeypatch, rollout, answers)
    monkeypatch.setattr(rollout.ray, "kill", lambda actor: None)
    monkeypatch.setattr(rollout.ray, "remote", lambda kind: Actor())
    monkeypatch.setattr(Actor, "options", lambda self, **options: self, raising=False)
    pool = _engines(2)
    _call(pool, 0, "advance", "a")
    _call(pool, 0, "advance", "b")
    assert pool.lost == ["rollout engine 0 with 0 jobs: it died"]
    assert (pool.busy_s, pool.seats) == (2.5, 2)
    _call(pool, 1, "advance", "c")
    pool.set_weights(Weights(version=3, transport=SameWeights(1.0), snapshot=("bucket",)))
    _call(pool, 1, "update_weights", "weights")
    assert (pool.busy_s, pool.longest_s) == (3.25, {"update_weights": 0.25})


def test_scorers_are_at_work_as_long_as_they_say_and_what_a_lost_one_s_judge_did_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    score = Score(format_ok=True, format_reason="", reward=1.0, atomic=1.0, summary=None)

    def told(asked: int, seconds: float) -> Worked[Any]:
        did = LLMTally(judged=2, asked=asked, tokens=10 * asked, failed=Counter(timeout=1))
        return Worked(answer=([score], did), seconds=seconds)

    answers = {"a": told(3, 1.5), "b": _died(), "c": told(4, 1.0), "d": ActorError("no")}
    _answers(monkeypatch, group_pool, answers)
    monkeypatch.setattr(group_pool.ray, "kill", lambda actor: None)
    monkeypatch.setattr(group_pool.ray, "remote", lambda kind: Actor())
    monkeypatch.setattr(Actor, "options", lambda self, **options: self, raising=False)
    pool = object.__new__(ScorerPool)
    pool.config, pool.start_s, pool.busy_s, pool.lost = ScorerConfig(actors=2), 60.0, 0.0, []
    pool._groups, pool._tries, pool._scored, pool._queue = {}, {}, [], group_pool.deque()
    pool.timeout_s = 60.0
    pool._started, pool._next_key, pool._arguments, pool._places = 0, 0, (), ANYWHERE
    pool._seats, pool._tallies = [pool._seated(0)], [LLMTally(), LLMTally()]
    pool.references = {"u": {}}
    group = RolloutGroup(group_id="g", round=0, attempt=0, prompt=PROMPT, rollouts=())
    for ref in "abcd":  # the second group ends a scorer, and comes back from the next
        if ref != "c":
            pool.submit(group)
        monkeypatch.setattr(Actor, "ref", ref)
        pool._dispatch()
        pool._settle(pool._seats[0])
    assert [key for key, _ in pool._scored] == [0, 1, 2]
    assert [one.scores for _, one in pool._scored[:2]] == [(score,)] * 2
    assert pool.lost == ["scorer 0 with group g: it died"]
    assert (pool.busy_s, pool.seats) == (2.5, 1)
    did, nothing = pool.stats()
    assert (did["judged"], did["asked"], did["tokens"], did["failed"]) == (4, 7, 70, {"timeout": 2})
    assert (nothing["judged"], nothing["asked"], nothing["tokens"], nothing["failed"]) == (0, 0, 0, {})


def test_a_scorer_tells_what_its_judge_did_once(tmp_path: Path) -> None:
    one = Scorer(ScorerConfig(embeddings=""), str(tmp_path), 0)
    one.judge.tally.judged = 3
    assert one.score(PROMPT, [], {}).answer == ([], Tally(judged=3))
    assert one.score(PROMPT, [], {}).answer == ([], Tally())


def _learner() -> LearnerGroup:
    group = object.__new__(LearnerGroup)
    group.config, group.timeout_s, group.busy_s, group.longest_s = LearnerConfig(ranks=2), 60.0, 0.0, {}
    group._starting, group.busy = [], False
    group.actors = [Actor(), Actor()]
    group.actors[0].ref, group.actors[1].ref = "rank 0", "rank 1"
    return group


def test_ranks_are_at_work_as_long_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"rank 0": Worked(answer=["x"], seconds=2.0), "rank 1": Worked(answer=[], seconds=3.0)}
    _answers(monkeypatch, learner, answers)
    group = _learner()
    assert group.logprobs([]) == ["x"]
    assert (group.busy_s, group.longest_s, group.seats) == (5.0, {"logprobs": 3.0}, 2)
    group.places()
    assert (group.busy_s, group.longest_s) == (10.0, {"logprobs": 3.0, "places": 3.0})


class Sent:
    """A transport by which engines get ten bytes each, in a twentieth of a second."""

    def send(self, engines: dict[str, Any], version: int) -> dict[str, int | str]:
        time.sleep(0.05)
        return dict.fromkeys(engines, 10)


@pytest.mark.parametrize("overlapped", [False, True])
def test_a_sync_takes_what_those_who_do_it_say_whenever_the_driver_looks(
    monkeypatch: pytest.MonkeyPatch, *, overlapped: bool
) -> None:
    """Together, engines take as long as the transport; out of a snapshot, as long as the slowest says."""
    group, pool = _learner(), _engines(2)
    ours = [np.array([-1.0, -2.0])]
    monkeypatch.setattr(group, "_answers", lambda refs, timeout_s: [Worked(answer=ours, seconds=0.25)] * 2)
    monkeypatch.setattr(group, "buckets", lambda dtype: iter(["bucket"]))
    answers = {
        "weights 0": Worked(answer=(1, 10), seconds=1.0),
        "weights 1": Worked(answer=(1, 10), seconds=2.0),
        "probe 0": Worked(answer=ours, seconds=0.5),
        "probe 1": Worked(answer=ours, seconds=0.125),
    }
    _answers(monkeypatch, rollout, answers)

    def engines_take_them() -> None:
        for seat in pool._seats:
            seat.stands = True
        pool._bring_weights()
        for method, ref in (("update_weights", "weights"), ("logprobs", "probe")):
            for seat in range(2):
                if overlapped or method == "logprobs":
                    _call(pool, seat, method, f"{ref} {seat}")

    monkeypatch.setattr(pool, "settle_weights", engines_take_them)
    publish = CheckedPublisher(group, pool, [(1, 2, 3)], 1e-4, overlapped=overlapped)
    publish.transport = Sent()
    told = dict(publish(1))
    if overlapped:  # nobody has taken them yet
        assert told == {}
        engines_take_them()
        monkeypatch.setattr(pool, "set_weights", lambda weights: None)
        told = dict(publish(2))
    seconds = told.pop("sync/seconds")
    assert (2.0 <= seconds < 2.5) if overlapped else (0.05 <= seconds < 1.0)
    assert told == {
        "sync/bytes": 20.0,
        "sync/probe_seconds": 0.25 + 0.5,
        "sync/max_logprob_diff": 0.0,
        "sync/mismatch_kl": 0.0,
    }
